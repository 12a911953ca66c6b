"""Every week, or when drift asks: assemble -> refit -> train. The champion's recipe is fitted anew in `refitting`; here a
challenger is looked for, which `comparing` assesses.
"""

from __future__ import annotations

import logging

from perennial.config import Declaration
from perennial.errors import ConfigError, HistoryTooShort, NotAsked, NothingToTrain, OneClassLabels, SnapshotMissing
from perennial.pipeline.admitting import admit_matured, find_teaching
from perennial.pipeline.beginning import begin, check_classes
from perennial.pipeline.engines import open_engine
from perennial.pipeline.evidence import find_serving, look_back
from perennial.pipeline.fitting import (
    Material,
    ask_current_state,
    find_rows,
    gather_material,
    keep_fit,
    make_fit,
    name_rested,
    open_folder,
    plan_material,
)
from perennial.pipeline.opening import Stores, recorded
from perennial.records import Assembly, Choice, Labelled, Outcome, Recipe, Run, SearchHistory, SplitPlan, TrainingSet, Version
from perennial.stores import ledger, warehouse
from perennial.stores.sessions import Session
from perennial.train import choose_inputs, find_search, plan_fit, plan_split
from perennial.train import train as search

log = logging.getLogger(__name__)


def ask_for_retraining(stores: Stores, run: Run, *, reason: str) -> str:
    """Why a retraining is due on this day: weekly always, drift when the decision says TRAIN, first without a champion.

    Raises:
        NotAsked: it is not.
    """
    if run.purpose == "backfill":
        raise NotAsked(f"{run}: a backfill never trains.")
    if reason == "weekly":
        return f"The {'month' if stores.declaration(run.model).model.schedule.every == 'month' else 'week'} has passed."
    if reason == "first":
        return _ask_for_the_first(stores, run)
    with stores.warehouse.transaction() as session:
        decision = ledger.find_decision(session, run.model, run.as_of)
    if decision is None or decision.choice is not Choice.TRAIN:
        raise NotAsked(f"{run}: {decision.sentence if decision else 'there is no decision'}")
    return decision.sentence


def _ask_for_the_first(stores: Stores, run: Run) -> str:
    """Due once an as_of can teach, and then whenever there are newer ones than the last one had that was assessed."""
    declaration = stores.declaration(run.model)
    with stores.warehouse.transaction() as session:
        if find_serving(session, run) is not None:
            raise NotAsked(f"{run}: there is a champion.")
        labelled = find_teaching(session, declaration, run)
        last = ledger.last_training(session, run.model, before=run.as_of)
        assessed = last is not None and ledger.latest_evaluation(session, run.model, last.version) is not None
    try:
        plan = _plan_search(declaration, labelled, run) or plan_fit(declaration.model, labelled.days, run.as_of)
    except (HistoryTooShort, SnapshotMissing) as short:  # on the second the weekly training fails, and says so
        raise NotAsked(str(short)) from short
    newest = (plan.holdout or plan.training)[-1]
    if last is not None and assessed and newest <= max(last.training_as_ofs):
        raise NotAsked(f"{run}: version {last.version} had every as_of that can teach, up to {newest}, and was not promoted.")
    return f"There is no champion yet, and {len(plan.training)} as_ofs can train."


@recorded
def assemble(stores: Stores, run: Run) -> Assembly:
    """Build the labels that have matured, admit them or let them rest, and plan what is fitted, and what a search looks at.

    Raises:
        NotAsked: a backfill never trains.
        NothingToTrain: history is too short, or all of it was done for this day before.
        SnapshotMissing: too few are left because the definition of the features has changed.
    """
    if run.purpose == "backfill":
        raise NotAsked(f"{run}: a backfill never trains.")
    declaration = stores.declaration(run.model)
    with stores.warehouse.transaction() as session:
        labelled = admit_matured(stores, session, declaration, run)
        champion = find_serving(session, run)
    # What was found of the as_ofs stands, even if too few are left.
    try:
        plan = plan_material(stores, declaration, run, labelled)
    except HistoryTooShort as short:
        raise NothingToTrain(str(short)) from short
    search = _plan_search(declaration, labelled, run)
    with stores.warehouse.transaction() as session:
        rows, data_hash = warehouse.measure_training_set(session, declaration, plan.training, rested=plan.rested)
        if search is None and champion is None:
            check_classes(run, warehouse.read_training_set(session, declaration, plan.training, drawn="to teach"))
        _check_undone(session, run, data_hash)
    return Assembly(run.as_of, plan, search, rows, data_hash, labelled.left_out)


