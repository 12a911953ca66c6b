"""What `perennial purge` finds older than a model keeps it: things that go, and things that stay for a reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

PurgeKind = Literal[
    "snapshots", "scores", "quarantine", "findings", "mail", "reports", "files", "requests", "runs", "studies", "parts", "logs"
]


@dataclass(frozen=True)
class PurgeItem:
    """One thing that is older than the model keeps it.

    Attributes:
        as_of: the day; of files and runs the day of the training, of parts and logs the day on which they were written.
        version: of files and reports, and of a run of which a version came.
        rows: how many it holds: trials of studies, else 1 of what are no rows.
        bytes: about so much room; 0 while nobody has looked, as of files in MLflow before they go.
        why: what it stays for; None of what goes.
    """

    kind: PurgeKind
    as_of: date
    version: int | None
    rows: int
    bytes: int
    why: str | None = None


@dataclass(frozen=True)
class Purged:
    """What went from a model, or would go.

    Attributes:
        until: the newest clock that the model has lived, from which ages count; None before its first run.
        gone: by kind and day.
        kept: old as well, and needed.
    """

    model: str
    until: datetime | None
    gone: tuple[PurgeItem, ...] = ()
    kept: tuple[PurgeItem, ...] = ()
