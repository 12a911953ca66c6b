"""A world of `worlds/` as its owner meets it: tables that the loader made, a home, and the command `perennial`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import text

from perennial.stores.sessions import Database, run_script
from tests.shell import Shell

MODEL = "quit"
WORLDS = Path(__file__).parent / "worlds"
PLACES = {
    "model.toml": f"models/{MODEL}.toml",
    "features.sql": f"sql/{MODEL}/features.sql",
    "labels.sql": f"sql/{MODEL}/labels.sql",
    "source.json": f"expectations/{MODEL}/source.json",
    "snapshot.json": f"expectations/{MODEL}/snapshot.json",
    "scores.json": f"expectations/{MODEL}/scores.json",
}


LINES: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "minutes": (
        ("model.toml", "[label]\n", '[label]\ntask = "regression"\ncap = 250.0\n'),
        ("model.toml", "[training]\n", '[training]\nmetric = "gini"\n'),
        ("scores.json", '"min_value": 0, "max_value": 1', '"min_value": -200, "max_value": 2000'),
    ),
    "habits": (("model.toml", "[label]\n", '[label]\ntask = "multiclass"\n'),),
}
"""Where a few lines of the plain world are others: the file, what stands once in it, and what stands there instead."""


def find_file(world: str, name: str) -> Path:
    """The file of a world, or that of the plain one."""
    own = WORLDS / world / name
    return own if own.is_file() else WORLDS / "plain" / name


def read_file(world: str, name: str) -> str:
    """What a file of a world says."""
    content = find_file(world, name).read_text(encoding="utf-8")
    for _, before, after in (each for each in LINES.get(world, ()) if each[0] == name):
        assert content.count(before) == 1, before
        content = content.replace(before, after)
    return content


def make_home(folder: Path, world: str) -> Path:
    for name, place in PLACES.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(read_file(world, name), encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Case:
    """One world in a warehouse of its own; what a test asks of PostgreSQL it asks as superuser."""

    shell: Shell
    home: Path
    superuser: Database = field(repr=False)
    loader: Database = field(repr=False)

    def load(self, statements: str) -> None:
        """Run SQL as role loader."""
        with self.loader.transaction() as session:
            run_script(session, statements)

    def ask(self, query: str) -> list[tuple[object, ...]]:
        with self.superuser.transaction() as session:
            return [tuple(row) for row in session.execute(text(query))]

    def edit(self, name: str, before: str, after: str) -> None:
        """Replace a text that stands once in a file of the home."""
        path = self.home / PLACES[name]
        content = path.read_text(encoding="utf-8")
        assert content.count(before) == 1, before
        path.write_text(content.replace(before, after), encoding="utf-8")

    def run(self, command: str, as_of: str, *words: str) -> tuple[int, str]:
        """Exit code of a command about a day of the past, and all that it said."""
        code, out, said = self.shell.perennial(command, MODEL, "--as-of", as_of, "--simulate", *words)
        return code, out + said

    def do(self, command: str, as_of: str) -> None:
        """Run a command that must end well."""
        code, said = self.run(command, as_of)
        assert code == 0, said