def _plan_search(declaration: Declaration, labelled: Labelled, run: Run) -> SplitPlan | None:
    """What a search would look at; None while history is too short for one: the champion's recipe goes on, or a rule begins."""
    try:
        return plan_training(declaration, labelled, run)
    except HistoryTooShort:
        return None


def _check_undone(session: Session, run: Run, data_hash: str) -> None:
    """Is there anything left to do on these rows for this day? A second request for the same ends here.

    Raises:
        NothingToTrain: no.
    """
    made = [version for version in ledger.fits_of_day(session, run.model, run.as_of) if version.data_hash == data_hash]
    served = {move.version for move in ledger.champion_history(session, run.model)}
    compared = bool(ledger.evaluations_of_day(session, run)) or not any(version.origin == "training" for version in made)
    if made and compared and served & {version.version for version in made} and not _waits_for_promotion(session, run):
        names = ", ".join(f"version {version.version}" for version in made)
        raise NothingToTrain(f"{run}: {names} was fitted on these very rows for this day, and what follows from it is done.")


def _waits_for_promotion(session: Session, run: Run) -> bool:
    """Did a verdict of the day say PROMOTE, and nobody acted on it? So it is after a crash between compare and promote."""
    acted = {move.evaluation_id for move in ledger.champion_history(session, run.model)}
    return any(
        evaluation.verdict.outcome is Outcome.PROMOTE
        and evaluation.evaluation_id not in acted
        and ledger.find_question_about(session, evaluation.evaluation_id) is None
        for evaluation in ledger.evaluations_of_day(session, run)
    )


def plan_training(declaration: Declaration, labelled: Labelled, run: Run) -> SplitPlan:
    """Which as_ofs train and which are held out; the log says which could do neither.

    Raises:
        HistoryTooShort: too few are left.
        SnapshotMissing: too few are left because the definition of the features has changed.
    """
    for reason in labelled.left_out:
        log.warning("train %s: left out. %s", run, reason)
    try:
        plan = plan_split(declaration.model, labelled.days, run.as_of)
    except HistoryTooShort as short:
        error = SnapshotMissing if labelled.outdated else HistoryTooShort
        raise error(" ".join((str(short), *labelled.left_out))) from short
    return name_rested(plan, labelled.rested)


@recorded
def train(stores: Stores, run: Run) -> Version:
    """Look for a challenger: search a recipe, or without a champion take that of the last search, and fit it on all that may
    teach; a second training of the same day on the same rows returns the first.

    Raises:
        NotAsked: a backfill never trains.
        NothingToTrain: beside a champion, when no search is due, or history is too short for one.
        HistoryTooShort: nothing may teach.
        SnapshotMissing: too few as_ofs may, because the definition of the features has changed.
    """
    if run.purpose == "backfill":
        raise NotAsked(f"{run}: a backfill never trains.")
    declaration = stores.declaration(run.model)
    with stores.warehouse.transaction() as session:
        labelled = admit_matured(stores, session, declaration, run)
        champion = find_serving(session, run)
    searched = _plan_search(declaration, labelled, run)
    material = gather_material(stores, declaration, run, labelled, also=searched.training if searched else ())
    with stores.warehouse.transaction() as session:
        done = _find_done(session, run, material.training.data_hash)
    return done or _choose(material, labelled, champion)


