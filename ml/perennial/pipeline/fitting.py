"""A fit becomes a version: files in MLflow, and a row of the ledger that says what it is a fit of and how far to trust it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from perennial.config import Declaration, Model, read_code_version
from perennial.config.folders import borrow_folder
from perennial.errors import ArtifactCorrupt, HistoryTooShort, OneClassLabels, SnapshotMissing, VersionMissing
from perennial.metrics import enter_beside, mean_shift, rank_correlation, top_tenth_overlap
from perennial.pipeline.champion import check_registry, load_version, score_frame
from perennial.pipeline.engines import open_engine
from perennial.pipeline.opening import Stores
from perennial.pipeline.profiling import keep_first_profile
from perennial.pipeline.walking import Days, Walk
from perennial.predictor import Predictor, load_predictor
from perennial.records import FitDistance, Labelled, Origin, RecipeEntry, Run, SplitPlan, Trained, TrainingSet, Version
from perennial.stores import ledger, warehouse
from perennial.stores.sessions import Session, take_lock
from perennial.tasks import Scores, find_published, task_of
from perennial.train import plan_fit, refit

log = logging.getLogger(__name__)
RECENT_DAYS = 14  # an older snapshot says little of what a new fit will score


@dataclass(frozen=True, eq=False)
class Material:
    """What every fit of a day is made of.

    Attributes:
        plan: the newest as_ofs that may teach, which `training` holds.
        teaching: all as_ofs that may teach.
        read: what was read beside `training`, and holds it: rows of a search; None: nothing more.
    """

    stores: Stores
    declaration: Declaration
    run: Run
    plan: SplitPlan
    training: TrainingSet
    teaching: Days
    read: TrainingSet | None = None

    @property
    def walk(self) -> Walk:
        return Walk(self.stores, self.declaration, self.run, self.teaching, known=self.read or self.training)


def gather_material(stores: Stores, declaration: Declaration, run: Run, labelled: Labelled, *, also: Days = ()) -> Material:
    """Plan the fit of the day, and read its rows; raises what `plan_material` does.

    Args:
        also: as_ofs of a search: what both look at stands in memory once. Where `max_rows` draws rows, each has its own.
    """
    plan = plan_material(stores, declaration, run, labelled)
    together = tuple(sorted({*plan.training, *also}))
    if together == plan.training or declaration.model.training.max_rows is not None:
        return Material(stores, declaration, run, plan, _read(stores, declaration, plan), labelled.days)
    with stores.warehouse.transaction() as session:
        read = warehouse.read_training_set(session, declaration, together, drawn="to teach")
    material = Material(stores, declaration, run, plan, read, labelled.days, read)
    return replace(material, training=find_rows(material, plan))


def find_rows(material: Material, plan: SplitPlan) -> TrainingSet:
    """The rows of a plan of the day: a view of those that are there, or read now."""
    there = material.read or material.training
    if there.drawn_of is not None or not set(plan.training) <= set(there.as_ofs):
        return _read(material.stores, material.declaration, plan)
    data_hash = warehouse.hash_part(material.declaration, there, plan.training, rested=plan.rested)
    return replace(there.rows_of(plan.training), data_hash=data_hash)


def _read(stores: Stores, declaration: Declaration, plan: SplitPlan) -> TrainingSet:
    with stores.warehouse.transaction() as session:
        return warehouse.read_training_set(session, declaration, plan.training, rested=plan.rested, drawn="to teach")


def plan_material(stores: Stores, declaration: Declaration, run: Run, labelled: Labelled) -> SplitPlan:
    """Plan the fit of the day, and make sure that it could be kept.

    Raises:
        RegistryUnavailable, VersionMissing: MLflow could not keep it.
        HistoryTooShort: nothing may teach.
        SnapshotMissing: nothing may, because the definition of the features has changed.
    """
    try:
        plan = plan_fit(declaration.model, labelled.days, run.as_of)
    except HistoryTooShort as short:
        error = SnapshotMissing if labelled.outdated else HistoryTooShort
        raise error(" ".join((str(short), *labelled.left_out))) from short
    check_registry(stores, run.model)
    return name_rested(plan, labelled.rested)


def ask_current_state(material: Material, training: TrainingSet) -> TrainingSet:
    """The rows from which a recipe is chosen, with the features that come from `current_state` sources, if there are any."""
    with material.stores.warehouse.transaction() as session:
        use = warehouse.find_current_state(session, material.declaration, training.as_ofs[-1])
    return replace(training, current_state=use)


def name_rested(plan: SplitPlan, rested: Days) -> SplitPlan:
    """The plan with the as_ofs among its days that were set aside: the hash of its rows names them."""
    aside = tuple(day for day in rested if day >= plan.training[0])
    return replace(plan, rested=aside)


def make_fit(material: Material, entry: RecipeEntry, *, origin: Origin = "refresh") -> Version:
    """Fit a recipe on the newest as_ofs that may teach and register it, unless that was done before."""
    with material.stores.warehouse.transaction() as session:
        done = _find_done(session, material, entry)
    if done is not None:
        return done
    with open_folder(material) as folder, open_engine(material.stores, material.declaration) as engine:
        model, plan = material.declaration.model, material.plan
        trained = refit(model, material.training, plan, entry.recipe, folder=folder, engine=engine)
        return keep_fit(material, entry, trained, origin=origin)


@contextmanager
def open_folder(material: Material) -> Iterator[Path]:
    """A folder of this attempt's own: of two side by side, neither writes files that the other is handing over."""
    parent = material.stores.settings.artifacts / "trainings"
    with borrow_folder(parent, f"{material.run.model}-{material.run.as_of}-") as folder:
        yield folder


