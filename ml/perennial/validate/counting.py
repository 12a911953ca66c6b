"""The rules of a view that are found to hold in one pass over it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from perennial.records import RuleResult
from perennial.validate.saying import say_failing, say_observed
from perennial.validate.suites import Rule, Suite
from perennial.validate.tallies import Figure, Finding, Tally, View, quote, tally

if TYPE_CHECKING:
    from great_expectations.compatibility.sqlalchemy import Engine  # type: ignore[attr-defined]  # exported without saying so

MOST_RULES = 200  # of one statement: PostgreSQL gives at most 1,664 columns
READ_TYPES = """
    select attname, format_type(atttypid, null) from pg_attribute
    where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped"""
Tallies = Sequence[tuple[Rule, Tally]]


def count_rules(engine: Engine, view: str, rules: Sequence[Rule], suite: Suite) -> dict[str, RuleResult]:
    """The results of the rules about a view that are found to hold, by their names."""
    found: dict[str, RuleResult] = {}
    with engine.connect() as connection, closing(connection.connection.cursor()) as cursor:
        try:
            cursor.execute(READ_TYPES, (f'"{view}"',))
            shown = View(view, dict(cursor.fetchall()), suite.unique)
            tallies = [(rule, way) for rule in rules if (way := tally(rule, shown)) is not None]
            for start in range(0, len(tallies), MOST_RULES):
                found |= _count(cursor, shown, tallies[start : start + MOST_RULES], suite)
        except engine.dialect.loaded_dbapi.Error:  # as when a sum overflows: Great Expectations says of which rule
            return {}
    return found


def _count(cursor: Any, view: View, tallies: Tallies, suite: Suite) -> dict[str, RuleResult]:
    rows = Figure("count(*)")
    figures = list(dict.fromkeys([rows, *(figure for _, way in tallies for figure in way.figures)]))
    statement = f"select {', '.join(figure.sql for figure in figures)} from {quote(view.name)}"  # noqa: S608 - quoted names
    cursor.execute(statement, [value for figure in figures for value in figure.values])
    counts = dict(zip(figures, cursor.fetchone(), strict=True))
    findings = [(rule, way.read(counts[rows], [counts[figure] for figure in way.figures])) for rule, way in tallies]
    return {rule.name: _record(rule, finding, suite) for rule, finding in findings if finding is not None}


def _record(rule: Rule, finding: Finding, suite: Suite) -> RuleResult:
    is_about_rows = finding.observed is None
    said = say_failing(finding.failing, finding.rows) if is_about_rows else say_observed(finding.observed)
    return RuleResult(
        suite=suite.which,
        rule=rule.name,
        column=rule.column,
        passed=True,
        failing=finding.failing,
        rows=finding.rows,
        sentence=f"{rule.meta.note} {said}",
    )
