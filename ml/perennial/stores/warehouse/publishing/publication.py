"""Publish: all scores of (model, as_of) at once, or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import sqrt

from perennial.errors import PermanentError, PublicationBlocked, Superseded
from perennial.records import Publication, Run, Tally
from perennial.stores.sessions import Database, Session, take_lock
from perennial.stores.warehouse.publishing.arms import CanaryHarm
from perennial.stores.warehouse.publishing.attempts import (
    LONGEST_ATTEMPT,
    Attempt,
    FormerMean,
    ScoringJob,
    block_attempt,
    drop_shards,
    find_former_mean,
    find_snapshot,
    make_live,
    open_attempt,
    pass_fence,
)
from perennial.stores.warehouse.publishing.measuring import measure_scores, record_arms
from perennial.stores.warehouse.publishing.shards import (
    is_staged,
    merge_shards,
    open_reader,
    pass_shard_fence,
    read_shards,
    stage_shard,
)
from perennial.stores.warehouse.publishing.streams import Scored, Writer, count_scores, explain_rows, score_streamed
from perennial.tasks import task_of

Stage = Callable[[Attempt], None]


def publish(database: Database, run: Run, job: ScoringJob, stage: Stage | None = None) -> Publication:
    """Score the valid snapshot of the day and put the scores in the place of the former ones.

    Idempotent: a rerun gives the same rows under a new attempt. Readers see the old day or the new one, whole.

    Args:
        stage: has the shards of an attempt scored by others; without it the day is one.

    Raises:
        SnapshotMissing: no snapshot of the day has passed its suites.
        SchemaMismatch: features.<model> is not what the champion was trained on.
        PublicationBlocked: a check failed; the former scores stay, and the ledger says why.
        Superseded: a later attempt took over; this one wrote nothing.
        CanaryHarm: the scores of the canary fail a check; nothing was written.
        WarehouseUnavailable: a connection was lost; a retry makes a new attempt.
    """
    attempt = open_attempt(database, run, job, is_sharded=stage is not None)
    with blocking(database, attempt):
        if stage is None or attempt.shards == 1:
            return publish_attempt(database, attempt, job)
        stage(attempt)
    return commit_shards(database, attempt, job)


@contextmanager
def blocking(database: Database, attempt: Attempt) -> Iterator[None]:
    """An attempt within which a check fails is blocked: nothing of it is published."""
    try:
        yield
    except Superseded:
        raise
    except PermanentError as error:
        block_attempt(database, attempt, str(error), getattr(error, "mean_score", None))
        raise


def publish_attempt(database: Database, attempt: Attempt, job: ScoringJob) -> Publication:
    """The publishing transaction: lock, fence, score and check, delete and copy, audit, commit."""
    run = attempt.run
    with database.transaction() as session:
        take_lock(session, run.model, run.as_of)
        with open_reader(database, job.declaration.model, run) as reader:
            # The snapshot cannot be rebuilt meanwhile: that takes the same lock.
            rows, checksum = find_snapshot(reader.session, run)
            pass_fence(session, attempt, checksum)
            scored = score_streamed(reader, job.arms)
            tally = _check_scores(reader.session, attempt, job, scored, rows)
            writer = Writer(session, job.declaration.model, run, attempt.publication_id)
            written = writer.replace_rows(explain_rows(reader, job.arms, scored, job.rules))
        _refuse(run, record_arms(session, attempt, job, scored))
        return _conclude(session, attempt, job, tally, written)


def publish_shard(database: Database, attempt: Attempt, job: ScoringJob, number: int) -> None:
    """Score one shard of an attempt; nothing of it can be read before the commit.

    Raises:
        Superseded: a later attempt took over; this one wrote nothing.
    """
    with blocking(database, attempt):
        stage_shard(database, attempt, job, number)


def commit_shards(database: Database, attempt: Attempt, job: ScoringJob) -> Publication:
    """The publishing transaction of scores that wait in shards: lock, fence, check, rank, delete and merge, audit, commit.

    Raises:
        Superseded: a later attempt took over, or the snapshot was built anew; this one wrote nothing.
        PublicationBlocked: a check failed; the former scores stay, and the ledger says why.
    """
    run, model = attempt.run, job.declaration.model
    with blocking(database, attempt), database.transaction() as session:
        take_lock(session, run.model, run.as_of)
        pass_shard_fence(session, attempt)
        pass_fence(session, attempt, attempt.checksum)
        rows, _ = find_snapshot(session, run)
        missing = [number for number in range(attempt.shards) if not is_staged(session, attempt, number)]
        _refuse(run, tuple(f"shard {number + 1} of {attempt.shards} was not scored" for number in missing))
        scored = read_shards(session, attempt, model, job.arms)
        tally = _check_scores(session, attempt, job, scored, rows)
        written = merge_shards(session, attempt, model, scored, job.rules)
        _refuse(run, record_arms(session, attempt, job, scored))
        publication = _conclude(session, attempt, job, tally, written)
        drop_shards(session, run.model, run.clock - LONGEST_ATTEMPT)
    return publication


def _check_scores(session: Session, attempt: Attempt, job: ScoringJob, scored: Scored, rows: int) -> Tally:
    _check_canary(job, scored)
    former = find_former_mean(session, attempt.run, job.version)
    tally = count_scores(scored.scores, scored.doubles, task=task_of(job.declaration.model), expected_rows=rows, former=former)
    _refuse(attempt.run, job.rules.check(tally), mean_score=tally.mean)
    return tally


def _check_canary(job: ScoringJob, scored: Scored) -> None:
    """Before anything else is asked of the day: what is wrong with the canary's scores stops the canary, not the day.

    Raises:
        CanaryHarm: it is.
    """
    if job.canary is None or scored.members is None or not scored.members.any():
        return
    theirs, ours = scored.scores[scored.members], scored.scores[~scored.members]
    error = float(ours.std()) / sqrt(len(ours)) if len(ours) else None
    former = FormerMean(float(ours.mean()), error) if len(ours) else None
    tally = count_scores(theirs, 0, task=task_of(job.declaration.model), expected_rows=len(theirs), former=former)
    if failures := job.rules.check_canary(tally):
        raise CanaryHarm("; ".join(failures))


def _conclude(session: Session, attempt: Attempt, job: ScoringJob, tally: Tally, written: int) -> Publication:
    """Look at the rows that were written, and let them be live from the commit on."""
    run, rows = attempt.run, tally.expected_rows
    _refuse(run, () if written == rows else (f"{written} rows were written, the snapshot holds {rows}",))
    _refuse(run, tuple(job.audit(session)))
    _, checksum = measure_scores(session, job.declaration.model, run.as_of, attempt.publication_id)
    seconds = make_live(session, attempt, rows, tally.mean, checksum)
    return Publication(
        publication_id=attempt.publication_id,
        model=run.model,
        as_of=run.as_of,
        version=job.version.version,
        attempt=attempt.attempt,
        status="live",
        rows=rows,
        mean_score=tally.mean,
        seconds=seconds,
    )


def _refuse(run: Run, failures: tuple[str, ...], *, mean_score: float | None = None) -> None:
    if failures:
        blocked = PublicationBlocked(
            f"{run}: the scores were not published: {'; '.join(failures)}. The former scores stay live. "
            f"Find the cause, then run `perennial score {run.model} --as-of {run.as_of}` again."
        )
        blocked.mean_score = mean_score
        raise blocked
