"""Every week, or when drift asks: assemble -> train. What comes of it is assessed in `comparing`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from perennial.config import Declaration, read_code_version
from perennial.errors import HistoryTooShort, NotAsked, NothingToTrain, SnapshotMissing
from perennial.pipeline.admitting import admit_matured, find_teaching
from perennial.pipeline.carding import write_cards
from perennial.pipeline.champion import score_set
from perennial.pipeline.evidence import find_serving, look_back
from perennial.pipeline.opening import Stores, recorded
from perennial.predictor import load_predictor
from perennial.records import (
    Assembly,
    Choice,
    Labelled,
    Origin,
    Outcome,
    Recipe,
    Run,
    SearchHistory,
    SplitPlan,
    Trained,
    TrainingSet,
    Version,
)
from perennial.stores import ledger, warehouse
from perennial.stores.sessions import Session, take_lock
from perennial.train import plan_split, refit
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
        return "The week has passed."
    if reason == "first":
        return _ask_for_the_first(stores, run)
    with stores.warehouse.transaction() as session:
        decision = ledger.find_decision(session, run.model, run.as_of)
    if decision is None or decision.choice is not Choice.TRAIN:
        raise NotAsked(f"{run}: {decision.sentence if decision else 'there is no decision'}")
    return decision.sentence


def _ask_for_the_first(stores: Stores, run: Run) -> str:
    """Due once a training has enough as_ofs, and then whenever there are newer ones than the last one had that was assessed."""
    declaration = stores.declaration(run.model)
    with stores.warehouse.transaction() as session:
        if find_serving(session, run) is not None:
            raise NotAsked(f"{run}: there is a champion.")
        labelled = find_teaching(session, declaration, run)
        last = ledger.last_training(session, run.model, before=run.as_of)
        assessed = last is not None and ledger.latest_evaluation(session, run.model, last.version) is not None
    try:
        plan = plan_training(declaration, labelled, run)
    except (HistoryTooShort, SnapshotMissing) as short:  # on the second the weekly training fails, and says so
        raise NotAsked(str(short)) from short
    newest = plan.holdout[-1]
    if last is not None and assessed and newest <= max(last.holdout_as_ofs):
        raise NotAsked(f"{run}: version {last.version} had every as_of that can teach, up to {newest}, and was not promoted.")
    return f"There is no champion yet, and {len(plan.training)} as_ofs can train."


@recorded
def assemble(stores: Stores, run: Run) -> Assembly:
    """Build the labels that have matured, admit them or let them rest, and plan which as_ofs train and which are held out.

    Raises:
        NotAsked: a backfill never trains.
        NothingToTrain: history is too short, or the same training was done and assessed before.
        SnapshotMissing: too few are left because the definition of the features has changed.
    """
    if run.purpose == "backfill":
        raise NotAsked(f"{run}: a backfill never trains.")
    declaration = stores.declaration(run.model)
    with stores.warehouse.transaction() as session:
        labelled = admit_matured(stores, session, declaration, run)
    with stores.warehouse.transaction() as session:  # what was found of the as_ofs stands, even if too few are left
        try:
            plan = plan_training(declaration, labelled, run)
        except HistoryTooShort as short:
            raise NothingToTrain(str(short)) from short
        training = warehouse.read_training_set(session, declaration, plan.training, rested=plan.rested)
        done = ledger.find_training(session, run.model, run.as_of, training.data_hash)
        if done and ledger.latest_evaluation(session, run.model, done.version) and not _waits_for_promotion(session, run):
            raise NothingToTrain(
                f"{run}: version {done.version} was trained on these very rows for this day and has its verdict."
            )
    return Assembly(run.as_of, plan, len(training.labels), training.data_hash, labelled.left_out)


def _waits_for_promotion(session: Session, run: Run) -> bool:
    """Did a verdict of the day say PROMOTE, and nobody acted on it? So it is after a crash between compare and promote."""
    champion = ledger.champion(session, run.model)
    return any(
        evaluation.verdict.outcome is Outcome.PROMOTE
        and evaluation.verdict.champion_version == champion
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
    return replace(plan, rested=tuple(day for day in labelled.rested if day >= plan.training[0]))


@recorded
def train(stores: Stores, run: Run) -> Version:
    """Tune, fit and register a challenger; a second training of the same day on the same rows returns the first.

    Beside it the champion's own recipe is fitted on the same rows: it tells new recipe and new data apart, and may renew
    a champion that has grown old.
    """
    if run.purpose == "backfill":
        raise NotAsked(f"{run}: a backfill never trains.")
    declaration = stores.declaration(run.model)
    with stores.warehouse.transaction() as session:
        labelled = admit_matured(stores, session, declaration, run)
    with stores.warehouse.transaction() as session:
        plan = plan_training(declaration, labelled, run)
        training = warehouse.read_training_set(session, declaration, plan.training, rested=plan.rested)
        holdout = warehouse.read_training_set(session, declaration, plan.holdout)
        champion = find_serving(session, run)
        past = look_back(session, run, declaration, champion)
    material = Material(declaration, plan, training, holdout, champion, past)
    challenger = _make(stores, run, material, "training", partial(_search, stores, material))
    made = [challenger]
    if champion is not None and champion.parameters:
        made.append(_make(stores, run, material, "renewal", partial(_refit, material, champion.recipe)))
    write_cards(stores, run, (version.version for version in made))
    return challenger


@dataclass(frozen=True, eq=False)
class Material:
    """What every training of a day is made of."""

    declaration: Declaration
    plan: SplitPlan
    training: TrainingSet
    holdout: TrainingSet
    champion: Version | None
    past: SearchHistory


def _make(stores: Stores, run: Run, material: Material, origin: Origin, fit: Callable[[Path], Trained]) -> Version:
    """Fit and register, unless that was done before."""
    with stores.warehouse.transaction() as session:
        done = ledger.find_training(session, run.model, run.as_of, material.training.data_hash, origin=origin)
    if done is not None:
        return done
    with _open_folder(stores, run) as folder:
        return _register(stores, run, material, fit(folder), origin)


def _search(stores: Stores, material: Material, folder: Path) -> Trained:
    return search(
        material.declaration.model,
        material.training,
        material.plan,
        folder=folder,
        past=material.past,
        storage_url=stores.warehouse.url_in_schema("tuning"),
        trials=stores.settings.trials,
    )


def _refit(material: Material, recipe: Recipe, folder: Path) -> Trained:
    declaration = material.declaration
    query_hash = declaration.query_hash
    return refit(declaration.model, material.training, material.plan, recipe, folder=folder, query_hash=query_hash)


@contextmanager
def _open_folder(stores: Stores, run: Run) -> Iterator[Path]:
    """A folder of this attempt's own: of two side by side, neither writes files that the other is handing over."""
    parent = stores.settings.artifacts / "trainings"
    parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=parent, prefix=f"{run.model}-{run.as_of}-") as folder:
        yield Path(folder)


