"""The tables that a model is tested on: what `tests/models/<name>.sql` draws, and the day that it names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from perennial.errors import ConfigError

FOLDER = Path("tests") / "models"
AS_OF = re.compile(r"^-- as_of: (\d{4}-\d{2}-\d{2})[ \t]*$", re.MULTILINE)
SAME_AS = re.compile(r"^-- tables: ([a-z][a-z0-9_]{0,39})[ \t]*$", re.MULTILINE)
HOW_TO = """\
{file} draws the tables that the model {name} is tested on. It runs as role loader in an empty warehouse:
- a line `-- as_of: 2025-10-06` names the day that is tested;
- `create table source.<name> (...)` makes each source of models/{name}.toml, with the types of your own;
- generate_series draws rows for more than ten entities, before that day (every window) and after it (the horizon);
- a line `-- tables: <model>` takes over the tables of another model's file, and adds to them."""


@dataclass(frozen=True)
class DrawnTables:
    """The script of one model, the scripts that it takes over included, and the as_of to test."""

    name: str
    as_of: date
    statements: str


def has_tables(home: Path, name: str) -> bool:
    """Does a script draw tables for the model?"""
    return (home / FOLDER / f"{name}.sql").is_file()


def name_script(name: str) -> str:
    """The script of a model as people name it."""
    return (FOLDER / f"{name}.sql").as_posix()


def read_tables(home: Path, name: str) -> DrawnTables:
    """Read the script of a model.

    Raises:
        ConfigError: there is none, or it names no day; the message says how to write one.
    """
    script = _read(home, name)
    found = AS_OF.search(script)
    if not found:
        raise ConfigError(f"{name_script(name)} lacks the line `-- as_of: 2025-10-06`.\n{_explain(name)}")
    others = [_read(home, other) for other in SAME_AS.findall(script)]
    return DrawnTables(name, date.fromisoformat(found[1]), "\n".join([*others, script]))


def _read(home: Path, name: str) -> str:
    path = home / FOLDER / f"{name}.sql"
    if not path.is_file():
        raise ConfigError(f"{name_script(name)} does not exist.\n{_explain(name)}")
    return path.read_text(encoding="utf-8")


def _explain(name: str) -> str:
    return HOW_TO.format(file=name_script(name), name=name)