@dataclass(frozen=True)
class Promised:
    """How good the recipe's fits were on days that they had not seen; None where no day could be scored."""

    as_ofs: Days
    mean_score: float | None
    headline: float | None


def keep_fit(material: Material, entry: RecipeEntry, trained: Trained, *, origin: Origin) -> Version:
    """Register what was fitted: one attempt at a time, and each is found again by a rerun. Then keep the profile of its rows."""
    fitted = load_predictor(trained.folder, trained.manifest)
    version = _register(material, entry, trained, fitted, origin=origin)
    walk = replace(material.walk, teaching=version.training_as_ofs)
    keep_first_profile(walk, version, fitted, material.training if warehouse.are_even(material.training) else None)
    return version


def _register(material: Material, entry: RecipeEntry, trained: Trained, fitted: Predictor, *, origin: Origin) -> Version:
    stores, declaration, run = material.stores, material.declaration, material.run
    promised = measure_promised(material, entry)
    newest_mean, distance = _measure_newest(material, entry, fitted)
    with stores.warehouse.transaction() as session:
        take_lock(session, "training", run.model, run.as_of)
        if (done := _find_done(session, material, entry)) is not None:
            return done
        mlflow_run_id = stores.registry.log_training(trained, declaration, run)
        take_lock(session, "training", run.model, run.as_of)  # fails when this process stood still and lost the lock meanwhile
        version = Version(
            model=run.model,
            version=stores.registry.register(run.model, mlflow_run_id, ledger.runs_of_versions(session, run.model)),
            recipe=entry.number,
            algorithm=trained.algorithm,
            mlflow_run_id=mlflow_run_id,
            manifest=trained.manifest,
            data_hash=material.training.data_hash,
            training_as_ofs=material.plan.training,
            holdout_as_ofs=promised.as_ofs,
            trained_for=run.as_of,
            effective_at=run.clock,
            parameters=trained.parameters,
            holdout_mean_score=promised.mean_score,
            holdout_headline=promised.headline,
            newest_mean_score=newest_mean,
            distance=distance,
            config_hash=declaration.model.config_hash,
            query_hash=declaration.query_hash,
            code_version=read_code_version(),
            baselines={name: baseline.manifest for name, baseline in trained.baselines.items()},
            origin=origin,
            tuning=trained.tuning,
            choice=trained.choice,
            rested=material.plan.rested,
        )
        recorded = ledger.record_version(session, version)
        ledger.record_event(session, material.run, "fitted", recorded.version)
        return recorded


def _find_done(session: Session, material: Material, entry: RecipeEntry) -> Version | None:
    run = material.run
    return ledger.find_fit(session, run.model, run.as_of, material.training.data_hash, recipe=entry.number)


def measure_promised(material: Material, entry: RecipeEntry) -> Promised:
    """Score the newest as_ofs that may teach by fits of the recipe that had not seen them."""
    days = material.teaching[-material.declaration.model.training.holdout_as_ofs :]
    with material.stores.warehouse.transaction() as session:
        rows = warehouse.read_training_set(session, material.declaration, days)
    scores = material.walk.score(entry, rows)
    if scores.empty:
        return Promised((), None, None)
    scored: Days = tuple(stamp.date() for stamp in scores.index.get_level_values("as_of").unique())
    labels = enter_beside(rows.labels.loc[scores.index], rows.beside)
    headline = _measure_headline(material.declaration.model, enter_beside(scores, rows.beside), labels)
    return Promised(scored, float(find_published(scores).mean()), headline)


def _measure_headline(model: Model, scores: Scores, labels: pd.Series) -> float | None:
    try:
        return task_of(model).headline.value(scores, labels)
    except OneClassLabels:
        return None


def _measure_newest(material: Material, entry: RecipeEntry, fitted: Predictor) -> tuple[float | None, FitDistance | None]:
    """Mean score of the newest valid snapshot, and how far its scores lie from those of the recipe's former fit."""
    run, declaration = material.run, material.declaration
    with material.stores.warehouse.transaction() as session:
        recent = max(timedelta(days=RECENT_DAYS), declaration.model.grid.period)
        valid = ledger.valid_days(session, run.model, first=run.as_of - recent, last=run.as_of)
        if not valid:
            return None, None
        day = max(valid)
        snapshot = warehouse.read_snapshot(session, declaration, day)
        former = ledger.newest_fit(session, run.model, entry.number, until=run.as_of - timedelta(days=1))
    ours = find_published(score_frame(fitted, snapshot))
    distance = None if former is None else _measure_distance(material.stores, former, snapshot, ours, day)
    return float(ours.mean()), distance


def _measure_distance(stores: Stores, former: Version, snapshot: pd.DataFrame, ours: pd.Series, day: date) -> FitDistance | None:
    """None where the former fit was lost: the next one must not wait for it."""
    try:
        theirs = find_published(score_frame(load_version(stores, former), snapshot))
    except (VersionMissing, ArtifactCorrupt) as lost:
        log.warning("fit of %s: no distance to the former one. %s", former.model, lost)
        return None
    scale = task_of(stores.declaration(former.model).model).find_scale(float(theirs.std(ddof=0)), float(theirs.mean()))
    return FitDistance(
        version=former.version,
        as_of=day,
        rows=len(ours),
        rank_correlation=rank_correlation(ours, theirs),
        top_decile_overlap=top_tenth_overlap(ours, theirs),
        mean_shift=mean_shift(ours, theirs, scale=scale),
    )