def _register(stores: Stores, run: Run, material: Material, trained: Trained, origin: Origin) -> Version:
    """Log to MLflow, register, and write the ledger's row: one attempt at a time, and each is found again by a rerun."""
    mean_score = float(score_set(load_predictor(trained.folder, trained.manifest), material.holdout).mean())
    declaration = material.declaration
    with stores.warehouse.transaction() as session:
        take_lock(session, "training", run.model, run.as_of)
        if (done := ledger.find_training(session, run.model, run.as_of, trained.data_hash, origin=origin)) is not None:
            return done
        mlflow_run_id = stores.registry.log_training(trained, declaration, run)
        take_lock(session, "training", run.model, run.as_of)  # fails when this process stood still and lost the lock meanwhile
        version = Version(
            model=run.model,
            version=stores.registry.register(run.model, mlflow_run_id),
            algorithm=trained.algorithm,
            mlflow_run_id=mlflow_run_id,
            manifest=trained.manifest,
            data_hash=trained.data_hash,
            training_as_ofs=trained.plan.training,
            holdout_as_ofs=trained.plan.holdout,
            trained_for=run.as_of,
            effective_at=run.clock,
            parameters=trained.parameters,
            holdout_mean_score=mean_score,
            config_hash=declaration.model.config_hash,
            query_hash=declaration.query_hash,
            code_version=read_code_version(),
            baselines={name: baseline.manifest for name, baseline in trained.baselines.items()},
            origin=origin,
            tuning=trained.tuning,
            rested=trained.plan.rested,
        )
        return ledger.record_version(session, version)
