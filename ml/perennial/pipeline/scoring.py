"""Score a day: whole in one process, or plan -> shards -> commit, by processes of this machine or by mapped tasks of Airflow.

What a shard is to do stands in the ledger's row of its attempt: the version, the snapshot, how many shards there are. So a
process or a task is told two numbers, and may be started twice, or come late.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from multiprocessing import get_context

from perennial import notices
from perennial.config import Declaration, Settings, read_code_version
from perennial.errors import NothingToDo, PerennialError, PermanentError, PublicationBlocked, RegistryUnavailable
from perennial.pipeline import canaries, judging
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

log = logging.getLogger(__name__)


@recorded
def score(stores: Stores, run: Run) -> Publication:
    """Score the valid snapshot with the champion and publish the whole day at once, or not at all."""
    champion = _find_champion(stores, run)
    canary = _prepare_canary(stores, run, champion)
    try:
        return _publish(stores, run, champion, canary)
    except warehouse.CanaryHarm as harm:
        return _publish_without(stores, run, champion, canary, harm)


def _prepare_canary(stores: Stores, run: Run, champion: Version) -> warehouse.CanaryJob | None:
    """The canary of the day, once its arms were compared on what has matured: harm ends it before it scores again.

    Without MLflow, where this machine does not keep what it would take, the champion scores everybody of this day.
    """
    try:
        judging.judge(stores, run)
    except (PermanentError, RegistryUnavailable) as failure:
        log.warning("score %s: the arms of the canary were not compared. %s", run, failure)
    try:
        return canaries.prepare(stores, run, champion)
    except RegistryUnavailable as silence:
        log.warning("score %s: the canary sits this day out, for its files are not kept here. %s", run, silence)
        return None


def stop_canary(stores: Stores, run: Run, *, because: str) -> Publication | None:
    """End the canary that runs in one transaction, then publish the newest day that holds scores of it by the champion alone.

    Run again after it was killed between the two, it publishes the day.

    Returns that publication; None where the newest day holds none of its scores, or cannot be scored any more: then it stays.

    Raises:
        NothingToDo: no canary runs.
    """
    canary = canaries.find_stoppable(stores, run.model)
    canaries.end(stores, run, canary, "stopped", because)
    with stores.warehouse.transaction() as session:
        newest = canaries.find_newest_day(session, canary)
    if newest is None:
        return None
    try:
        return score(stores, replace(run, as_of=newest))
    except PermanentError as failure:
        log.warning("%s: the scores of %s keep those of the canary. %s", run, newest, failure)
        return None


def _publish_without(
    stores: Stores, run: Run, champion: Version, canary: warehouse.CanaryJob | None, harm: warehouse.CanaryHarm
) -> Publication:
    """End a canary whose scores must not be published, and publish the day by the champion alone."""
    assert canary is not None
    canaries.end(stores, run, canary.share.canary, "harm", f"Its scores of {run.as_of} were not published: {harm}.")
    return _publish(stores, run, champion, None)


def _publish(stores: Stores, run: Run, champion: Version, canary: warehouse.CanaryJob | None) -> Publication:
    job = _make_job(stores, run, champion, canary)
    stage = partial(_stage_beside, stores, job) if job.declaration.model.scoring.most_shards > 1 else None
    with _telling(stores, run, champion):
        return warehouse.publish(stores.warehouse, run, job, stage)


@partial(recorded, stage="score")
def plan_shards(stores: Stores, run: Run) -> tuple[Shard, ...]:
    """Begin an attempt to publish the day, and say what its shards are; earlier ones write nothing any more."""
    champion = _find_champion(stores, run)
    job = _make_job(stores, run, champion, _prepare_canary(stores, run, champion))
    attempt = warehouse.open_attempt(stores.warehouse, run, job, is_sharded=True)
    return tuple(Shard(attempt.attempt, number) for number in range(attempt.shards))


@partial(recorded, stage="score")
def score_shard(stores: Stores, run: Run, shard: Shard) -> None:
    """Score one shard into its table; nothing where that was done.

    A canary that cannot score it is ended, and the day published by the champion at once: what the other shards of this attempt
    were to do is done.
    """
    try:
        _score_shard(stores, run, shard)
    except warehouse.CanaryHarm as harm:
        _publish_without(stores, run, *_find_sides(stores, run, shard.attempt), harm)


def _find_sides(stores: Stores, run: Run, number: int) -> tuple[Version, warehouse.CanaryJob | None]:
    """Who scores an attempt: the version of its publication, and its canary."""
    with stores.warehouse.transaction() as session:
        found = warehouse.find_attempt(session, run, number)
        version = ledger.get_version(session, run.model, found.version)
    return version, None if found.canary is None else canaries.restore(stores, run, found.canary)


@partial(recorded, stage="score")
def commit_shards(stores: Stores, run: Run, attempt: int) -> Publication:
    """Publish an attempt whose shards were scored; run again, what it has published."""
    with stores.warehouse.transaction() as session:
        found = warehouse.find_attempt(session, run, attempt)
    if found.publication is not None:
        return found.publication
    version, canary = _find_sides(stores, run, attempt)
    try:
        with _telling(stores, run, version):
            return warehouse.commit_shards(stores.warehouse, found.attempt, _make_job(stores, run, version, canary))
    except warehouse.CanaryHarm as harm:
        return _publish_without(stores, run, version, canary, harm)


def _score_shard(stores: Stores, run: Run, shard: Shard) -> None:
    with stores.warehouse.transaction() as session:
        found = warehouse.find_attempt(session, run, shard.attempt)
    if found.publication is None:
        job = _make_job(stores, run, *_find_sides(stores, run, shard.attempt))
        warehouse.publish_shard(stores.warehouse, found.attempt, job, shard.number)


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
    with suppress(PerennialError, warehouse.CanaryHarm), open_stores(settings) as stores:
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


def _make_job(stores: Stores, run: Run, version: Version, canary: warehouse.CanaryJob | None) -> warehouse.ScoringJob:
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
        canary=canary,
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
