"""What a day of features.sql makes PostgreSQL read, as it did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from perennial.config import Declaration
from perennial.stores.sessions import Session
from perennial.stores.warehouse.conditions import feature_bounds
from perennial.stores.warehouse.point_in_time import open_views
from perennial.stores.warehouse.user_query import feature_parameters, open_query

PLANNED = "explain (format json) select * from pg_temp.user_query"
COUNTED = "explain (analyze, timing off, format json) select * from pg_temp.user_query"


@dataclass(frozen=True)
class Scan:
    """One table that a plan reads, how, and how many rows were read; None where the plan was not run: nobody counted."""

    table: str
    way: str
    rows: int | None

    def __str__(self) -> str:
        counted = "" if self.rows is None else f", {self.rows:,} rows"
        return f"{self.table} by {self.way.lower()}{counted}"


def explain_features(session: Session, declaration: Declaration, as_of: date, *, is_run: bool) -> tuple[Scan, ...]:
    """Every table that features.sql reads for a day, the largest first.

    The planner's own numbers are never shown: without ANALYZE they are guesses.

    Args:
        is_run: run the query once more, and count; else the plan is only asked for.
    """
    model = declaration.model
    parameters = feature_parameters(model, as_of)
    with (
        open_views(session, declaration, feature_bounds(model, as_of)),
        open_query(session, f"sql/{model.name}/features.sql", declaration.features_sql, parameters),
    ):
        (plan,) = session.exec_driver_sql(COUNTED if is_run else PLANNED).scalar_one()
    nodes = sorted(_walk(plan["Plan"]), key=lambda node: -(_count(node) or node["Plan Rows"]))
    return tuple(Scan(node["Relation Name"], node["Node Type"], _count(node)) for node in nodes)


def _count(node: Mapping[str, Any]) -> int | None:
    """Rows that were read, kept or not; PostgreSQL shows them as the mean of the times that the node was run."""
    if "Actual Rows" not in node:
        return None
    read = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
    return round(sum(float(node.get(name, 0)) for name in read) * int(node["Actual Loops"]))


def _walk(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The nodes of a plan that read a table."""
    if "Relation Name" in node:
        yield node
    for child in node.get("Plans", ()):
        yield from _walk(child)
