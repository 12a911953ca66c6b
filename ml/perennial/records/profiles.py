"""What a table holds, as far as a first model of it wants to know."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


RECENT_DAYS, REST_DAYS, REST_GAPS = 180, 7, 3
"""Half a year shows the pace of a table; one at rest has been silent for a week, and for three of its longest gaps."""


@dataclass(frozen=True)
class Delivery:
    """How a table was filled in the last half year, and so whether more is coming.

    Attributes:
        last, longest_gap: the newest day on which something happened, and the most days from one such day to the next.
        loaded, longest_wait: likewise of the days on which something was learned.
    """

    last: date
    longest_gap: int
    loaded: date
    longest_wait: int

    @classmethod
    def of(cls, happened: Collection[date], learned: Collection[date]) -> Delivery:
        """From the days on which something happened, and those on which something was learned; one of either at least."""
        return cls(max(happened), _find_gap(happened), max(learned), _find_gap(learned))

    @property
    def longest_silence(self) -> int:
        """So many days may pass before the newest row is a day old again."""
        return max(self.longest_gap, self.longest_wait)

    def is_at_rest(self, today: date) -> bool:
        """Does the table end so far in the past that nothing more is coming?"""
        return (today - self.last).days > max(REST_DAYS, REST_GAPS * self.longest_silence)

    def is_overdue(self, today: date) -> bool:
        """Has it waited for longer than it ever did in the last half year, and a day?"""
        return (today - self.loaded).days > self.longest_silence + 1

    def choose_as_of(self, today: date) -> date:
        """The day of a first training: today, or, of a table at rest, the day after its newest."""
        return self.last + timedelta(days=1) if self.is_at_rest(today) else today


def _find_gap(days: Collection[date]) -> int:
    recent = sorted(day for day in days if (max(days) - day).days <= RECENT_DAYS)
    return max([1, *((later - earlier).days for earlier, later in pairwise(recent))])


@dataclass(frozen=True)
class FoundColumn:
    """One column as the catalog describes it.

    Attributes:
        written: the name as SQL writes it, in quotes where it needs them.
        type: the type as PostgreSQL shows it; of a domain the type that it is of, of an enum `enum`.
    """

    name: str
    written: str
    type: str
    in_primary_key: bool = False


@dataclass(frozen=True)
class FoundTable:
    """A table, view or materialised view that the pipeline may read.

    Attributes:
        written: schema and name as SQL writes them.
        estimated_rows: what the statistics of PostgreSQL say; None of a view.
        is_reserved: in small letters its name is a word of SQL, such as `order`.
    """

    schema: str
    name: str
    written: str
    is_view: bool
    estimated_rows: int | None
    columns: tuple[FoundColumn, ...]
    is_reserved: bool = False

    def get(self, name: str) -> FoundColumn | None:
        """The column of that name."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True)
class Range:
    """How the numbers of a column lie: extremes, and what all but one in a thousand keep on either side."""

    least: float
    low: float
    high: float
    most: float


@dataclass(frozen=True)
class ColumnProfile:
    """What the rows that were looked at hold in one column.

    Attributes:
        distinct: number of different values among them.
        numbers: of a column of finite numbers.
        values: every value of a column of text or an enum that has few, the most frequent first.
    """

    column: FoundColumn
    null_share: float
    distinct: int
    numbers: Range | None = None
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Delay:
    """How long after they happen rows are learned.

    Attributes:
        loaded_until: the last day of a load in bulk of old rows, if there was one.
        loaded_share: share of the rows that were learned by it.
        usual_minutes, longest_hours: median, and what 99 in 100 keep, of the rows learned later.
    """

    usual_minutes: int
    longest_hours: float
    loaded_until: date | None = None
    loaded_share: float = 0.0


@dataclass(frozen=True)
class TableProfile:
    """What one table holds.

    Attributes:
        days: rows by local day, up to today; days without any are left out.
        undated, ancient, future: rows whose time is null, lies before 1900, or after today.
        looked_at: so many rows gave `columns` and `delay`.
        rhythm: distance of two rows of an entity, in days that have any, and the share of all gaps that last exactly so long.
        rows_each: nine of ten entities have at most so many rows; 0 where nobody counted.
        loads: days of the last half year on which rows were learned, where another column says so than the one of `days`.
    """

    table: FoundTable
    rows: int
    undated: int
    ancient: int
    future: int
    days: Mapping[date, int]
    looked_at: int
    columns: tuple[ColumnProfile, ...]
    entities: int
    delay: Delay | None = None
    rhythm: tuple[int, float] = (0, 0.0)
    rows_each: int = 0
    loads: tuple[date, ...] = ()

    def get(self, name: str) -> ColumnProfile:
        """The profile of a column that was asked for."""
        return next(profile for profile in self.columns if profile.column.name == name)


@dataclass(frozen=True, eq=False)
class ProbedDay:
    """What drafted queries give on one day of the past.

    Attributes:
        rows, positives: the cohort, and how many of it have another label than 0.
        sample: features of some of them, and `label`, indexed by entity_id.
    """

    as_of: date
    rows: int
    positives: int
    sample: pd.DataFrame = field(repr=False)


@dataclass(frozen=True)
class SeenAmounts:
    """Labels that are amounts, of all matured days together.

    Attributes:
        means: the least and the largest mean of a day.
        zeros: share of them that are 0.
        least, common, most: the smallest, what 98 of 100 do not exceed, and the largest.
    """

    means: tuple[float, float]
    zeros: float
    least: float
    common: float
    most: float
