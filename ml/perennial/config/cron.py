"""Cron expressions of five numeric fields: on which days they fire, and when in a day first."""

from __future__ import annotations

import re
from datetime import date, time
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, Field

PART = re.compile(r"(?:\*|(\d+)(?:-(\d+))?)(?:/[1-9]\d*)?")  # of a list: `*`, `6`, `0-6`, each perhaps with a step
LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def _check_cron(value: str) -> str:
    fields = value.split()
    if len(fields) != len(LIMITS) or not all(_is_field(*pair) for pair in zip(fields, LIMITS, strict=True)):
        raise ValueError(f"'{value}' is not a cron expression of five numeric fields, such as '30 7 * * *'")
    return value


def _is_field(field: str, limits: tuple[int, int]) -> bool:
    return all(_is_part(part, *limits) for part in field.split(","))


def _is_part(part: str, least: int, most: int) -> bool:
    found = PART.fullmatch(part)
    numbers = [least, *(int(number) for number in found.groups() if number), most] if found else []
    return found is not None and numbers == sorted(numbers)


def find_first_firing(cron: str) -> time:
    """The earliest time of a day at which it fires by the clock on the wall: `30 0,6 * * *` fires at 00:30."""
    minute, hour, *_ = (min(map(_read_first, field.split(","))) for field in cron.split())
    return time(hour, minute)


def fires_on(cron: str, day: date) -> bool:
    """Does it fire on that day? As in cron, a day of the month and a weekday that are both restricted are either of the two."""
    _, _, day_of_month, month, weekday = cron.split()
    if day.month not in _expand(month, *LIMITS[3]):
        return False
    in_month = day.day in _expand(day_of_month, *LIMITS[2])
    in_week = day.isoweekday() % 7 in {number % 7 for number in _expand(weekday, *LIMITS[4])}
    return in_month or in_week if "*" not in (day_of_month[0], weekday[0]) else in_month and in_week


def days_of_month(cron: str) -> frozenset[int]:
    """The days of a month that its third field names."""
    return _expand(cron.split()[2], *LIMITS[2])


@lru_cache(maxsize=256)
def _expand(field: str, least: int, most: int) -> frozenset[int]:
    """Every number that a field names; kept, because a year of days asks for the same few fields at every start of a stage."""
    numbers: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        low, _, high = span.partition("-")
        first = least if span == "*" else int(low)
        last = int(high) if high else most if span == "*" or step else first
        numbers.update(range(first, last + 1, int(step or 1)))
    return frozenset(numbers)


def _read_first(part: str) -> int:
    first = re.split("[-/]", part)[0]
    return 0 if first == "*" else int(first)


Cron = Annotated[str, AfterValidator(_check_cron), Field(json_schema_extra={"format": "cron expression"})]
