"""Too little history for folds: the single-feature rule is fitted on what there is, so that somebody serves meanwhile.

Two numbers are all that it learns, so that it overfits little; nothing was measured out of fold, and everything says so.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from perennial.config import Model
from perennial.predictor import IDENTITIES, Predictor
from perennial.records import Baseline, Recipe, RecipeChoice, SplitPlan, Trained, TrainingSet
from perennial.train.alarms import find_alarms, find_remarks, find_suspicions, meet_oracles, rank_alone
from perennial.train.baselines import choose_single_feature, fit_linear, fit_single_feature
from perennial.train.boosters import measure_gains
from perennial.train.candidates import Candidate, Fit, write_candidate
from perennial.train.current_state import Weighing
from perennial.train.guards import check_training_set
from perennial.train.rows import TrainingRows, choose_inputs, gather_rows
from perennial.train.splits import find_enough_on
from perennial.train.thinning import count_samples, thin_to_look

ALGEBRA_THREADS = 1  # as in `training`


@dataclass(frozen=True, eq=False)
class Writer:
    """Fits on the same rows and writes each predictor into a folder of its own."""

    rows: TrainingRows
    golden: pd.DataFrame
    folder: Path

    def write(self, name: str, fit: Fit) -> tuple[Predictor, Mapping[str, str]]:
        nothing = pd.Series(dtype=float)  # was scored out of fold
        plain = IDENTITIES[self.rows.task.fitting.link]
        candidate = Candidate(self.rows.task, fit, nothing, nothing, plain)
        return write_candidate(candidate, self.rows, self.golden, self.folder / name)

    def write_baseline(self, name: str, fit: Fit, feature: str | None = None) -> Baseline:
        _, manifest = self.write(name, fit)
        return Baseline(self.folder / name, manifest, feature, {})


def train_short(model: Model, training: TrainingSet, plan: SplitPlan, *, folder: Path, recipe: Recipe | None = None) -> Trained:
    """Fit the single-feature rule on every row of the plan; what it states by itself is not calibrated further.

    Args:
        plan: holds nothing out.
        recipe: a known rule to fit again; without it the feature is chosen on these rows.

    Raises:
        LeakSuspected (of a known rule), OneClassLabels and others of `check_training_set`: as in `train`.
    """
    started = time.monotonic()
    with threadpool_limits(ALGEBRA_THREADS, user_api="blas"):
        check_training_set(model, training, plan)
        only = recipe.features if recipe else ()
        rows = gather_rows(model, training.rows_of(plan.training), only=only)
        looked_at = thin_to_look(rows)
        alone = rank_alone(looked_at)
        leaks = meet_oracles(model, looked_at, alone, "refuse" if recipe else "ask")
        chosen = recipe or choose_single_feature(model, looked_at, alone)
        rule = partial(fit_single_feature, chosen)
        suspicions = (*leaks, *find_suspicions(model, looked_at))
        written = Writer(rows, training.features, folder)
        linear = rows.task.fitting.linear
        predictor, manifest = written.write("challenger", rule)
        return Trained(
            folder=folder / "challenger",
            recipe=chosen.complete([feature.name for feature in rows.features], model.rulings),
            parameters={**chosen.parameters, **model.rulings, **count_samples(training, rows)},
            rounds=0,
            trials=0,
            metrics={},
            fold_metrics=(),
            tuning=None,
            importances=measure_gains(predictor),
            learning_curve={},
            pictures={},
            alarms=(*find_alarms(model, rows, alone), *suspicions),
            manifest=manifest,
            plan=plan,
            data_hash=training.data_hash,
            seconds=time.monotonic() - started,
            baselines={
                linear: written.write_baseline(linear, fit_linear),
                "recency": written.write_baseline("recency", rule, str(chosen.parameters["feature"])),
            },
            choice=None if recipe else _state_choice(model, training, plan, (rows, chosen, suspicions)),
        )


def _state_choice(
    model: Model, training: TrainingSet, plan: SplitPlan, found: tuple[TrainingRows, Recipe, tuple[str, ...]]
) -> RecipeChoice:
    """What the choice of a rule rests on, and what its features from `current_state` sources are worth, if there are any."""
    (rows, chosen, suspicions), use = found, training.current_state
    worth = Weighing(model, use, rows, training.clusters).weigh_on_all(chosen) if use else None
    enough_on = find_enough_on(model, plan.training, plan.trained_for)
    return RecipeChoice({}, suspicions, enough_on, find_remarks(rows), current_state=worth)


def keeps_rule(model: Model, recipe: Recipe, known: Sequence[str]) -> bool:
    """Does a single-feature rule stay as it is? Not where its feature is gone, or a person has turned its direction since."""
    feature, direction = str(recipe.parameters["feature"]), recipe.parameters.get("direction")
    return feature in known and bool(model.training.monotone.get(feature, direction) == direction)


def rule_again(model: Model, training: TrainingSet, recipe: Recipe) -> Recipe:
    """A single-feature rule as it is, or chosen anew where it cannot stay."""
    if keeps_rule(model, recipe, choose_inputs(training, model.training)):
        return recipe
    rows = gather_rows(model, training)
    return choose_single_feature(model, rows, rank_alone(thin_to_look(rows)))
