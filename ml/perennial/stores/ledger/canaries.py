"""Canaries, their ends, arms and looks, and batches of requests. SQL: sql/queries/canaries.sql."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime

from perennial.records import Run, dump_json
from perennial.records.canaries import Arm, Canary, EndKind, FiguresOfArms, ServedArm, Side
from perennial.records.contests import Contest, Look
from perennial.stores.ledger.contests import Draw
from perennial.stores.ledger.statements import execute, fetch_all
from perennial.stores.sessions import Session


@dataclass(frozen=True)
class CanaryTerms:
    """What is fixed when a canary begins; see `Canary`."""

    salt: str
    alpha: float
    harm_alpha: float
    last_look: int
    overlap: int
    missing: float


@dataclass(frozen=True)
class CanaryDay:
    """A live publication with a canary."""

    as_of: date
    publication_id: int
    canary_id: int
    share: float
    canary_version: int
    salt: str


@dataclass(frozen=True)
class ArmOfDay:
    """What an arm of a live publication was given."""

    as_of: date
    publication_id: int
    share: float
    arm: Arm
    version: int
    rows: int
    mean_score: float | None


def start_canary(session: Session, run: Run, contest: Contest, terms: CanaryTerms, reason: str | None) -> Canary:
    """Let the challenger of a contest act on a share from now on; its alpha is drawn."""
    values = {
        "model": run.model,
        "contest_id": contest.contest_id,
        "challenger_recipe": contest.challenger_recipe,
        "champion_recipe": contest.champion_recipe,
        "started_for": run.as_of,
        "reason": reason,
        "actor": run.actor,
        "purpose": run.purpose,
        "effective_at": run.clock,
    }
    number = execute(session, "canaries.start", **values, **asdict(terms)).scalar_one()
    return get_canary(session, run.model, number)


def get_canary(session: Session, model: str, canary_id: int) -> Canary:
    """One that is known to the ledger."""
    (found,) = fetch_all(Canary, session, "canaries.canaries", model=model, canary_id=canary_id)
    return found


def list_canaries(session: Session, model: str) -> tuple[Canary, ...]:
    """Every canary of a model, oldest first."""
    return fetch_all(Canary, session, "canaries.canaries", model=model, canary_id=None)


def running_canary(session: Session, model: str) -> Canary | None:
    """The canary that has not ended: at most one."""
    return next((each for each in list_canaries(session, model) if each.is_running), None)


def end_canary(session: Session, run: Run, canary: Canary, kind: EndKind, reason: str) -> bool:
    """End it for everybody from the commit on; False where it had ended before, which stands."""
    values = {"canary_id": canary.canary_id, "kind": kind, "reason": reason, "as_of": run.as_of}
    return execute(session, "canaries.end", **values, actor=run.actor, effective_at=run.clock).rowcount == 1


def canary_draws(session: Session, model: str, *, since: datetime) -> tuple[Draw, ...]:
    """What canaries drew from the account after `since`, oldest first."""
    return fetch_all(Draw, session, "canaries.draws", model=model, since=since)


def record_canary_look(
    session: Session, run: Run, canary: Canary, looked: tuple[Side, Look], arms: FiguresOfArms | None = None
) -> None:
    """Keep a look at one question and what the arms came to; a rerun adds nothing."""
    side, look = looked
    values = {
        "as_ofs": list(look.as_ofs),
        "estimate": look.estimate,
        "standard_error": look.standard_error,
        "information": look.information,
        "spent": look.spent,
        "boundary": look.boundary,
        "surplus": look.surplus,
        "shock": look.shock,
        "arms": None if arms is None else dump_json(arms),
    }
    execute(session, "canaries.record_look", canary_id=canary.canary_id, side=side, effective_at=run.clock, **values)


def canary_arms(session: Session, canary: Canary) -> tuple[ArmOfDay, ...]:
    """What the arms of its live publications were given, newest as_of first."""
    return fetch_all(ArmOfDay, session, "canaries.arms", canary_id=canary.canary_id)


def canary_days(session: Session, model: str, canary: Canary | None = None) -> tuple[CanaryDay, ...]:
    """Live publications with this canary, or with any, oldest as_of first."""
    number = None if canary is None else canary.canary_id
    return fetch_all(CanaryDay, session, "canaries.published_days", model=model, canary_id=number)


@dataclass(frozen=True)
class SharesOfDay:
    """The smallest and the largest share that a canary of requests had on a day (UTC)."""

    day: date
    low: float
    high: float


def served_shares(session: Session, canary: Canary) -> tuple[SharesOfDay, ...]:
    """Days on which it was asked for scores, oldest first."""
    return fetch_all(SharesOfDay, session, "canaries.served_shares", model=canary.model, canary_id=canary.canary_id)


def served_arms(session: Session, canary: Canary, *, since: date) -> tuple[ServedArm, ...]:
    """What the batches of its requests came to since a day (UTC), arm by arm."""
    return fetch_all(ServedArm, session, "canaries.served_arms", model=canary.model, canary_id=canary.canary_id, since=since)
