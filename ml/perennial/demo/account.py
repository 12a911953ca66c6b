"""The live account of the demo: rich where there is a terminal, plain lines where there is none."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

from perennial.errors import StackError
from perennial.local import Progress

PLAIN_WIDTH = 150

Done = TypeVar("Done")


def _make_console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=PLAIN_WIDTH, no_color=True)


@dataclass
class Account:
    """Says what happens, and remembers what should have happened and did not."""

    console: Console = field(default_factory=_make_console)
    failures: list[str] = field(default_factory=list)

    @cached_property
    def _progress(self) -> Progress:
        return Progress(self.console.file)

    def show(self, text: str) -> None:
        """What goes on inside a long step; on a terminal one line that is rewritten."""
        self._progress.show(f"  {text}")

    def count(self, steps: Iterable[Done], what: str, *, of: int) -> Iterator[Done]:
        """Hand the steps on as they are done, and show how many are, and how long the rest takes at the pace so far."""
        began = time.monotonic()
        for number, step in enumerate(steps, start=1):
            left = (time.monotonic() - began) / number * (of - number)
            self.show(f"{number} of {of} {what}, about {left:.0f} s left")
            yield step
        self._progress.clear()

    def headline(self, text: str) -> None:
        self._progress.clear()
        self.console.print()
        self.console.rule(f"[bold]{text}", align="left", style="green")

    def say(self, text: str) -> None:
        self._progress.clear()
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def lived(self, dag: str, state: str, seconds: float, said: str) -> None:
        """One DAG run: its name, how it ended, how long it took, and its facts."""
        self._progress.clear()
        color = {"success": "green", "failed": "red"}.get(state, "yellow")
        self.console.print(f"  [{color}]{state:8}[/] {dag:22} {seconds:5.1f} s  ", end="", highlight=False)
        self.console.print(said, markup=False, highlight=False, soft_wrap=True)

    def expect(self, holds: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence: expect(rows > 0, "rows were scored")
        """Note whether what should happen did."""
        self._progress.clear()
        self.console.print("  [green]ok[/] " if holds else "  [red]NOT SO[/] ", end="", highlight=False)
        self.console.print(what, markup=False, highlight=False, soft_wrap=True)
        if not holds:
            self.failures.append(what)

    def require(self, holds: bool, what: str) -> None:  # noqa: FBT001 - as above
        """Note it, and end the story when nothing can follow from what happened.

        Raises:
            StackError: it does not hold.
        """
        self.expect(holds, what)
        if not holds:
            raise StackError("The story cannot go on from here; the log of the task in Airflow says why.")

    def table(self, rows: Sequence[Mapping[str, object]]) -> None:
        self._progress.clear()
        table = Table(*(str(name) for name in rows[0]), header_style="bold", pad_edge=False)
        for row in rows:
            table.add_row(*(Text(str(value)) for value in row.values()))
        self.console.print(table)
