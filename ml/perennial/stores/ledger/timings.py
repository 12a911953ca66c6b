"""How long two versions took to score beside each other: measured once, and the same for every worker that asks again."""

from __future__ import annotations

from dataclasses import dataclass

from perennial.stores.ledger.statements import execute, fetch_one
from perennial.stores.sessions import Session

Seconds = tuple[float, ...]


@dataclass(frozen=True)
class TimedPair:
    """The versions of one model that were timed, by the hashes of their manifests."""

    model: str
    challenger: str
    champion: str


@dataclass(frozen=True)
class Timings:
    """Seconds per 1,000 rows of both, a repetition each."""

    challenger_seconds: Seconds
    champion_seconds: Seconds


def find_timings(session: Session, pair: TimedPair) -> Timings | None:
    """What was measured of a pair; None before anybody has."""
    return fetch_one(Timings, session, "contests.find_timings", **_name(pair))


def record_timings(session: Session, pair: TimedPair, timings: Timings) -> Timings:
    """Keep a measurement, and return the one that stands: of two at once the first."""
    seconds = {"challenger_seconds": list(timings.challenger_seconds), "champion_seconds": list(timings.champion_seconds)}
    execute(session, "contests.record_timings", **_name(pair), **seconds)
    standing = find_timings(session, pair)
    assert standing is not None
    return standing


def _name(pair: TimedPair) -> dict[str, str]:
    return {"model": pair.model, "challenger_manifest": pair.challenger, "champion_manifest": pair.champion}
