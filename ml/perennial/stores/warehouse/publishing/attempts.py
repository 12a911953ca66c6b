"""Attempts to publish a day, as the ledger numbers them, and the fence between an attempt and its successor.

The row of an attempt is committed before the publishing transaction begins: only so can a later attempt, made beside a
survivor or after a kill, see it and take over. A survivor then fails at its fence and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite

from sqlalchemy import text

from perennial.config import Declaration
from perennial.errors import SnapshotMissing, Superseded
from perennial.predictor import Predictor, hash_manifest
from perennial.records import Publication, Run, ScoringRules, Version
from perennial.stores import queries
from perennial.stores.sessions import Database, Session, take_lock
from perennial.stores.warehouse.publishing.arms import Arms, CanaryJob

LONGEST_ATTEMPT = timedelta(days=1)
"""Far above what a run may last."""


@dataclass(frozen=True)
class ScoringJob:
    """What is published, and what must hold for it.

    Attributes:
        version: what the ledger knows of the predictor; its manifest becomes the publication's artifact hash.
        rules: of `perennial.score`, asked before a row is written.
        audit: looks at the new rows of scores.<model> inside the publishing transaction, before anybody else can
            see them; sentences say why they must not be published (the suite `scores`).
        code_version: of the program that publishes.
        canary: the recipe under test that scores its share; None: the predictor scores everybody.
    """

    declaration: Declaration
    predictor: Predictor
    version: Version
    rules: ScoringRules
    audit: Callable[[Session], Sequence[str]]
    code_version: str
    canary: CanaryJob | None = None

    @property
    def arms(self) -> Arms:
        """Who scores which rows."""
        return Arms(self.predictor, self.canary)

    @property
    def model(self) -> str:
        return self.declaration.model.name


@dataclass(frozen=True)
class Attempt:
    """One row of ledger.publications at `building`: in so many shards the rows of a snapshot are scored."""

    publication_id: int
    attempt: int
    run: Run
    checksum: str
    shards: int = 1


def open_attempt(database: Database, run: Run, job: ScoringJob, *, is_sharded: bool = False) -> Attempt:
    """Commit the row of the next attempt; earlier ones that have not published may not publish any more.

    What they had scored is dropped. `is_sharded`: the rows are scored in as many shards as the model asks for.

    Waits for a publication of the same day that is under way: the lock is the same.

    Raises:
        SnapshotMissing: the day has no snapshot that passed its suites.
    """
    named = queries.load("publishing")
    with database.transaction() as session:
        take_lock(session, run.model, run.as_of)
        rows, checksum = find_snapshot(session, run)
        session.execute(named["fence_off_attempts"], _key(run))
        drop_shards(session, run.model, run.clock - LONGEST_ATTEMPT)
        shards = job.declaration.model.scoring.count_shards(rows) if is_sharded else 1
        values = {
            "version": job.version.version,
            "snapshot_checksum": checksum,
            "manifest_hash": hash_manifest(job.version.manifest),
            "config_hash": job.declaration.model.config_hash,
            "query_hash": job.declaration.query_hash,
            "code_version": job.code_version,
            "purpose": run.purpose,
            "effective_at": run.clock,
            "shards": shards,
        }
        row = session.execute(named["open_attempt"], _key(run) | values).one()
        if job.canary is not None:
            entered = {"canary_id": job.canary.share.canary.canary_id, "share": job.canary.share.share}
            entered |= {"version": job.canary.share.version, "publication_id": row.publication_id}
            session.execute(named["enter_publication"], entered)
        return Attempt(row.publication_id, row.attempt, run, checksum, shards)


def drop_shards(session: Session, model: str, before: datetime) -> None:
    """Drop what was scored for attempts that have ended, or began `before` an instant, so that they never will."""
    for name in session.execute(queries.load("publishing")["list_shards"], {"model": model, "before": before}).scalars().all():
        session.exec_driver_sql(f"drop table if exists {name}")  # at the same moment somebody else may sweep


@dataclass(frozen=True)
class CanaryOfAttempt:
    """The canary that an attempt was opened with, its share, and the version that scores it."""

    canary_id: int
    share: float
    version: int


@dataclass(frozen=True)
class Found:
    """An attempt as the ledger knows it; the version it scores with, its canary, and what it published if it did."""

    attempt: Attempt
    version: int
    publication: Publication | None
    canary: CanaryOfAttempt | None = None


def find_attempt(session: Session, run: Run, number: int) -> Found:
    """The attempt of the day that bears this number.

    Raises:
        Superseded: there is none, or it ended without scores.
    """
    row = session.execute(queries.load("publishing")["find_attempt"], {**_key(run), "attempt": number}).one_or_none()
    if row is None or row.status not in ("building", "live"):
        found = "is not known" if row is None else f"is {row.status}"
        raise Superseded(f"{run}: attempt {number} {found}: it publishes nothing. A new one begins with the plan of its shards.")
    attempt = Attempt(row.publication_id, number, run, row.snapshot_checksum, row.shards)
    if row.status == "building":
        has_canary = row.canary_id is not None
        canary = CanaryOfAttempt(row.canary_id, row.canary_share, row.canary_version) if has_canary else None
        return Found(attempt, row.version, None, canary)
    live = Publication(
        row.publication_id, run.model, run.as_of, row.version, number, "live", row.rows, row.mean_score, row.seconds
    )
    return Found(attempt, row.version, live)


def find_snapshot(session: Session, run: Run) -> tuple[int, str]:
    """Rows and checksum of the day's valid snapshot.

    Raises:
        SnapshotMissing: there is none.
    """
    row = session.execute(queries.load("publishing")["find_snapshot"], _key(run)).one_or_none()
    if row is None or row.status != "valid":
        found = "no snapshot" if row is None else f"a snapshot that is {row.status}"
        raise SnapshotMissing(
            f"{run}: found {found}, and only a valid one is scored; the former scores stay. "
            f"Run refresh and validate for this as_of first."
        )
    return row.rows, row.checksum


@dataclass(frozen=True)
class FormerMean:
    """A mean score, and its standard error where the scores it is of can be read."""

    mean: float
    error: float | None


def find_former_mean(session: Session, run: Run, version: Version) -> FormerMean | None:
    """What the mean score is measured against; the same on a rerun.

    It is that of the newest live publication of an earlier as_of. Where another version published that one, it is what this
    version gave when it was fitted: how far two versions lie apart was judged before this one took over, and a day is stopped
    for its own data only.
    """
    former = session.execute(queries.load("publishing")["former_mean"], _key(run)).one_or_none()
    if former is None:
        return None
    if former.version != version.version and version.newest_mean_score is not None:
        return FormerMean(version.newest_mean_score, None)
    spread = text(f'select stddev_pop(score) / sqrt(count(*)) from scores."{run.model}" where as_of = :as_of')  # noqa: S608 - checked
    return FormerMean(former.mean_score, session.execute(spread, {"as_of": former.as_of}).scalar_one())


def pass_fence(session: Session, attempt: Attempt, checksum: str) -> None:
    """Go on only as the newest attempt; from here until the end of the transaction no other can take over.

    Raises:
        Superseded: another attempt took over.
    """
    values = {"publication_id": attempt.publication_id, "attempt": attempt.attempt, "snapshot_checksum": checksum}
    if session.execute(queries.load("publishing")["pass_fence"], values).rowcount != 1:
        raise Superseded(f"{attempt.run}: attempt {attempt.attempt} was taken over by a later one and has written nothing.")


def make_live(session: Session, attempt: Attempt, rows: int, mean_score: float, checksum: str) -> float:
    """Put this publication in the place of the day's former one; the seconds since the attempt began."""
    session.execute(queries.load("publishing")["replace_live"], _key(attempt.run))
    values = {
        "publication_id": attempt.publication_id,
        "attempt": attempt.attempt,
        "rows": rows,
        "mean_score": mean_score,
        "scores_checksum": checksum,
    }
    seconds: float = session.execute(queries.load("publishing")["make_live"], values).scalar_one()
    return seconds


def block_attempt(database: Database, attempt: Attempt, message: str, mean_score: float | None) -> None:
    """Write down why nothing was published, in a transaction of its own: the publishing one was rolled back."""
    known = mean_score if mean_score is not None and isfinite(mean_score) else None
    values = {"publication_id": attempt.publication_id, "attempt": attempt.attempt, "message": message, "mean_score": known}
    with database.transaction() as session:
        session.execute(queries.load("publishing")["block_attempt"], values)
        drop_shards(session, attempt.run.model, attempt.run.clock - LONGEST_ATTEMPT)


def _key(run: Run) -> dict[str, object]:
    return {"model": run.model, "as_of": run.as_of}
