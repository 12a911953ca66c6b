"""Challengers under test, their looks, and the account of errors that every test draws from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from perennial.records import Contest, Evaluation, Look, Run
from perennial.stores.ledger.statements import execute, fetch_all
from perennial.stores.sessions import Session


@dataclass(frozen=True)
class Draw:
    """One withdrawal from the account of errors; it weighs for 365 days."""

    alpha: float
    effective_at: datetime


@dataclass(frozen=True)
class Terms:
    """What is fixed when a contest is opened; see `Contest`."""

    alpha: float
    last_look: int
    overlap: int


def open_contest(session: Session, run: Run, pair: tuple[int, int], terms: Terms) -> Contest:
    """Enter a recipe against that of a champion and draw its alpha; a pair that entered for this day is returned as it stands.

    Args:
        pair: recipes of challenger and champion.
    """
    challenger, champion = pair
    execute(
        session,
        "contests.open_contest",
        model=run.model,
        challenger_recipe=challenger,
        champion_recipe=champion,
        **asdict(terms),
        opened_for=run.as_of,
        purpose=run.purpose,
        effective_at=run.clock,
    )
    found = find_contest(session, run.model, pair)
    assert found is not None
    return found


def find_contest(session: Session, model: str, pair: tuple[int, int]) -> Contest | None:
    """The newest contest of two recipes, whatever became of it."""
    challenger, champion = pair
    values = {"challenger_recipe": challenger, "champion_recipe": champion}
    found = fetch_all(Contest, session, "contests.contests", model=model, status=None, **values)
    return found[-1] if found else None


def open_contests(session: Session, model: str) -> tuple[Contest, ...]:
    """Every challenger under test, in the order in which they entered."""
    every = dict.fromkeys(("challenger_recipe", "champion_recipe"))
    return fetch_all(Contest, session, "contests.contests", model=model, status="open", **every)


def record_look(session: Session, run: Run, contest_id: int, look: Look) -> None:
    """Keep a look; a rerun adds nothing."""
    execute(
        session,
        "contests.record_look",
        contest_id=contest_id,
        as_ofs=list(look.as_ofs),
        estimate=look.estimate,
        standard_error=look.standard_error,
        information=look.information,
        spent=look.spent,
        boundary=look.boundary,
        surplus=look.surplus,
        shock=look.shock,
        effective_at=run.clock,
    )


def earlier_looks(session: Session, run: Run, contest_id: int | None) -> tuple[Look, ...]:
    """The newest look at every other pair of the model before this run: a rerun finds what the first attempt found."""
    return fetch_all(Look, session, "contests.earlier_looks", model=run.model, contest_id=contest_id, before=run.clock)


def end_contest(session: Session, contest: Contest, status: str, reason: str) -> None:
    """Close a contest; one that is closed stays as it is."""
    execute(session, "contests.end_contest", contest_id=contest.contest_id, status=status, reason=reason)


def draws(session: Session, model: str, *, since: datetime) -> tuple[Draw, ...]:
    """What was drawn after `since`, oldest first."""
    return fetch_all(Draw, session, "contests.draws", model=model, since=since)


def evaluations_of_day(session: Session, run: Run) -> tuple[Evaluation, ...]:
    """The newest verdict on every challenger that was compared on this day."""
    return fetch_all(Evaluation, session, "contests.evaluations_of_a_day", model=run.model, as_of=run.as_of)


def is_refused(session: Session, contest: Contest) -> bool:
    """Was a person asked about this very pair since the contest began, and said no?"""
    found = execute(
        session,
        "contests.is_refused",
        model=contest.model,
        challenger_recipe=contest.challenger_recipe,
        champion_recipe=contest.champion_recipe,
        since=contest.effective_at,
    )
    return bool(found.scalar())
