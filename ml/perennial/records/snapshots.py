"""What refresh and validate leave behind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal


@dataclass(frozen=True)
class Column:
    """A column of a feature table; `type` is PostgreSQL's name: bigint, integer, double precision, boolean or text."""

    name: str
    type: str


@dataclass(frozen=True)
class Snapshot:
    """One built snapshot (or one day of labels) as the ledger knows it.

    Attributes:
        query_hash: the definition that built it (`Declaration.definition_hash`).
    """

    model: str
    as_of: date
    kind: Literal["features", "labels"]
    rows: int
    checksum: str
    query_hash: str
    config_hash: str
    columns: tuple[Column, ...] = ()
    status: Literal["built", "valid", "invalid"] = "built"


@dataclass(frozen=True)
class RuleResult:
    """What one expectation found; `failing` is a count of rows, `sentence` is for people."""

    suite: Literal["source", "snapshot", "scores", "bands"]
    rule: str
    column: str | None
    passed: bool
    failing: int
    rows: int
    sentence: str


@dataclass(frozen=True)
class IncompleteFacts:
    """Facts of a source in which a column is null that they need: so many of all facts of the window."""

    source: str
    column: str
    facts: int
    of: int

    def __str__(self) -> str:
        return f"{self.column} is null in {self.facts} of the {self.of} facts of source.{self.source} within the window"


@dataclass(frozen=True)
class Window:
    """What rules look at of a source: so many local days before the as_of (None: everything known), and which columns.

    Attributes:
        columns: those that the rules name; None: all, for a rule is about the columns themselves, or filters rows by text.
    """

    source: str
    days: int | None
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Rejects:
    """Rows that an expectation rejects: the keys of all of them, not a sample."""

    rule: str
    column: str | None
    entity_ids: tuple[int | str, ...]


@dataclass(frozen=True)
class Validation:
    """Outcome of the suites on one snapshot; `quarantined` counts distinct entities."""

    model: str
    as_of: date
    passed: bool
    rows: int
    quarantined: int
    results: tuple[RuleResult, ...]

    @property
    def failures(self) -> tuple[RuleResult, ...]:
        return tuple(result for result in self.results if not result.passed)
