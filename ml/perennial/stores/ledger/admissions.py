"""Which as_ofs may teach: admitted, resting, released, rejected. SQL: sql/queries/admissions.sql."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from perennial.records import Admission, AdmissionEntry, dump_json
from perennial.stores.ledger.statements import execute, fetch_all
from perennial.stores.sessions import Session


@dataclass(frozen=True)
class Built:
    """Checksums of what stands for one as_of; labels that were never built have none."""

    snapshot_checksum: str
    labels_checksum: str | None


def record_entry(session: Session, entry: AdmissionEntry, found: Admission | None = None) -> AdmissionEntry:
    """Keep what became of an as_of, with what was found where somebody looked; the caller holds the lock `admission`."""
    evidence = "{}" if found is None else dump_json(found)
    execute(session, "admissions.record_entry", **vars(entry), evidence=evidence)
    return entry


def entries(session: Session, model: str, *, since: date, clock: datetime) -> dict[date, AdmissionEntry]:
    """What holds on a clock for each as_of since a day; nothing for those that nobody has looked at."""
    found = fetch_all(AdmissionEntry, session, "admissions.entries", model=model, since=since, clock=clock)
    return {entry.as_of: entry for entry in found}


def set_aside(session: Session, model: str, as_ofs: Sequence[date]) -> tuple[AdmissionEntry, ...]:
    """Why each of these as_ofs was set aside last, oldest first."""
    return fetch_all(AdmissionEntry, session, "admissions.set_aside", model=model, as_ofs=list(as_ofs))


def checksums(session: Session, model: str, *, since: date) -> dict[date, Built]:
    """What stands for each as_of since a day that has a snapshot."""
    rows = execute(session, "admissions.checksums", model=model, since=since)
    return {row.as_of: Built(row.snapshot_checksum, row.labels_checksum) for row in rows}


def fit_of_that_time(session: Session, model: str, as_of: date, instant: datetime) -> int | None:
    """The version whose scores of a day count; None before the first champion.

    Args:
        instant: from which the day could be scored.
    """
    found = execute(session, "admissions.fit_of_that_time", model=model, as_of=as_of, instant=instant).scalar()
    return None if found is None else int(found)
