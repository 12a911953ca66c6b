"""What `perennial forget` did: rows that it deleted, versions that had learned from them, and what is left to their owner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal


@dataclass(frozen=True)
class Elsewhere:
    """A table of the user's that a source names; `statement` deletes the entity from it, and names it: never kept.

    Attributes:
        rows: how many there are; None where nobody can tell: no column of the key, no right to read it, or code that it runs.
    """

    table: str
    rows: int | None
    statement: str = field(repr=False)


@dataclass(frozen=True)
class ErasedDay:
    """Rows that one day of one table has lost; scores have no checksum."""

    model: str
    as_of: date
    kind: Literal["features", "labels", "scores"]
    rows: int
    former_checksum: str | None = None
    checksum: str | None = None


@dataclass(frozen=True)
class ErasedVersion:
    """A version that had learned from the entity.

    Attributes:
        data_hash: of its training days as they stand without the entity; None where they had been restated before.
    """

    model: str
    version: int
    data_hash: str | None


@dataclass(frozen=True)
class Erasure:
    """One entity that is no longer there, without a word about which one.

    Attributes:
        models: whose rows were looked through: those of the home that name the same key.
        rows: table -> rows that were deleted; tables without any are left out.
        versions: model -> versions that had learned from its rows, oldest first.
        elsewhere: the user's own tables; not part of what the ledger keeps.
        runs: model -> the MLflow runs of these versions, in the same order.
        unsearched: models of the home that name the same key by another type, and were not looked through.
    """

    models: tuple[str, ...]
    rows: Mapping[str, int]
    versions: Mapping[str, tuple[int, ...]]
    reason: str
    actor: str
    effective_at: datetime
    elsewhere: tuple[Elsewhere, ...] = ()
    runs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unsearched: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Was there nothing to delete?"""
        return not self.rows