def _choose(material: Material, labelled: Labelled, champion: Version | None) -> Version:
    """Search, or where nobody serves and history, or one outcome, is too short for it, begin with a single-feature rule."""
    stores, declaration, run = material.stores, material.declaration, material.run
    try:
        plan = plan_training(declaration, labelled, run)
    except HistoryTooShort as short:
        if champion is None:
            return begin(material, is_outcome_new=False)
        raise NothingToTrain(str(short)) from short
    rows = find_rows(material, plan)
    with stores.warehouse.transaction() as session:
        past = look_back(session, run, declaration, champion)
    _check_search(declaration, run, rows, past, champion)
    try:
        return _search(material, rows, plan, past, is_first=champion is None)
    except OneClassLabels:  # the rarer outcome is too new for folds; a rule can be fitted on all that has matured
        if champion is None:
            return begin(material, is_outcome_new=True)
        raise


def _find_done(session: Session, run: Run, data_hash: str) -> Version | None:
    """The challenger that an earlier attempt has chosen and registered for this day on these rows."""
    made = ledger.fits_of_day(session, run.model, run.as_of)
    chosen = (version for version in made if version.tuning is not None or version.choice is not None)
    return next((version for version in chosen if (version.origin, version.data_hash) == ("training", data_hash)), None)


def _check_search(declaration: Declaration, run: Run, rows: TrainingSet, past: SearchHistory, champion: Version | None) -> None:
    choice = find_search(declaration.model, rows, past)
    if champion is not None and choice.recipe is not None:
        raise NothingToTrain(f"{run}: no new recipe is looked for. {choice.because}")


def _search(material: Material, rows: TrainingSet, plan: SplitPlan, past: SearchHistory, *, is_first: bool) -> Version:
    """Choose on the rows of the plan, fit on the newest, and register; what the champion's recipe gave is no new version."""
    stores, run = material.stores, material.run
    with open_folder(material) as folder, open_engine(stores, material.declaration) as engine:
        with stores.warehouse.name_failures():  # the study keeps its trials there
            trained = search(
                material.declaration.model,
                ask_current_state(material, rows),
                plan,
                folder=folder,
                past=past,
                newest=(material.training, material.plan),
                storage_url=stores.warehouse.url_in_schema("tuning"),
                trials=stores.settings.trials,
                engine=engine,
                is_first=is_first,
            )
        because = trained.tuning.sentence if trained.tuning else "It was found by a search."
        with stores.warehouse.transaction() as session:
            entry = ledger.enter_recipe(
                session, run, trained.recipe, origin="search", chosen_on=plan.training[-1], because=because
            )
        return keep_fit(material, entry, trained, origin="training")


@recorded
def challenge(stores: Stores, run: Run, *, recipe: Recipe, reason: str) -> Version:
    """Enter a recipe that a person wrote: it looked at nothing, so that its first comparison is on many as_ofs at once.

    Raises:
        NotAsked: a backfill never trains.
        ConfigError: it reads no column that there is.
        NothingToTrain: the ledger knows this recipe already, or nothing may teach yet.
    """
    if run.purpose == "backfill":
        raise NotAsked(f"{run}: a backfill never trains.")
    declaration = stores.declaration(run.model)
    with stores.warehouse.transaction() as session:
        labelled = admit_matured(stores, session, declaration, run)
    try:
        material = gather_material(stores, declaration, run, labelled)
    except HistoryTooShort as short:
        raise NothingToTrain(str(short)) from short
    inputs = choose_inputs(material.training, declaration.model.training)
    wanted = recipe.complete(inputs, declaration.model.rulings)
    if not wanted.features:
        raise ConfigError(f"{run}: a single-feature rule reads one of {', '.join(inputs)}; found {recipe.parameters['feature']}.")
    with stores.warehouse.transaction() as session:
        entry = ledger.enter_recipe(session, run, wanted, origin="person", chosen_on=None, because=reason)
    if entry.because != reason:
        raise NothingToTrain(f"{run}: that is recipe {entry.number} already: {entry.because}")
    return make_fit(material, entry, origin="training")
