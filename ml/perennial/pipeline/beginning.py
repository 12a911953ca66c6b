"""Before there is a champion: what the first training may use, however little, and when it may begin."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from perennial.config import Declaration
from perennial.errors import NothingToTrain
from perennial.pipeline.fitting import Material, ask_current_state, keep_fit, open_folder
from perennial.records import Run, TrainingSet, Version
from perennial.stores import ledger
from perennial.stores.sessions import Session
from perennial.train import train_short


def begin(material: Material, *, is_outcome_new: bool) -> Version:
    """Choose a single-feature rule on all that has matured, fit it on that, and register it.

    Args:
        is_outcome_new: there are as_ofs enough for a search, and one outcome is missing from its folds.
    """
    run, plan = material.run, material.plan
    with open_folder(material) as folder:
        training = ask_current_state(material, material.training)
        trained = train_short(material.declaration.model, training, plan, folder=folder)
        assert trained.choice is not None
        enough_on = trained.choice.enough_on
        trained = replace(trained, choice=replace(trained.choice, is_outcome_new=is_outcome_new))
        found = f"{len(plan.training)} as_ofs could teach, and "
        found += "one outcome is too new or too rare for folds" if is_outcome_new else "they are too few to choose on"
        because = f"{found}: there will be enough by {enough_on} at the earliest."
        with material.stores.warehouse.transaction() as session:
            entry = ledger.enter_recipe(
                session, run, trained.recipe, origin="search", chosen_on=plan.training[-1], because=because
            )
        return keep_fit(material, entry, trained, origin="training")


def check_classes(run: Run, training: TrainingSet) -> None:
    """A first training needs both outcomes.

    Raises:
        NothingToTrain: only one has come true so far.
    """
    if training.labels.nunique() == 1:
        raise NothingToTrain(
            f"{run}: all {len(training.labels)} labels that have matured are {int(training.labels.iloc[0])}: the first training "
            "waits for the other outcome, one as_of at a time."
        )


def find_first_maturity(session: Session, declaration: Declaration, run: Run) -> date:
    """The day on which the first labels mature: those of the oldest snapshot, or of the next that is due."""
    model = declaration.model
    built = ledger.valid_days(session, run.model, first=date.min, last=run.as_of)
    teaching = model.training_as_ofs(min(built, default=run.as_of), run.as_of)
    known = [day for day in teaching if day in set(built)]
    first = min(known, default=model.grid.count_on(run.as_of, 1)[0])
    return model.matured_at(first).astimezone(model.zone).date()
