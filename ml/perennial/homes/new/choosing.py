"""A profile and a wish in, every choice of a first model out, with its reason: windows, schedule, which columns become features.

Worked example: invoices since 2024-01-01, today 2026-11-27, 30 days of absence. Windows of 7, 28 and 84 days; the first covered
day is 2024-03-25; labels have matured up to 2026-10-26; of the 136 weeks between, 26 train and 4 judge.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from math import ceil
from statistics import median

from perennial.config.entity import ENTITY, OURS
from perennial.errors import ConfigError
from perennial.homes.new.wishes import ABSENCE, WHOLE_NUMBERS, Wish, cast_entity, name_plainly
from perennial.records.profiles import ColumnProfile, Delivery, TableProfile
from perennial.stores.warehouse.profiling import MOST_VALUES, NUMBERS, TEXTS

WINDOWS = (7, 28, 84)
MOST_NUMBERS, MOST_CATEGORIES, MOST_FLAGS = 10, 8, 8
MOSTLY_NULL = 0.95
UNIQUE = 0.9
"""Whole numbers of which so many are different count rows, as a number of an invoice does: they grow with time."""
STEADY = 0.9
"""Rows of an entity that follow each other at one distance so often are photographs of it: their sums say nothing."""
SILENCE_DAYS, OUTLIERS = 180, 0.01
DEFAULT_AS_OFS, DEFAULT_MIN_AS_OFS, DEFAULT_HOLDOUT, FEWEST_HOLDOUT = 26, 8, 4, 2
WEEK_DAYS, USUAL_WEEKS, MOST_WEEKS = 7, 8, 60
IDENTIFIER = re.compile(r"(^|_)(id|key|no|nr|number|code)$|[a-z]id$")
QUERY_NAMES = ("entity_id", "days_ago")


@dataclass(frozen=True)
class Input:
    """A column that becomes features, and what they are called after."""

    profile: ColumnProfile
    stem: str

    @property
    def written(self) -> str:
        return self.profile.column.written

    @property
    def name(self) -> str:
        return self.profile.column.name


@dataclass(frozen=True)
class Times:
    """When things happen: what the schedule, the windows and the trainings follow from."""

    first: date
    last: date
    windows: tuple[int, ...]
    settle_hours: int
    grace_days: int
    as_ofs: int
    min_as_ofs: int
    holdout_as_ofs: int
    min_weekly_volume: float
    weekly: tuple[int, ...]

    @property
    def lookback_days(self) -> int:
        return self.windows[-1]


@dataclass(frozen=True)
class Plan:
    """Every choice of a first model.

    Attributes:
        source: what the queries call the table.
        entity_type, entity_cast: of the entity, as the model file and the queries write it.
        is_snapshots: rows photograph an entity at a steady distance.
        left_out: column -> why it is no feature.
        delivery: how the table was filled lately.
    """

    wish: Wish
    profile: TableProfile
    source: str
    key: tuple[str, ...]
    entity_type: str
    entity_cast: str
    is_snapshots: bool
    times: Times
    numbers: tuple[Input, ...]
    flags: tuple[Input, ...]
    categories: tuple[Input, ...]
    left_out: Mapping[str, str]
    delivery: Delivery

    @property
    def today(self) -> date:
        """The last day that the data know well; before the real one where the table has come to rest."""
        return self.delivery.choose_as_of(self.wish.today)

    @property
    def is_at_rest(self) -> bool:
        """The table ends long before the real today, so that only simulated days can be lived."""
        return self.delivery.is_at_rest(self.wish.today)

    @property
    def entity_key(self) -> str:
        """What the model calls the entity: its column, in small letters, and apart from the columns that Perennial adds."""
        name = name_plainly(self.wish.entity)[:50]
        return f"{self.source[:12]}_{name}" if name in OURS - {ENTITY} else name

    @property
    def says_absence(self) -> bool:
        """Missing facts make the label, make it smaller, or are a class."""
        return self.wish.predict == ABSENCE or self.wish.amount is not None or self.wish.classes is not None

    @property
    def inputs(self) -> tuple[Input, ...]:
        return (*self.numbers, *self.flags, *self.categories)

    def write(self, name: str) -> str:
        """A column as SQL writes it."""
        return self.profile.get(name).column.written


def make_plan(wish: Wish, profile: TableProfile) -> Plan:
    """Choose.

    Raises:
        ConfigError: the table holds too little, or nothing in order.
    """
    days = trim_outliers(profile.days)
    if not days:
        raise ConfigError(f"--event-at {wish.event_at}: {profile.table.written} holds no row that happened up to {wish.today}.")
    times = choose_times(wish, profile, days)
    is_snapshots = profile.rhythm[1] >= STEADY
    numbers, flags, categories, left_out = choose_inputs(wish, profile)
    entity_type, entity_cast = cast_entity(profile.get(wish.entity).column)
    return Plan(
        wish=wish,
        profile=profile,
        source=_name_source(profile),
        key=_choose_key(wish, profile),
        entity_type=entity_type,
        entity_cast=entity_cast,
        is_snapshots=is_snapshots,
        times=times,
        numbers=numbers,
        flags=flags,
        categories=categories,
        left_out=left_out,
        delivery=Delivery.of(days, profile.loads or days),
    )


def trim_outliers(days: Mapping[date, int]) -> dict[date, int]:
    """The days of history: a few rows before a silence of half a year begin none."""
    ordered, total, seen = sorted(days), sum(days.values()), 0
    begin = 0
    for place, (earlier, later) in enumerate(pairwise(ordered), start=1):
        seen += days[earlier]
        if (later - earlier).days > SILENCE_DAYS and seen <= max(1, OUTLIERS * total):
            begin = place
    return {day: days[day] for day in ordered[begin:]}


def choose_times(wish: Wish, profile: TableProfile, days: Mapping[date, int]) -> Times:
    """Windows, schedule, and as many weeks of training as history has room for."""
    first, last = min(days), max(days)
    grace = _choose_grace(profile)
    folds_need = -(-wish.days // WEEK_DAYS) + 1
    weeks = {window: _count_weeks(first, last, window, wish.days + grace) for window in WINDOWS}
    wanted = max(DEFAULT_MIN_AS_OFS, folds_need) + folds_need - 2 + DEFAULT_HOLDOUT
    longest = max((window for window in WINDOWS if weeks[window] >= wanted), default=WINDOWS[0])
    holdout = DEFAULT_HOLDOUT if weeks[longest] >= wanted else FEWEST_HOLDOUT
    trainable = weeks[longest] - holdout - (folds_need - 2)
    minimum = max(folds_need, min(DEFAULT_MIN_AS_OFS, trainable))
    weekly = count_weeks(days, not_before=first + timedelta(days=longest))
    return Times(
        first=first,
        last=last,
        windows=tuple(window for window in WINDOWS if window <= longest),
        settle_hours=_choose_settle(profile),
        grace_days=grace,
        as_ofs=max(minimum, min(DEFAULT_AS_OFS, trainable)),
        min_as_ofs=minimum,
        holdout_as_ofs=holdout,
        min_weekly_volume=_choose_volume(weekly),
        weekly=weekly,
    )


def _count_weeks(first: date, last: date, window: int, until_matured: int) -> int:
    """Training days, one a week, whose windows lie in history and whose labels have matured, wherever in a week it begins."""
    return max(0, ((last - first).days - window - until_matured) // WEEK_DAYS)


def count_weeks(days: Mapping[date, int], *, not_before: date) -> tuple[int, ...]:
    """Rows of each whole week up to the newest day, oldest first; a little over a year at most."""
    last = max(days)
    count = max(0, min(MOST_WEEKS, (last - not_before).days // WEEK_DAYS))
    ends = [last - timedelta(days=WEEK_DAYS * week) for week in range(count - 1, -1, -1)]
    return tuple(sum(days.get(end - timedelta(days=back), 0) for back in range(WEEK_DAYS)) for end in ends)


def _choose_volume(weekly: Sequence[int]) -> float:
    """Half of a usual week, or less where whole weeks were as thin before."""
    shares = [
        weekly[place] / median(weekly[place - USUAL_WEEKS : place])
        for place in range(USUAL_WEEKS, len(weekly))
        if median(weekly[place - USUAL_WEEKS : place])
    ]
    return round(min(0.5, 0.7 * min(shares, default=1.0)), 2)


def _choose_settle(profile: TableProfile) -> int:
    return 6 if profile.delay is None else min(12, max(2, ceil(profile.delay.longest_hours)))


def _choose_grace(profile: TableProfile) -> int:
    return 2 if profile.delay is None else min(14, max(1, ceil(profile.delay.longest_hours / 24) + 1))


def _choose_key(wish: Wish, profile: TableProfile) -> tuple[str, ...]:
    """What was asked for, else what the primary key says.

    Rows that differ by a time alone are versions of one fact, as of a booking that is planned and then done; of an entity with
    one row a day each row is a fact.
    """
    primary = [column.name for column in profile.table.columns if column.in_primary_key and column.name != wish.known_at]
    without_time = [name for name in primary if name != wish.event_at]
    return wish.key or tuple(primary if without_time in ([], [wish.entity]) else without_time)


def choose_inputs(
    wish: Wish, profile: TableProfile
) -> tuple[tuple[Input, ...], tuple[Input, ...], tuple[Input, ...], dict[str, str]]:
    """Numbers, flags and categories that become features, and why each other column does not."""
    used = {wish.entity, wish.event_at, wish.known_at, *wish.key}
    reasons: dict[str, str] = {}
    kinds: dict[str, list[ColumnProfile]] = {"number": [], "flag": [], "category": []}
    known = {one.column.name: one for one in profile.columns}
    for column in profile.table.columns:
        if column.name in used:
            continue
        found = known.get(column.name)
        kind, reason = _judge(found, profile.looked_at) if found else ("", f"of type {column.type}")
        reason = "the query uses its name" if column.name in QUERY_NAMES else reason
        if reason or found is None:
            reasons[column.name] = reason
        else:
            kinds[kind].append(found)
    chosen = {}
    stems = {name_plainly(profile.table.name)}
    for kind, most in (("number", MOST_NUMBERS), ("flag", MOST_FLAGS), ("category", MOST_CATEGORIES)):
        chosen[kind] = tuple(Input(one, _name_stem(one.column.name, stems)) for one in kinds[kind][:most])
        reasons |= {one.column.name: f"beyond the first {most} of its kind" for one in kinds[kind][most:]}
    return chosen["number"], chosen["flag"], chosen["category"], reasons


def _judge(profile: ColumnProfile, rows: int) -> tuple[str, str]:
    """The kind of feature that a column makes, or why it makes none."""
    column, reason = profile.column, ""
    is_named_like_one = column.in_primary_key or (column.type in NUMBERS and IDENTIFIER.search(column.name.lower()))
    is_unlike_any_other = column.type in WHOLE_NUMBERS and profile.distinct > UNIQUE * rows * (1 - profile.null_share)
    if profile.null_share > MOSTLY_NULL:
        reason = f"{profile.null_share:.0%} null"
    elif profile.distinct <= 1:
        reason = "always the same value"
    elif is_named_like_one or is_unlike_any_other:
        reason = "it looks like an identifier"
    elif column.type in NUMBERS:
        return ("number", "") if profile.numbers else ("", "it holds infinite numbers, or NaN")
    elif column.type == "boolean":
        return "flag", ""
    elif column.type in TEXTS:
        return ("category", "") if profile.values else ("", f"{profile.distinct} different texts, more than {MOST_VALUES}")
    return "", reason or f"of type {column.type}"


def _name_source(profile: TableProfile) -> str:
    """What queries call the table: its name where that is plain, no word of SQL, and not what labels call the cohort."""
    name = name_plainly(profile.table.name)
    return f"{name}_rows" if profile.table.is_reserved or name == "cohort" else name


def _name_stem(name: str, taken: set[str]) -> str:
    """A short plain name for features, given out once."""
    stem = name_plainly(name)[:40]
    while stem in taken:
        stem += "_2"
    taken.add(stem)
    return stem
