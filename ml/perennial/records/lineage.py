"""Where data come from: what a stage read and wrote, and which columns of the sources a column is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from perennial.records.snapshots import Column, RuleResult

Way = Literal["identity", "transformation", "aggregation", "conditional", "window", "filter", "join", "group_by", "sort"]
"""How one column bears on another: the first three give its value; the others decide which values, or rows, there are.

The words are those of OpenLineage's facet of column lineage.
"""


@dataclass(frozen=True, order=True)
class ColumnOrigin:
    """A column of a table, and how it bears on what is made of it."""

    schema: str
    table: str
    column: str
    way: Way


@dataclass(frozen=True)
class ColumnOrigins:
    """What the columns of a query are made of, as PostgreSQL understood it.

    Attributes:
        columns: name of a column -> the columns of tables that bear on its value; none: it counts rows, or is a constant.
        rows: the columns of tables that decide which rows there are.
    """

    columns: Mapping[str, tuple[ColumnOrigin, ...]]
    rows: tuple[ColumnOrigin, ...]

    @property
    def tables(self) -> tuple[tuple[str, str], ...]:
        """Every table, as schema and name, in the order of their names."""
        found = [*self.rows, *(origin for each in self.columns.values() for origin in each)]
        return tuple(sorted({(origin.schema, origin.table) for origin in found}))


@dataclass(frozen=True)
class Dataset:
    """A table, or the versions of a model, as a stage met it.

    Attributes:
        place: schema and name of a table of the warehouse; of versions only the name under which they are registered.
        version: what tells this content from another: a checksum, or a number.
        rows: of the day that the stage was about.
        facts: kind of facts -> what the ledger says.
        findings: what the suites found in it.
    """

    place: tuple[str, ...]
    version: str | None = None
    columns: tuple[Column, ...] = ()
    rows: int | None = None
    facts: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    findings: tuple[RuleResult, ...] = ()
    origins: ColumnOrigins | None = None


@dataclass(frozen=True)
class Lineage:
    """What an attempt of stages read and wrote, as the ledger has it; empty where nothing of it ended.

    Attributes:
        facts: of the attempt itself.
    """

    inputs: tuple[Dataset, ...] = ()
    outputs: tuple[Dataset, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)
