"""What is asked about a table that no model reads yet, and how its columns stand in statements about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult

from perennial.records.profiles import FoundColumn, FoundTable
from perennial.stores.sessions import Session
from perennial.stores.warehouse.relations import CLOCK, DAY

ANCIENT = datetime(1900, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Question:
    """Which columns of a table say who, when and since when known, where midnight is, and what a clock without a zone shows.

    Both zones have been checked to be names of such: they stand in statements as they are.
    """

    table: FoundTable
    entity: str
    event_at: str
    known_at: str | None
    timezone: str
    zone: str | None
    today: date

    def get(self, name: str) -> FoundColumn:
        """A column that is known to exist."""
        column = self.table.get(name)
        assert column is not None
        return column

    # As `text()` takes them, where a colon would begin a parameter
    @property
    def relation(self) -> str:
        return self.table.written.replace(":", "\\:")

    @property
    def who(self) -> str:
        return self.get(self.entity).written.replace(":", "\\:")

    @property
    def happened(self) -> str:
        return self._place(self.event_at, "")

    @property
    def learned(self) -> str:
        return self._place(self.known_at or self.event_at, " + 1")

    def _place(self, name: str, of_a_day: str) -> str:
        """A time as an instant, as the platform reads it (`relations`): a day at its beginning, or as is said."""
        column = self.get(name)
        written = column.written.replace(":", "\\:")
        if column.type == DAY:
            return f"(cast({written}{of_a_day} as timestamp) at time zone '{self.timezone}')"
        return f"({written} at time zone '{self.zone}')" if column.type == CLOCK else written

    @property
    def is_dated(self) -> str:
        """The condition that a fact happened at an instant that may be true."""
        return f"{self.happened} >= :ancient and {self.happened} < :tomorrow"

    @property
    def bounds(self) -> dict[str, object]:
        """Instants outside of these are mistakes."""
        tomorrow = datetime.combine(self.today + timedelta(days=1), datetime.min.time(), UTC)
        return {"ancient": ANCIENT, "tomorrow": tomorrow}


def ask(session: Session, query: str) -> CursorResult[Any]:
    """Run a query without parameters, in which a percent sign means itself."""
    return session.exec_driver_sql(query.replace("%", "%%"))


def ask_number(session: Session, query: str) -> int:
    """Likewise one that gives a single number."""
    number: int = ask(session, query).scalar_one()
    return number
