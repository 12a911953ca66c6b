"""The day's challenger and every shadow against the champion, on rows that neither of a pair has seen.

    settle contests -> enter the day's candidates (alpha is drawn) -> assess each pair -> record, close, displace

Everything is read from the ledger and the stored snapshots, so that a rerun assesses the same pairs on the same rows; what it
finds is written in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from perennial.compare import ComparisonInput, Contestant
from perennial.compare import compare as assess
from perennial.config import Declaration
from perennial.errors import ArtifactCorrupt, MisalignedScores, NotAsked, NothingToDo, VersionMissing
from perennial.pipeline.admitting import admit_matured
from perennial.pipeline.carding import write_cards
from perennial.pipeline.champion import load_baseline, load_version, score_set
from perennial.pipeline.contests import ContestPair, LostChallenger, close_contests, enter_pairs
from perennial.pipeline.evidence import find_serving, labels_of_shift_mature_on
from perennial.pipeline.measuring import Seconds, time_pair, weigh
from perennial.pipeline.opening import Stores, recorded
from perennial.records import Comparison, Run, TrainingSet, Verdict, Version
from perennial.stores import ledger, warehouse
from perennial.stores.sessions import Session, take_lock


@recorded
def compare(stores: Stores, run: Run) -> Comparison:
    """Assess the day's challenger and the shadows against the champion, or the challenger against the baselines alone.

    Raises:
        NothingToDo: the challenger is the champion already, or the same as a version whose test has ended.
        NotAsked: a backfill compares nobody.
        VersionMissing: nothing was trained for this day.
    """
    if run.purpose == "backfill":
        raise NotAsked(f"{run}: a backfill compares nobody: it would draw on today's account of errors.")
    declaration = stores.declaration(run.model)
    with stores.warehouse.transaction() as session:
        challenger, champion = _find_contestants(session, run)
        labelled = admit_matured(stores, session, declaration, run).days
        take_lock(session, "contests", run.model)
        pairs = enter_pairs(session, declaration.model, run, challenger=challenger, champion=champion, labelled=labelled)
    assessed = tuple(_assess_all(stores, declaration, run, pairs))
    with stores.warehouse.transaction() as session:
        take_lock(session, "contests", run.model)
        close_contests(session, declaration.model, run, assessed)
        comparison = _recall(session, run, challenger)
    _tell_registry(stores, run, comparison)
    return comparison


def _assess_all(
    stores: Stores, declaration: Declaration, run: Run, pairs: Sequence[ContestPair]
) -> Iterator[tuple[ContestPair, Verdict | LostChallenger]]:
    """A verdict on each pair, in their order; a shadow or a refit that cannot be assessed any more stops nobody else.

    What is wrong with the champion or the day's challenger is raised, for then nothing can be said.
    """
    for champion in {pair.champion.version: pair.champion for pair in pairs if pair.champion}.values():
        load_version(stores, champion)
    for pair in pairs:
        try:
            yield pair, assess(_prepare_pair(stores, declaration, run, pair))
        except (VersionMissing, ArtifactCorrupt, MisalignedScores) as failure:
            if pair.challenger.trained_for == run.as_of and pair.side == "superiority":
                raise
            yield pair, LostChallenger(str(failure))


def _tell_registry(stores: Stores, run: Run, comparison: Comparison) -> None:
    """What MLflow and the cards say of everybody assessed; after a crash in between the rerun says it."""
    with stores.warehouse.transaction() as session:
        assessed = [(ledger.get_version(session, run.model, v.challenger_version), v) for v in comparison.verdicts]
    for version, verdict in assessed:
        stores.registry.log_verdict(version.version, version.mlflow_run_id, verdict)
    write_cards(stores, run, {number for _, v in assessed for number in (v.challenger_version, v.champion_version)})


def _recall(session: Session, run: Run, challenger: Version) -> Comparison:
    """All verdicts of the day, those of an earlier attempt too: a rerun returns what the first one did."""
    evaluations = ledger.evaluations_of_day(session, run)
    if not evaluations:
        twin = ledger.find_twin(session, challenger)
        raise NothingToDo(
            f"{run}: version {challenger.version} was made of the same rows by the same recipe as version {twin.version}, "
            f"which had its test: it is no new challenger."
        )
    return Comparison(tuple(evaluation.verdict for evaluation in evaluations))


def _find_contestants(session: Session, run: Run) -> tuple[Version, Version | None]:
    challenger = ledger.trained_on_day(session, run.model, run.as_of)
    if challenger is None:
        raise VersionMissing(
            f"{run}: no version was trained for this day: run `perennial train {run.model} --as-of {run.as_of}`."
        )
    champion = find_serving(session, run)
    if champion is not None and champion.version == challenger.version:
        raise NothingToDo(f"{run}: version {challenger.version} is the champion already.")
    return challenger, champion


def _prepare_pair(stores: Stores, declaration: Declaration, run: Run, pair: ContestPair) -> ComparisonInput:
    with stores.warehouse.transaction() as session:
        rows = warehouse.read_training_set(session, declaration, pair.as_ofs or pair.challenger.holdout_as_ofs)
        checks = ledger.last_checks(session, run.model, run.as_of, limit=declaration.model.monitoring.persistence[1])
    contest = _prepare(stores, declaration, run, pair, rows)
    shifted = labels_of_shift_mature_on(declaration.model, checks)
    return replace(contest, shifted_labels_mature_on=shifted if shifted and shifted > run.as_of else None)


def _prepare(stores: Stores, declaration: Declaration, run: Run, pair: ContestPair, rows: TrainingSet) -> ComparisonInput:
    """Everybody's scores of the same rows."""
    challenger, champion = pair.challenger, pair.champion
    ours, theirs = ((), ()) if champion is None else time_pair(stores, challenger, champion, rows)
    return ComparisonInput(
        model=declaration.model,
        as_of=run.as_of,
        challenger=_enter(stores, challenger, rows, ours),
        champion=None if champion is None else _enter(stores, champion, rows, theirs),
        logistic=score_set(load_baseline(stores, challenger, "logistic"), rows),
        recency=score_set(load_baseline(stores, challenger, "recency"), rows),
        labels=rows.labels,
        segments=rows.segments,
        side=pair.side,
        test=pair.test,
        former=pair.contest.looks if pair.contest else (),
        account_frees_on=pair.account_frees_on,
        refit=None if pair.refit is None else score_set(load_version(stores, pair.refit), rows),
        anchor=None if pair.anchor is None else _enter(stores, pair.anchor, rows),
    )


def _enter(stores: Stores, version: Version, rows: TrainingSet, timings: Seconds = ()) -> Contestant:
    return Contestant(
        version.version,
        version.algorithm,
        version.training_as_ofs,
        score_set(load_version(stores, version), rows),
        size_bytes=weigh(stores, version),
        seconds_per_1000_rows=timings,
    )
