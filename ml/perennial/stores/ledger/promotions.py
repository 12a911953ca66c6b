"""Who is, was and will be champion: the truth that the alias follows. SQL: sql/queries/champions.sql."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from perennial.records import Move, Promotion, Run
from perennial.stores.ledger.events import record_event
from perennial.stores.ledger.statements import execute, fetch_all, fetch_one, read_record
from perennial.stores.sessions import Database, Session, take_lock

SOMEBODY = "somebody"
"""The actor of a movement by hand: the registry does not say who it was."""

Announce = Callable[[Session, Promotion], None]
"""Tells people of a movement, in the transaction that ends it."""


def champion(session: Session, model: str) -> int | None:
    """The version that serves now; None before the first promotion."""
    return execute(session, "champions.champion", model=model).scalar()


def champion_at(session: Session, model: str, instant: datetime) -> int | None:
    """The version that served at an instant of the runs' clock, rollbacks included."""
    return execute(session, "champions.champion_at", model=model, instant=instant).scalar()


def movement_at(session: Session, model: str, instant: datetime) -> Promotion | None:
    """The movement that made that version champion."""
    return fetch_one(Promotion, session, "champions.movement_at", model=model, instant=instant)


def champion_history(session: Session, model: str) -> tuple[Promotion, ...]:
    """Every applied movement, oldest first; the last names the champion."""
    return fetch_all(Promotion, session, "champions.promotions", model=model)


def movements(session: Session, model: str) -> tuple[Promotion, ...]:
    """Every movement that was begun, oldest first: those that were undone as well."""
    return fetch_all(Promotion, session, "champions.movements", model=model)


def open_promotions(session: Session, model: str | None = None) -> tuple[Promotion, ...]:
    """Movements that were begun and not ended: at most one for each model."""
    return fetch_all(Promotion, session, "champions.open_promotions", model=model)


PINNING = ("rollback", "manual")
"""Kinds of movements after which no refresh serves until a person says so."""


def find_pin(session: Session, model: str) -> Promotion | None:
    """The movement by hand that keeps refreshes from serving; None when the newest is none, or a person took the pin off."""
    history = champion_history(session, model)
    if not history or history[-1].kind not in PINNING:
        return None
    promotion = history[-1]
    taken_off = execute(session, "champions.is_unpinned", promotion_id=promotion.promotion_id).scalar()
    return None if taken_off else promotion


def record_unpin(session: Session, run: Run, pin: Promotion, *, reason: str) -> None:
    """Let refreshes serve again; saying it twice is saying it once."""
    execute(
        session,
        "champions.record_unpin",
        model=run.model,
        promotion_id=pin.promotion_id,
        reason=reason,
        actor=run.actor,
        purpose=run.purpose,
        effective_at=run.clock,
    )


class PromotionBook:
    """The movements of one model, for the protocol in `perennial.promote`: here each step is a transaction of its own.

    The lock is held by a transaction that writes nothing, so that it outlives the commits of the steps.
    """

    def __init__(self, database: Database, run: Run, announce: Announce | None = None) -> None:
        self._database = database
        self._run = run
        self._announce = announce
        self._locking: Session | None = None

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Wait until nobody else moves this model's champion; a promoter that dies gives the lock back."""
        with self._database.transaction() as session:
            take_lock(session, "promotion", self._run.model)
            self._locking = session
            yield

    def check_lock(self) -> None:
        """Make sure of the lock: a session that ended while this process stood still has lost it.

        Raises:
            WarehouseUnavailable: inside `lock`, which says so.
        """
        assert self._locking is not None
        take_lock(self._locking, "promotion", self._run.model)

    def history(self) -> tuple[Promotion, ...]:
        with self._database.transaction() as session:
            return champion_history(session, self._run.model)

    def find_open(self) -> Promotion | None:
        with self._database.transaction() as session:
            return next(iter(open_promotions(session, self._run.model)), None)

    def find_fits(self, version: int) -> frozenset[int]:
        with self._database.transaction() as session:
            fits = execute(session, "champions.fits_of_recipe", model=self._run.model, version=version).scalars()
            return frozenset((version, *fits))

    def intend(self, move: Move, previous: int | None) -> Promotion:
        with self._database.transaction() as session:
            return _read(
                session,
                "champions.intend_promotion",
                model=self._run.model,
                version=move.version,
                previous_version=previous,
                kind=move.kind,
                evaluation_id=move.evaluation_id,
                reason=move.reason,
                actor=SOMEBODY if move.kind == "manual" else self._run.actor,
                purpose=self._run.purpose,
                effective_at=self._run.clock,
            )

    def apply(self, promotion: Promotion) -> Promotion:
        return self._end("champions.apply_promotion", promotion_id=promotion.promotion_id)

    def undo(self, promotion: Promotion, because: str) -> Promotion:
        return self._end("champions.undo_promotion", promotion_id=promotion.promotion_id, because=because)

    def _end(self, name: str, /, **values: object) -> Promotion:
        with self._database.transaction() as session:
            ended = _read(session, name, **values)
            if ended.status == "applied":
                for version in sorted({ended.version, ended.previous_version or ended.version}):
                    record_event(session, self._run, "moved", version)
            if self._announce is not None:
                self._announce(session, ended)
            return ended


def _read(session: Session, name: str, /, **values: object) -> Promotion:
    return read_record(Promotion, execute(session, name, **values).mappings().one())
