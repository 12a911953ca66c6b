"""What counting says of a rule: the aggregates that it is about, and when these show that it holds.

Counting says only what is certain: of a rule that holds, what Great Expectations would have said, to the letter. A rule that
fails, an argument or a type of column that is not listed here is left to Great Expectations: None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from perennial.validate.suites import Rule

NUMBERS = frozenset({"smallint", "integer", "bigint", "real", "double precision", "numeric"})
TEXTS = frozenset({"text", "character varying"})
TIMES = frozenset({"date", "timestamp with time zone", "timestamp without time zone"})
COMPARED = NUMBERS | TEXTS | TIMES | {"boolean", "uuid"}
OBSERVED = {
    "expect_column_mean_to_be_between": "avg(%s * {column})",
    "expect_column_min_to_be_between": "min({column})",
    "expect_column_max_to_be_between": "max({column})",
    "expect_column_stdev_to_be_between": "stddev_samp({column})",
    "expect_column_unique_value_count_to_be_between": "count(distinct {column})",
}
SHARES = {
    "expect_column_proportion_of_unique_values_to_be_between": ("count(distinct {column})", "count({column})"),
    "expect_column_proportion_of_non_null_values_to_be_between": ("count({column})", "count(*)"),
}
MEDIAN = """(
    select array_agg(middle order by middle) from (
        select {column} as middle from {view} where {column} is not null order by {column}
        offset greatest((select count({column}) from {view}) / 2 - 1, 0) limit 2
    ) as middles)"""


@dataclass(frozen=True)
class View:
    """The columns of a view with their types, and the one that a primary key keeps unique and not null, if there is one."""

    name: str
    types: Mapping[str, str]
    unique: str | None = None

    def is_of(self, rule: Rule, kinds: frozenset[str]) -> bool:
        """Is a rule about columns that are there, and of such types?"""
        return bool(rule.columns) and all(self.types.get(name) in kinds for name in rule.columns)


@dataclass(frozen=True)
class Figure:
    """An aggregate over the view, and the values that stand in it."""

    sql: str
    values: tuple[object, ...] = ()


@dataclass(frozen=True)
class Finding:
    """Of a rule that holds: how many of how many rows fail all the same, or what was observed."""

    rows: int = 0
    failing: int = 0
    observed: int | float | None = None


@dataclass(frozen=True)
class Tally:
    """What to count for a rule, and what says of the counts, after the number of rows of the view, that it holds."""

    figures: tuple[Figure, ...]
    read: Callable[[int, Sequence[object]], Finding | None]


def tally(rule: Rule, view: View) -> Tally | None:
    """How counting decides a rule, if it can."""
    subjects = _name_subjects(rule)
    given = set(rule.kwargs) - subjects
    if not all(isinstance(rule.kwargs.get(name), str) for name in subjects):
        return None
    if rule.type in ROW_RULES:
        allowed, kinds, count = ROW_RULES[rule.type]
        is_known = given <= {*allowed, "mostly"} and view.is_of(rule, kinds) and _is_share(rule.kwargs.get("mostly", 1))
        return count(rule, view) if is_known else None
    if not (given and given <= {"min_value", "max_value"} and _are_bounds(rule)):
        return None
    return _tally_column(rule, view) if subjects else Tally((), lambda rows, _: _within(rule, rows))


def _name_subjects(rule: Rule) -> set[str]:
    """The arguments that name what a rule is about."""
    if rule.type == "expect_table_row_count_to_be_between":
        return set()
    return {"column_A", "column_B"} if rule.type.startswith("expect_column_pair_") else {"column"}


def quote(name: str) -> str:
    """An identifier as psycopg2 wants it in a statement with values."""
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and _is_number(value) and 0 <= value <= 1


def _are_bounds(rule: Rule) -> bool:
    bounds = [rule.kwargs[name] for name in ("min_value", "max_value") if name in rule.kwargs]
    return all(map(_is_number, bounds)) and bounds == sorted(bounds)  # type: ignore[type-var]  # numbers, as just seen


# Rules about rows
def _tally_rows(rule: Rule, fails: Figure, considered: str = "count(*)") -> Tally:
    """`fails` counts rows for which the rule does not hold, among `considered`."""
    mostly = rule.kwargs.get("mostly", 1)
    assert isinstance(mostly, int | float)
    return Tally((fails, Figure(considered)), partial(_read_rows, mostly))


def _read_rows(mostly: float, rows: int, counts: Sequence[object]) -> Finding | None:
    failing, considered = counts
    assert isinstance(failing, int)
    assert isinstance(considered, int)
    holds = considered == 0 or (considered - failing) / considered >= mostly
    return Finding(rows, failing) if holds else None


def _tally_nulls(rule: Rule, view: View) -> Tally:
    column = quote(rule.columns[0])
    return _tally_rows(rule, Figure("0" if rule.column == view.unique else f"count(*) filter (where {column} is null)"))


def _tally_unique(rule: Rule, view: View) -> Tally | None:
    """Which rows stand twice is no matter of counting: with any, Great Expectations is asked."""
    column = quote(rule.columns[0])
    repeated = "0" if rule.column == view.unique else f"count({column}) - count(distinct {column})"
    return Tally((Figure(repeated),), lambda rows, counts: Finding(rows) if counts[0] == 0 else None)


def _tally_between(rule: Rule, _view: View) -> Tally | None:
    column = quote(rule.columns[0])
    bounds = {"min_value": ">=", "max_value": "<="}
    given = [name for name in bounds if name in rule.kwargs]
    if not given or not _are_bounds(rule):
        return None
    holds = " and ".join(f"{column} {bounds[name]} %s" for name in given)
    values = tuple(rule.kwargs[name] for name in given)
    return _tally_rows(rule, Figure(f"count(*) filter (where not ({holds}))", values), f"count({column})")


def _tally_set(rule: Rule, view: View) -> Tally | None:
    allowed, column = rule.kwargs.get("value_set"), quote(rule.columns[0])
    is_text = view.types[rule.columns[0]] in TEXTS
    if not (isinstance(allowed, list) and allowed):
        return None
    if not all(isinstance(value, str) if is_text else _is_number(value) for value in allowed):
        return None
    fails = Figure(f"count(*) filter (where {column} not in %s)", (tuple(allowed),))
    return _tally_rows(rule, fails, f"count({column})")


def _tally_pair(rule: Rule, view: View) -> Tally | None:
    """Two numbers, or two times of one type."""
    are_alike = view.is_of(rule, NUMBERS) or len({view.types[name] for name in rule.columns}) == 1
    larger, smaller = (quote(str(rule.kwargs[name])) for name in ("column_A", "column_B"))
    or_equal = rule.kwargs.get("or_equal", False)
    if not are_alike or not isinstance(or_equal, bool) or "mostly" in rule.kwargs:
        return None
    fails = f"count(*) filter (where not ({larger} {'>=' if or_equal else '>'} {smaller}))"
    return _tally_rows(rule, Figure(fails))


ROW_RULES: Mapping[str, tuple[tuple[str, ...], frozenset[str], Callable[[Rule, View], Tally | None]]] = {
    "expect_column_values_to_not_be_null": ((), COMPARED, _tally_nulls),
    "expect_column_values_to_be_unique": ((), COMPARED, _tally_unique),
    "expect_column_values_to_be_between": (("min_value", "max_value"), NUMBERS, _tally_between),
    "expect_column_values_to_be_in_set": (("value_set",), NUMBERS | TEXTS, _tally_set),
    "expect_column_pair_values_a_to_be_greater_than_b": (("or_equal",), NUMBERS | TIMES, _tally_pair),
}
"""Rules about rows: what arguments they may have, of what types their columns may be, and what counts them."""


# Rules about a column
def _tally_column(rule: Rule, view: View) -> Tally | None:
    column = quote(rule.columns[0])
    if rule.type in SHARES and view.is_of(rule, COMPARED):
        return Tally(tuple(Figure(sql.format(column=column)) for sql in SHARES[rule.type]), partial(_read_share, rule))
    if rule.type == "expect_column_median_to_be_between" and view.is_of(rule, NUMBERS - {"numeric"}):
        figures = (Figure(f"count({column})"), Figure(MEDIAN.format(column=column, view=quote(view.name))))
        return Tally(figures, partial(_read_median, rule))
    if rule.type in OBSERVED and view.is_of(rule, NUMBERS):
        sql = OBSERVED[rule.type].format(column=column)
        return Tally((Figure(sql, (1.0,) if "%s" in sql else ()),), partial(_read_observed, rule))
    return None


def _within(rule: Rule, observed: float) -> Finding | None:
    low, high = rule.kwargs.get("min_value", observed), rule.kwargs.get("max_value", observed)
    assert isinstance(low, int | float)
    assert isinstance(high, int | float)
    return Finding(observed=observed) if low <= observed <= high else None


def _read_observed(rule: Rule, _rows: int, counts: Sequence[object]) -> Finding | None:
    value = float(counts[0]) if isinstance(counts[0], Decimal) else counts[0]
    return _within(rule, value) if isinstance(value, int | float) else None


def _read_share(rule: Rule, _rows: int, counts: Sequence[object]) -> Finding | None:
    part, whole = counts
    assert isinstance(part, int)
    assert isinstance(whole, int)
    return _within(rule, part / whole if whole else 0)


def _read_median(rule: Rule, _rows: int, counts: Sequence[object]) -> Finding | None:
    values, middles = counts
    assert isinstance(values, int)
    if not isinstance(middles, list):
        return None
    return _within(rule, float(middles[0] + middles[1]) / 2.0 if values % 2 == 0 else middles[-1])
