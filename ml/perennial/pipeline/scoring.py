"""Score a day: whole in one process, or plan -> shards -> commit, by processes of this machine or by mapped tasks of Airflow.

What a shard is to do stands in the ledger's row of its attempt: the version, the snapshot, how many shards there are. So a
process or a task is told two numbers, and may be started twice, or come late.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing import get_context

from perennial import notices
from perennial.config import Declaration, Settings, read_code_version
from perennial.errors import NothingToDo, PerennialError, PublicationBlocked
from perennial.pipeline.beginning import find_first_maturity
from perennial.pipeline.champion import load_version, settle_or_trust
from perennial.pipeline.daily import block_publication, run_suite_of
from perennial.pipeline.evidence import find_serving
from perennial.pipeline.opening import Stores, open_stores, recorded
from perennial.pipeline.waiting import find_waiting
from perennial.records import Publication, Run, Shard, Version
from perennial.score import check_champion, check_freshness, scoring_rules
from perennial.stores import ledger, warehouse
from perennial.stores.sessions import Session


@recorded
def score(stores: Stores, run: Run) -> Publication:
    """Score the valid snapshot with the champion and publish the whole day at once, or not at all."""
    champion = _find_champion(stores, run)
    job = _make_job(stores, run, champion)
    stage = partial(_stage_beside, stores, job) if job.declaration.model.scoring.most_shards > 1 else None
    with _telling(stores, run, champion):
        return warehouse.publish(stores.warehouse, run, job, stage)


@partial(recorded, stage="score")
def plan_shards(stores: Stores, run: Run) -> tuple[Shard, ...]:
    """Begin an attempt to publish the day, and say what its shards are; earlier ones write nothing any more."""
    job = _make_job(stores, run, _find_champion(stores, run))
    attempt = warehouse.open_attempt(stores.warehouse, run, job, is_sharded=True)
    return tuple(Shard(attempt.attempt, number) for number in range(attempt.shards))


@partial(recorded, stage="score")
def score_shard(stores: Stores, run: Run, shard: Shard) -> None:
    """Score one shard into its table; nothing where that was done."""
    _score_shard(stores, run, shard)


@partial(recorded, stage="score")
def commit_shards(stores: Stores, run: Run, attempt: int) -> Publication:
    """Publish an attempt whose shards were scored; run again, what it has published."""
    with stores.warehouse.transaction() as session:
        found = warehouse.find_attempt(session, run, attempt)
        version = ledger.get_version(session, run.model, found.version)
    if found.publication is not None:
        return found.publication
    with _telling(stores, run, version):
        return warehouse.commit_shards(stores.warehouse, found.attempt, _make_job(stores, run, version))


def _score_shard(stores: Stores, run: Run, shard: Shard) -> None:
    with stores.warehouse.transaction() as session:
        found = warehouse.find_attempt(session, run, shard.attempt)
        version = ledger.get_version(session, run.model, found.version)
    if found.publication is None:
        warehouse.publish_shard(stores.warehouse, found.attempt, _make_job(stores, run, version), shard.number)


def _stage_beside(stores: Stores, job: warehouse.ScoringJob, attempt: warehouse.Attempt) -> None:
    """Score the shards in as many processes as there are cores; what one that died has left undone, this one does.

    They are spawned: a process that is forked after OpenMP has run hangs.
    """
    shards = [Shard(attempt.attempt, number) for number in range(attempt.shards)]
    count = min(len(shards), os.cpu_count() or 1)
    turns = [(stores.settings, attempt.run, shards[first::count]) for first in range(count)]
    processes = [get_context("spawn").Process(target=_stage_in_turn, args=turn, daemon=True) for turn in turns]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    for shard in shards:
        warehouse.publish_shard(stores.warehouse, attempt, job, shard.number)


def _stage_in_turn(settings: Settings, run: Run, shards: Sequence[Shard]) -> None:
    """What fails here is met again, and reported, by the process that waits."""
    with suppress(PerennialError), open_stores(settings) as stores:
        for shard in shards:
            _score_shard(stores, run, shard)


def _find_champion(stores: Stores, run: Run) -> Version:
    declaration = stores.declaration(run.model)
    silence = settle_or_trust(stores, run)
    with stores.warehouse.transaction() as session:
        _check_anybody(session, run)
        first, waiting = find_first_maturity(session, declaration, run), find_waiting(session, run.model)
        champion = check_champion(run, find_serving(session, run), first, waiting)
    if run.purpose == "live":
        check_freshness(declaration.model, run)
    if silence is not None:
        load_version(stores, champion)  # it is kept here and whole, or the day fails
        with stores.warehouse.transaction() as session:
            ledger.put_notice(session, run, notices.write_silence(run, champion, silence), declaration.model.owner)
    return champion


def _make_job(stores: Stores, run: Run, version: Version) -> warehouse.ScoringJob:
    declaration = stores.declaration(run.model)
    with stores.warehouse.transaction() as session:
        accepted = ledger.newest_acceptance(session, run.model, run.as_of, "shift")
    return warehouse.ScoringJob(
        declaration=declaration,
        predictor=load_version(stores, version),
        version=version,
        rules=scoring_rules(declaration.model, run, version, accepted),
        audit=partial(_audit_scores, declaration, run),
        code_version=read_code_version(),
    )


@contextmanager
def _telling(stores: Stores, run: Run, version: Version) -> Iterator[None]:
    """A publication that is blocked stops the day, and people are told."""
    try:
        yield
    except PublicationBlocked as blocked:
        block_publication(stores, stores.declaration(run.model), run, version, str(blocked))
        raise


def _check_anybody(session: Session, run: Run) -> None:
    """Is there anybody to score?"""
    if ledger.is_empty(session, run.model, run.as_of):
        raise NothingToDo(f"{run}: the cohort is empty, so there is nothing to score: the former scores stay.")


def _audit_scores(declaration: Declaration, run: Run, session: Session) -> tuple[str, ...]:
    results, _ = run_suite_of(session, declaration, run, "scores")
    return tuple(result.sentence for result in results if not result.passed)
