"""What each model is tested on: the tables of tests/models/<name>.sql, else the demo's with real purchases.

Beside the models of the tree stands bike_repair, written as by somebody who adds a model on tables of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from sqlalchemy.exc import DBAPIError

from perennial.config import Declaration, model_names
from perennial.errors import PermanentError
from perennial.stores.sessions import Session, run_script
from perennial.stores.warehouse import sync
from tests.drawn import open_sample, rolled_back, rolled_forward
from tests.paths import ROOT

FOLDER = ROOT / "tests" / "models"
HOMES = {name: home for home in (FOLDER / "home", ROOT) for name in model_names(home)}
DAY_OF_SAMPLE = date(2017, 6, 5)
AS_OF = re.compile(r"^-- as_of: (\d{4}-\d{2}-\d{2})$", re.MULTILINE)
HOW_TO = """{name} cannot be tested on {tables}: {found}

A model on other tables than the demo's brings them as tests/models/{name}.sql, which runs as role loader in an empty warehouse:
- a line `-- as_of: 2024-06-03` names the day that is tested;
- `create table source.<name> (...)` makes each of its sources, with the types of your own;
- generate_series draws rows for more than ten entities, before that day (every window) and after it (the horizon).
tests/models/bike_repair.sql is an example."""


def has_own_tables(name: str) -> bool:
    """Does a model bring its tables? Those that live on the demo's do not."""
    return (FOLDER / f"{name}.sql").is_file()


def read_day(name: str) -> date:
    """The as_of at which a model is tested."""
    if not has_own_tables(name):
        return DAY_OF_SAMPLE
    found = AS_OF.search(_read_script(name))
    assert found, f"tests/models/{name}.sql lacks the line `-- as_of: 2024-06-03`, which names the day that is tested."
    return date.fromisoformat(found[1])


def make_tables(postgres, template: str, declaration: Declaration) -> str:
    """Make the database of a model's tests; returns what is wrong with its tables and how to write them, or nothing."""
    name = declaration.model.name
    try:
        _fill_database(postgres, template, name)
        with rolled_forward(postgres, _database_of(name), "pipeline") as session:
            sync(session, declaration)
    except (PermanentError, DBAPIError) as found:
        tables = f"tests/models/{name}.sql" if has_own_tables(name) else "the tables of the demo"
        return HOW_TO.format(name=name, tables=tables, found=found)
    return ""


@contextmanager
def open_tables(postgres, name: str) -> Iterator[Session]:
    """A superuser's transaction over the tables of one model; it leaves nothing behind."""
    with rolled_back(postgres, _database_of(name)) as session:
        yield session


def _fill_database(postgres, template: str, name: str) -> None:
    if not has_own_tables(name):
        with open_sample(postgres, template):
            pass
        postgres.make(_database_of(name), template="sample")
        return
    postgres.make(_database_of(name), template=template)
    with rolled_forward(postgres, _database_of(name), "loader") as session:
        run_script(session, _read_script(name))


def _database_of(name: str) -> str:
    return f"tables_of_{name}"


def _read_script(name: str) -> str:
    return (FOLDER / f"{name}.sql").read_text(encoding="utf-8")
