"""Publish: all scores of (model, as_of) at once, or none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2

from perennial.errors import PermanentError, PublicationBlocked, Superseded, WarehouseUnavailable
from perennial.records import Publication, Run
from perennial.stores import queries
from perennial.stores.sessions import Database, take_lock
from perennial.stores.warehouse.publishing.attempts import (
    Attempt,
    ScoringJob,
    block_attempt,
    find_former_mean,
    find_snapshot,
    make_live,
    open_attempt,
    pass_fence,
)
from perennial.stores.warehouse.publishing.streams import Reader, Writer, count_scores, explain_rows, score_streamed
from perennial.tasks import task_of


def publish(database: Database, run: Run, job: ScoringJob) -> Publication:
    """Score the valid snapshot of the day and put the scores in the place of the former ones.

    Idempotent: a rerun gives the same rows under a new attempt. Readers see the old day or the new one, whole.

    Raises:
        SnapshotMissing: no snapshot of the day has passed its suites.
        SchemaMismatch: features.<model> is not what the champion was trained on.
        PublicationBlocked: a check failed; the former scores stay, and the ledger says why.
        Superseded: a later attempt took over; this one wrote nothing.
        WarehouseUnavailable: a connection was lost; a retry makes a new attempt.
    """
    attempt = open_attempt(database, run, job)
    try:
        return publish_attempt(database, attempt, job)
    except Superseded:
        raise
    except PermanentError as error:
        block_attempt(database, attempt, str(error), getattr(error, "mean_score", None))
        raise


def publish_attempt(database: Database, attempt: Attempt, job: ScoringJob) -> Publication:
    """The publishing transaction: lock, fence, score and check, delete and copy, audit, commit."""
    run = attempt.run
    with _report_lost_connections(), database.transaction() as session:
        take_lock(session, run.model, run.as_of)
        with _open_reader(database, job, run) as reader:
            # The snapshot cannot be rebuilt meanwhile: that takes the same lock.
            rows, checksum = find_snapshot(reader.session, run)
            pass_fence(session, attempt, checksum)
            scored = score_streamed(reader, job.predictor)
            former = find_former_mean(reader.session, run, job.version)
            task = task_of(job.declaration.model)
            tally = count_scores(scored.scores, scored.doubles, task=task, expected_rows=rows, former=former)
            _refuse(run, job.rules.check(tally), mean_score=tally.mean)
            writer = Writer(session, job.declaration.model, run, attempt.publication_id)
            written = writer.replace_rows(explain_rows(reader, job.predictor, scored, job.rules))
        _refuse(run, () if written == rows else (f"{written} rows were written, the snapshot holds {rows}",))
        _refuse(run, tuple(job.audit(session)))
        seconds = make_live(session, attempt, rows, tally.mean)
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


@contextmanager
def _open_reader(database: Database, job: ScoringJob, run: Run) -> Iterator[Reader]:
    with database.transaction() as session:
        session.execute(queries.load("publishing")["read_isolated"])
        yield Reader(session, job.declaration.model, run)


def _refuse(run: Run, failures: tuple[str, ...], *, mean_score: float | None = None) -> None:
    if failures:
        blocked = PublicationBlocked(
            f"{run}: the scores were not published: {'; '.join(failures)}. The former scores stay live. "
            f"Find the cause, then run `perennial score {run.model} --as-of {run.as_of}` again."
        )
        blocked.mean_score = mean_score
        raise blocked


@contextmanager
def _report_lost_connections() -> Iterator[None]:
    """COPY speaks to the driver directly, past the place where lost connections get their name."""
    try:
        yield
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        raise WarehouseUnavailable(
            f"PostgreSQL went away while scores were published; nothing of them is visible: {error}"
        ) from error
