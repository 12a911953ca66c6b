"""Every week, or when drift asks: assemble -> train -> compare -> promote; and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from ml import letters
from ml import promote as promoting
from ml.compare import ComparisonInput, Contestant, unseen_as_ofs
from ml.compare import compare as judge
from ml.config import Declaration, read_code_version
from ml.errors import HistoryTooShort, NotAsked, NothingToDo, NothingToTrain, NotPromoted, PromotionRefused, VersionMissing
from ml.pipeline.champion import load_baseline, load_version, open_throne, score_rows
from ml.pipeline.evidence import find_champion, labels_of_shift_mature_on, matured_days
from ml.pipeline.opening import Stores, recorded
from ml.predictor import load_predictor
from ml.records import Assembly, Choice, Move, Promotion, Run, Trained, TrainingSet, Verdict, Version
from ml.stores import ledger, warehouse
from ml.stores.sessions import Session, take_lock
from ml.train import plan_split
from ml.train import train as fit


def ask_for_retraining(stores: Stores, run: Run, *, reason: str) -> str:
    """Why a retraining is due on this day: weekly always, drift when the decision says TRAIN, first without a champion.

    Raises:
        NotAsked: it is not.
    """
    if run.purpose == "backfill":
        raise NotAsked(f"{run}: a backfill never trains.")
    if reason == "weekly":
        return "The week has passed."
    model = stores.declaration(run.model).model
    with stores.warehouse.transaction() as session:
        if reason == "first":
            matured = matured_days(session, model, run.clock)
            if find_champion(session, run) is None and len(matured) >= model.training.min_as_ofs:
                return f"There is no champion yet, and {len(matured)} as_ofs have matured."
            raise NotAsked(f"{run}: there is a champion, or only {len(matured)} as_ofs have matured.")
        decision = ledger.find_decision(session, run.model, run.as_of)
    if decision is None or decision.choice is not Choice.TRAIN:
        raise NotAsked(f"{run}: {decision.sentence if decision else 'there is no decision'}")
    return decision.sentence


def assemble(stores: Stores, run: Run) -> Assembly:
    """Build the labels that have matured, and plan which as_ofs train and which are held out.

    Raises:
        NothingToTrain: history is too short, or the same training was done and judged before.
    """
    declaration = stores.declaration(run.model)
    with stores.warehouse.transaction() as session:
        matured = _build_labels(session, declaration, run)
        try:
            plan = plan_split(declaration.model, matured, run.as_of)
        except HistoryTooShort as short:
            raise NothingToTrain(str(short)) from short
        training = warehouse.read_training_set(session, declaration, plan.training)
        done = ledger.find_training(session, run.model, run.as_of, training.data_hash)
        if done and ledger.latest_evaluation(session, run.model, done.version):
            raise NothingToTrain(
                f"{run}: version {done.version} was trained on these very rows for this day and has its verdict."
            )
    return Assembly(run.as_of, plan, len(training.labels), training.data_hash)


def _build_labels(session: Session, declaration: Declaration, run: Run) -> tuple[date, ...]:
    """Label every matured day that has none yet; a day whose source has not delivered is left out, and those after it."""
    labelled = []
    for day in matured_days(session, declaration.model, run.clock):
        if not ledger.has_labels(session, run.model, day, declaration.query_hash):
            if warehouse.label_delivery(session, declaration, day, run.clock) is not None:
                break
            warehouse.build_labels(session, declaration, run, day)
        labelled.append(day)
    return tuple(labelled)


@recorded
def train(stores: Stores, run: Run) -> Version:
    """Tune, fit and register a challenger; a second training of the same day on the same rows returns the first."""
    if run.purpose == "backfill":
        raise NotAsked(f"{run}: a backfill never trains.")
    declaration = stores.declaration(run.model)
    with stores.warehouse.transaction() as session:
        plan = plan_split(declaration.model, _build_labels(session, declaration, run), run.as_of)
        training = warehouse.read_training_set(session, declaration, plan.training)
        holdout = warehouse.read_training_set(session, declaration, plan.holdout)
        done = ledger.find_training(session, run.model, run.as_of, training.data_hash)
        champion = find_champion(session, run)
    if done is not None:
        return done
    with _open_folder(stores, run) as folder:
        trained = fit(
            declaration.model,
            training,
            plan,
            folder=folder,
            warm_start=None if champion is None else champion.parameters,
            storage_url=stores.warehouse.url_in_schema("tuning"),
            trials=stores.settings.trials,
        )
        return _register(stores, declaration, run, trained, holdout)


@contextmanager
def _open_folder(stores: Stores, run: Run) -> Iterator[Path]:
    """A folder of this attempt's own: of two side by side, neither writes files that the other is handing over."""
    parent = stores.settings.artifacts / "trainings"
    parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=parent, prefix=f"{run.model}-{run.as_of}-") as folder:
        yield Path(folder)


def _register(stores: Stores, declaration: Declaration, run: Run, trained: Trained, holdout: TrainingSet) -> Version:
    """Log to MLflow, register, and write the ledger's row: one attempt at a time, and each is found again by a rerun."""
    mean_score = float(score_rows(load_predictor(trained.folder, trained.manifest), holdout).mean())
    with stores.warehouse.transaction() as session:
        take_lock(session, "training", run.model, run.as_of)
        if (done := ledger.find_training(session, run.model, run.as_of, trained.data_hash)) is not None:
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
        )
        return ledger.record_version(session, version)


