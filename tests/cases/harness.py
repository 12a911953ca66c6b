"""A world of `worlds/` as its owner meets it: tables that the loader made, a home, and the command `perennial`."""

from __future__ import annotations

import shutil
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


def find_file(world: str, name: str) -> Path:
    """The file of a world, or that of the plain one."""
    own = WORLDS / world / name
    return own if own.is_file() else WORLDS / "plain" / name


def make_home(folder: Path, world: str) -> Path:
    for name, place in PLACES.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(find_file(world, name), folder / place)
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
