"""The day's challenger and every shadow against the champion, on rows that neither of a pair has seen.

    settle contests -> enter the day's candidates (alpha is drawn) -> judge each pair -> record, close, displace

Everything is read from the ledger and the stored snapshots, so that a rerun judges the same pairs on the same rows; what it
finds is written in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ml.compare import ComparisonInput, Contestant, unseen_as_ofs
from ml.compare import compare as judge
from ml.config import Declaration
from ml.errors import NothingToDo, VersionMissing
from ml.pipeline.carding import write_cards
from ml.pipeline.champion import load_baseline, load_version, score_rows
from ml.pipeline.contests import Pair, close_contests, enter_pairs
from ml.pipeline.evidence import find_champion, labels_of_shift_mature_on
from ml.pipeline.learning import build_matured_labels
from ml.pipeline.measuring import Seconds, time_pair, weigh
from ml.pipeline.opening import Stores, recorded
from ml.records import Comparison, Run, TrainingSet, Version
from ml.stores import ledger, warehouse
from ml.stores.sessions import Session, take_lock


@recorded
def compare(stores: Stores, run: Run) -> Comparison:
    """Judge the day's challenger and the shadows against the champion, or the challenger against the baselines alone.

    Raises:
        NothingToDo: the challenger is the champion already, or the same as a version whose test has ended.
        VersionMissing: nothing was trained for this day.
    """
    declaration = stores.declaration(run.model)
    with stores.warehouse.transaction() as session:
        challenger, champion = _find_contestants(session, run)
        take_lock(session, "contests", run.model)
        pairs = enter_pairs(session, declaration.model, run, challenger=challenger, champion=champion)
    judged = tuple(zip(pairs, map(judge, _prepare_all(stores, declaration, run, pairs)), strict=True))
    with stores.warehouse.transaction() as session:
        take_lock(session, "contests", run.model)
        close_contests(session, declaration.model, run, judged)
        comparison = _recall(session, run, challenger)
    for pair, _ in judged:
        stores.registry.log_verdict(
            pair.challenger.version, pair.challenger.mlflow_run_id, comparison.about(pair.challenger.version)
        )
    write_cards(stores, run, (pair.challenger.version for pair in pairs))
    return comparison


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
    champion = find_champion(session, run)
    if champion is not None and champion.version == challenger.version:
        raise NothingToDo(f"{run}: version {challenger.version} is the champion already.")
    return challenger, champion


def _prepare_all(stores: Stores, declaration: Declaration, run: Run, pairs: Iterable[Pair]) -> Iterable[ComparisonInput]:
    for pair in pairs:
        with stores.warehouse.transaction() as session:
            rows = _read_rows(session, declaration, run, pair)
            checks = ledger.last_checks(session, run.model, run.as_of, limit=declaration.model.monitoring.persistence[1])
        contest = _prepare(stores, declaration, run, pair, rows)
        shifted = labels_of_shift_mature_on(declaration.model, checks)
        yield replace(contest, shifted_labels_mature_on=shifted if shifted and shifted > run.as_of else None)


def _read_rows(session: Session, declaration: Declaration, run: Run, pair: Pair) -> TrainingSet:
    """The matured as_ofs that neither of the pair has seen, up to the last look; else the holdout, to say that it was seen."""
    is_first = pair.champion is None
    labelled = pair.challenger.holdout_as_ofs if is_first else build_matured_labels(session, declaration, run)
    trained_on = (*pair.challenger.training_as_ofs, *(pair.champion.training_as_ofs if pair.champion else ()))
    unseen = unseen_as_ofs(labelled, trained_on, embargo=declaration.model.embargo)
    last = len(unseen) if pair.test is None else pair.test.final
    return warehouse.read_training_set(session, declaration, unseen[:last] or pair.challenger.holdout_as_ofs)


def _prepare(stores: Stores, declaration: Declaration, run: Run, pair: Pair, rows: TrainingSet) -> ComparisonInput:
    """Everybody's scores of the same rows."""
    challenger, champion = pair.challenger, pair.champion
    ours, theirs = ((), ()) if champion is None else time_pair(stores, challenger, champion, rows)
    return ComparisonInput(
        model=declaration.model,
        as_of=run.as_of,
        challenger=_enter(stores, challenger, rows, ours),
        champion=None if champion is None else _enter(stores, champion, rows, theirs),
        logistic=score_rows(load_baseline(stores, challenger, "logistic"), rows),
        recency=score_rows(load_baseline(stores, challenger, "recency"), rows),
        labels=rows.labels,
        segments=rows.segments,
        side=pair.side,
        test=pair.test,
        former=pair.contest.looks if pair.contest else (),
        account_frees_on=pair.account_frees_on,
        refit=None if pair.refit is None else score_rows(load_version(stores, pair.refit), rows),
        anchor=None if pair.anchor is None else _enter(stores, pair.anchor, rows),
    )


def _enter(stores: Stores, version: Version, rows: TrainingSet, timings: Seconds = ()) -> Contestant:
    return Contestant(
        version.version,
        version.algorithm,
        version.training_as_ofs,
        score_rows(load_version(stores, version), rows),
        size_bytes=weigh(stores, version),
        seconds_per_1000_rows=timings,
    )