@recorded
def compare(stores: Stores, run: Run) -> Verdict:
    """Judge the day's challenger against the champion, or against the baselines alone when there is none yet.

    Raises:
        NothingToDo: the challenger is the champion already.
        VersionMissing: nothing was trained for this day.
    """
    with stores.warehouse.transaction() as session:
        challenger, champion = _find_contestants(session, run)
        contest = _prepare_contest(stores, session, run, challenger=challenger, champion=champion)
    verdict = judge(contest)
    with stores.warehouse.transaction() as session:
        _record_verdict(session, run, verdict)
    stores.registry.log_verdict(challenger.version, challenger.mlflow_run_id, verdict)
    return verdict


def _record_verdict(session: Session, run: Run, verdict: Verdict) -> None:
    """Keep a verdict unless the challenger's newest is the same: a rerun adds nothing."""
    take_lock(session, run.model, run.as_of)
    former = ledger.latest_evaluation(session, run.model, verdict.challenger_version)
    if former is None or former.verdict != verdict:
        ledger.record_evaluation(session, run, verdict)


def _find_contestants(session: Session, run: Run) -> tuple[Version, Version | None]:
    challenger = ledger.trained_on_day(session, run.model, run.as_of)
    if challenger is None:
        raise VersionMissing(
            f"{run}: no version was trained for this day: run `perennial train {run.model} --as-of {run.as_of}`."
        )
    champion = find_champion(session, run)
    if champion is not None and champion.version == challenger.version:
        raise NothingToDo(f"{run}: version {challenger.version} is the champion already.")
    return challenger, champion


def _prepare_contest(
    stores: Stores, session: Session, run: Run, *, challenger: Version, champion: Version | None
) -> ComparisonInput:
    """Everybody's scores of the same rows: the challenger's holdout, less what lies too close to the champion's training."""
    declaration = stores.declaration(run.model)
    model = declaration.model
    trained_on = (*challenger.training_as_ofs, *(champion.training_as_ofs if champion else ()))
    unseen = unseen_as_ofs(challenger.holdout_as_ofs, trained_on, embargo=model.embargo)
    rows = warehouse.read_training_set(session, declaration, unseen or challenger.holdout_as_ofs)
    checks = ledger.last_checks(session, run.model, run.as_of, limit=model.monitoring.persistence[1])
    shifted = labels_of_shift_mature_on(model, checks)
    return ComparisonInput(
        model=model,
        as_of=run.as_of,
        challenger=_enter(stores, challenger, rows),
        champion=None if champion is None else _enter(stores, champion, rows),
        logistic=score_rows(load_baseline(stores, challenger, "logistic"), rows),
        recency=score_rows(load_baseline(stores, challenger, "recency"), rows),
        labels=rows.labels,
        segments=rows.segments,
        shifted_labels_mature_on=shifted if shifted and shifted > run.as_of else None,
    )


def _enter(stores: Stores, version: Version, rows: TrainingSet) -> Contestant:
    return Contestant(
        version.version, version.algorithm, version.training_as_ofs, score_rows(load_version(stores, version), rows)
    )


@recorded
def promote(stores: Stores, run: Run, *, is_approved: bool = False) -> Promotion:
    """Make the day's challenger champion when its verdict allows it; the owner gets the verdict by mail either way.

    Raises:
        NotPromoted: the verdict is not PROMOTE.
        PromotionRefused: it is, and something else stands in the way.
    """
    model = stores.declaration(run.model).model
    with stores.warehouse.transaction() as session:
        challenger = ledger.trained_on_day(session, run.model, run.as_of)
        evaluation = ledger.latest_evaluation(session, run.model, challenger.version) if challenger else None
    if challenger is None or evaluation is None:
        raise PromotionRefused(f"{run}: no challenger of this day has a verdict: run train and compare first.")

    def choose(history: promoting.History) -> Move | None:
        return promoting.choose_challenger(history, evaluation, run, approval=model.promotion.approval, is_approved=is_approved)

    try:
        promotion = promoting.promote(open_throne(stores, run), choose)
    except (NotPromoted, PromotionRefused) as refusal:
        _post_verdict(stores, run, challenger, evaluation.verdict, refused_because=str(refusal))
        raise
    _post_verdict(stores, run, challenger, evaluation.verdict, refused_because=None)
    return promotion


def _post_verdict(stores: Stores, run: Run, challenger: Version, verdict: Verdict, *, refused_because: str | None) -> None:
    if run.purpose == "backfill":
        return
    address = stores.registry.run_url(challenger.mlflow_run_id)
    letter = letters.write_verdict(verdict, mlflow_run=address, refused_because=refused_because)
    with stores.warehouse.transaction() as session:
        ledger.put_letter(session, run, letter, stores.declaration(run.model).model.owner)


@recorded
def rollback(stores: Stores, run: Run, *, to: int | None = None) -> Promotion:
    """Put a former champion back; the next scoring uses it.

    Raises:
        NothingToRollBackTo: there is no former champion, or `to` is the champion already.
    """
    return promoting.roll_back(open_throne(stores, run), run.model, to=to)
