"""Who is, was and will be champion: the truth that the alias follows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from ml.records import Move, Promotion, Run
from ml.stores.ledger.statements import execute, fetch_all, read_record
from ml.stores.sessions import Database, Session, take_lock


def champion(session: Session, model: str) -> int | None:
    """The version that serves now; None before the first promotion."""
    return execute(session, "champion", model=model).scalar()


def champion_at(session: Session, model: str, instant: datetime) -> int | None:
    """The version that served at an instant of the runs' clock, rollbacks included."""
    return execute(session, "champion_at", model=model, instant=instant).scalar()


def champion_history(session: Session, model: str) -> tuple[Promotion, ...]:
    """Every applied movement, oldest first; the last names the champion."""
    return fetch_all(Promotion, session, "promotions", model=model)


def open_promotions(session: Session, model: str | None = None) -> tuple[Promotion, ...]:
    """Movements that were begun and not ended: at most one for each model."""
    return fetch_all(Promotion, session, "open_promotions", model=model)


class PromotionBook:
    """The movements of one model, for the protocol in `ml.promote`: here each step is a transaction of its own.

    The lock is held by a transaction that writes nothing, so that it outlives the commits of the steps.
    """

    def __init__(self, database: Database, run: Run) -> None:
        self._database = database
        self._run = run

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Wait until nobody else moves this model's champion; a promoter that dies gives the lock back."""
        with self._database.transaction() as session:
            take_lock(session, "promotion", self._run.model)
            yield

    def history(self) -> tuple[Promotion, ...]:
        with self._database.transaction() as session:
            return champion_history(session, self._run.model)

    def find_open(self) -> Promotion | None:
        with self._database.transaction() as session:
            return next(iter(open_promotions(session, self._run.model)), None)

    def intend(self, move: Move, previous: int | None) -> Promotion:
        return self._write(
            "intend_promotion",
            model=self._run.model,
            version=move.version,
            previous_version=previous,
            kind=move.kind,
            evaluation_id=move.evaluation_id,
            reason=move.reason,
            actor=self._run.actor,
            purpose=self._run.purpose,
            effective_at=self._run.clock,
        )

    def apply(self, promotion: Promotion) -> Promotion:
        return self._write("apply_promotion", promotion_id=promotion.promotion_id)

    def undo(self, promotion: Promotion, because: str) -> Promotion:
        return self._write("undo_promotion", promotion_id=promotion.promotion_id, because=because)

    def _write(self, name: str, /, **values: object) -> Promotion:
        with self._database.transaction() as session:
            return read_record(Promotion, execute(session, name, **values).mappings().one())
