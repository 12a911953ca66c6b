"""What an invariant looks at, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from perennial.config import Declaration
from perennial.pipeline import Stores
from perennial.records import Run
from perennial.score import is_stale
from perennial.stores import queries
from perennial.stores.sessions import Session

NEWEST, OLDER = 7, 7
"""So many of the newest publications of a model are looked at every night, and so many of the older ones, in turns."""
Each = TypeVar("Each")


@dataclass(frozen=True)
class Finding:
    """What does not hold, and the command or deed that mends it; `model` is None where it concerns all of them."""

    said: str
    remedy: str
    model: str | None = None


@dataclass(frozen=True)
class Answer:
    """What was looked at, counted in words; what does not hold; and what was not looked at, with the reason."""

    counted: str
    findings: tuple[Finding, ...] = ()
    left_out: str = ""


@dataclass(frozen=True)
class Places:
    """Files outside the settings: folders with logs, and words that must not stand in them."""

    logs: tuple[Path, ...] = ()
    secrets: frozenset[str] = field(default=frozenset(), repr=False)


@dataclass(frozen=True)
class Look:
    """One check of the whole installation.

    Attributes:
        session: sees one moment, and cannot write.
        clock: the wall's, of the edge; also chooses whose turn it is.
        declarations: of every model of the home whose files are in order.
        everything: no sample.
    """

    stores: Stores
    session: Session
    clock: datetime
    declarations: Mapping[str, Declaration]
    places: Places
    everything: bool = False

    def ask(self, name: str, **values: object) -> list[Any]:
        """The rows of a query of sql/queries/invariants.sql, of the one moment."""
        return ask(self.session, name, **values)

    def choose(self, newest_first: Sequence[Each], *, newest: int = NEWEST, older: int = OLDER) -> list[Each]:
        """The newest ones, and of the others so many that all of them have had their turn after enough nights."""
        if self.everything or len(newest_first) <= newest:
            return list(newest_first)
        rest = newest_first[newest:]
        turns = -(-len(rest) // older)
        return [*newest_first[:newest], *rest[self.clock.date().toordinal() % turns :: turns]]

    def choose_of_each_model(self, rows: Iterable[Any], *, newest: int = NEWEST, older: int = OLDER) -> list[Any]:
        """The same of the rows of each model, which come sorted by model and newest first."""
        by_model = groupby(rows, key=lambda row: row.model)
        return [row for _, own in by_model for row in self.choose(list(own), newest=newest, older=older)]

    def again(self, stage: str, model: str, as_of: date) -> str:
        """The command that does a stage of a day again: of a day too old to be scored live, on the clock of that day."""
        command, declared = f"perennial {stage} {model} --as-of {as_of}", self.declarations.get(model)
        is_old = declared is not None and is_stale(declared.model, Run(model, as_of, self.clock, "live"))
        return f"{command} --simulate" if is_old else command

    def only_declared(self, rows: Iterable[Any]) -> list[Any]:
        """The rows of models whose files this home has."""
        return [row for row in rows if row.model in self.declarations]


def ask(session: Session, name: str, **values: object) -> list[Any]:
    """The rows of a query of sql/queries/invariants.sql, as this session sees them."""
    return list(session.execute(queries.load("invariants")[name], values))


Looking = Callable[[Look], Answer]


def name_day(model: str, as_of: date) -> str:
    """For a sentence."""
    return f"{model}, as_of {as_of}"
