"""What a day of features.sql makes PostgreSQL read, as its planner expects it."""

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


@dataclass(frozen=True)
class Scan:
    """One table that the plan reads, how, and how many rows it expects from it."""

    table: str
    way: str
    rows: int

    def __str__(self) -> str:
        return f"{self.table} by {self.way.lower()}, about {self.rows:,} rows"


def explain_features(session: Session, declaration: Declaration, as_of: date) -> tuple[Scan, ...]:
    """Every table that features.sql reads for a day, the largest first; nothing is run."""
    model = declaration.model
    parameters = feature_parameters(model, as_of)
    with (
        open_views(session, declaration, feature_bounds(model, as_of)),
        open_query(session, f"sql/{model.name}/features.sql", declaration.features_sql, parameters),
    ):
        (plan,) = session.exec_driver_sql("explain (format json) select * from pg_temp.user_query").scalar_one()
    scans = [Scan(node["Relation Name"], node["Node Type"], int(node["Plan Rows"])) for node in _walk(plan["Plan"])]
    return tuple(sorted(scans, key=lambda scan: -scan.rows))


def _walk(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The nodes of a plan that read a table."""
    if "Relation Name" in node:
        yield node
    for child in node.get("Plans", ()):
        yield from _walk(child)
