"""The grid of a model: the days that are as_ofs, and those among them that teach.

- every = "day": each day on which `schedule.refresh` fires; those of `snapshot_weekday` teach.
- every = "week": each `snapshot_weekday`; each teaches.
- every = "month": the day of each month on which `schedule.refresh` fires, from 1 to 28; each teaches.

Days are local calendar days, so that no change of clocks moves one. Worked example (month, `30 7 15 * *`): 2024-01-15, 02-15 and
03-15 are 31 and 29 days apart; one step before 03-15 is 02-15.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from typing import Literal

from perennial.config.cron import days_of_month, fires_on

Every = Literal["day", "week", "month"]
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAY, WEEK = timedelta(days=1), timedelta(days=7)
MONTHS = 12
MEAN_MONTH_DAYS = 365.2425 / MONTHS
LONGEST_SEARCH_DAYS = 366


@dataclass(frozen=True)
class Grid:
    """Which days are as_ofs; a step is the distance between two that teach.

    Attributes:
        refresh: the cron expression that builds them.
        weekday: 0 for Monday; means nothing where `every` is "month".
    """

    every: Every
    refresh: str
    weekday: int

    @property
    def shortest_step(self) -> timedelta:
        return timedelta(days=28) if self.every == "month" else WEEK

    @property
    def longest_step(self) -> timedelta:
        return timedelta(days=31) if self.every == "month" else WEEK

    @property
    def mean_step_days(self) -> float:
        return MEAN_MONTH_DAYS if self.every == "month" else WEEK.days

    @property
    def period(self) -> timedelta:
        """The longest time from one as_of to the next, teaching or not, where none is left out."""
        return {"day": DAY, "week": WEEK, "month": self.longest_step}[self.every]

    @property
    def shortest_period(self) -> timedelta:
        """The shortest time from one as_of to the next."""
        return DAY if self.every == "day" else self.shortest_step

    @property
    def trainings_per_year(self) -> int:
        """Retrainings that bring something new to learn."""
        return MONTHS if self.every == "month" else 52

    def is_as_of(self, day: date) -> bool:
        return fires_on(self.refresh, day)

    def as_ofs(self, first: date, last: date) -> tuple[date, ...]:
        """Every as_of in [first, last], oldest first."""
        if self.every != "day":
            return self.teaching(first, last)
        return tuple(day for number in range((last - first).days + 1) if self.is_as_of(day := first + number * DAY))

    def teaching(self, first: date, last: date) -> tuple[date, ...]:
        """Every as_of in [first, last] that teaches, oldest first."""
        if first > last:
            return ()
        days = [self._find_first(first)]
        while days[-1] <= last:
            days.append(self.add(days[-1], 1))
        return tuple(days[:-1])

    def count_on(self, first: date, count: int) -> tuple[date, ...]:
        """The first `count` teaching as_ofs from a day on, that day included."""
        begin = self._find_first(first)
        return tuple(self.add(begin, step) for step in range(count))

    def count_back(self, before: date, count: int) -> tuple[date, ...]:
        """The newest `count` teaching as_ofs before a day, oldest first."""
        end = self._find_first(before)
        return tuple(self.add(end, -step) for step in range(count, 0, -1))

    def next_teaching(self, day: date) -> date:
        """The first teaching as_of after a day."""
        return self._find_first(day + DAY)

    def newest_teaching(self, day: date) -> date:
        """The newest teaching as_of that is not after a day."""
        return self.add(self.next_teaching(day), -1)

    def add(self, day: date, steps: int) -> date:
        """So many steps later: weeks, or the same day of a later month, its last where the month is shorter."""
        if self.every != "month":
            return day + steps * WEEK
        months = MONTHS * day.year + day.month - 1 + steps
        return clamp_day(months // MONTHS, months % MONTHS + 1, day.day)

    def nearest(self, day: date) -> tuple[date, ...]:
        """The as_ofs before and after a day that is none, as far as there are any within a year."""
        return tuple(sorted(found for sign in (-1, 1) for found in islice(self._walk(day, sign * DAY), 1)))

    def _walk(self, day: date, step: timedelta) -> Iterator[date]:
        days = (day + number * step for number in range(1, LONGEST_SEARCH_DAYS + 1))
        return (each for each in days if self.is_as_of(each))

    def _find_first(self, day: date) -> date:
        """The first teaching as_of that is not before a day."""
        if self.every != "month":
            return day + timedelta(days=(self.weekday - day.weekday()) % WEEK.days)
        found = clamp_day(day.year, day.month, min(days_of_month(self.refresh)))
        return found if found >= day else self.add(found, 1)


def clamp_day(year: int, month: int, day: int) -> date:
    """A day of a month, or its last where the month is shorter: the 31st of February is the 28th or 29th."""
    following = date(year + month // MONTHS, month % MONTHS + 1, 1)
    return min(date(year, month, 1) + (day - 1) * DAY, following - DAY)
