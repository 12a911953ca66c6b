"""`perennial check`: every model of a home keeps the rules on its own tables, and Airflow reads the home's files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Literal

from perennial.config import Declaration, load_declaration, model_names
from perennial.errors import ConfigError, PermanentError
from perennial.homes.airflow_files import find_import_errors
from perennial.homes.checked import Checked
from perennial.homes.readiness import examine
from perennial.homes.rules import RULES, Rule, Subject
from perennial.homes.saying import describe
from perennial.homes.tables import DrawnTables, has_tables, name_script, read_tables
from perennial.homes.workbench import Workbench, open_workbench
from perennial.stores.sessions import Database
from perennial.stores.warehouse.scripts import run_source_script
from perennial.validate import load_suite
from perennial.validate.suites import SuiteName

SUITES: tuple[SuiteName, ...] = ("source", "snapshot", "scores")


Which = Literal["drawn", "real"]
"""The tables that a model is checked on: those that tests/models/<name>.sql draws, or those of the installation."""


@dataclass(frozen=True)
class Installation:
    """What the check of real tables needs; the warehouse is opened when the first model wants it."""

    open_warehouse: Callable[[], AbstractContextManager[Database]]
    clock: datetime
    as_of: date | None = None


def check_home(
    home: Path, names: Iterable[str] = (), *, installation: Installation, which: Which | None = None
) -> Iterator[Checked]:
    """Check the named models, by default all of them and the files that Airflow loads; every fault is found, not the first alone.

    Args:
        which: the tables to check on; else the drawn ones of a model that has such, and the real ones of any other.

    Raises:
        UnknownModel: a named model does not exist.
        ConfigError: there is no model at all.
        ExtraMissing: the embedded PostgreSQL is not installed.
    """
    wanted = tuple(names) or model_names(home)
    if not wanted:
        raise ConfigError(f"There is no file in {home / 'models'}: nothing to check.")
    drawn = [name for name in wanted if which == "drawn" or (which is None and has_tables(home, name))]
    if drawn and installation.as_of:
        raise ConfigError(f"{name_script(drawn[0])} names the day that is tested: --as-of goes with --tables real.")
    with ExitStack() as opened:
        workbench = opened.enter_context(open_workbench()) if drawn else None
        for name in wanted:
            yield from check_model(workbench, home, name) if workbench and name in drawn else check_real(installation, home, name)
    if not tuple(names):
        yield from _check_airflow(home, wanted)


def check_real(installation: Installation, home: Path, name: str) -> Iterator[Checked]:
    """One model on the tables of the installation: its files, then whether it is ready."""
    try:
        declaration = load_declaration(home, name)
        for suite in SUITES:
            load_suite(declaration, suite)
        yield Checked(name, "its files load")
    except PermanentError as error:
        yield Checked(name, "its files load", str(error))
        return
    try:
        with installation.open_warehouse() as database:
            yield from examine(database, declaration, installation.clock, installation.as_of)
    except ConfigError as error:
        yield Checked(name, "it has tables to be checked on", f"{error} Or draw some: {name_script(name)} does not exist.")


def check_model(workbench: Workbench, home: Path, name: str) -> Iterator[Checked]:
    """One model: its files, its tables, then every rule."""
    try:
        declaration, tables = load_files(home, name)
        yield Checked(name, "its files load")
        workbench.lay_out(declaration, partial(fill, tables))
        yield Checked(name, "its tables are there")
    except PermanentError as error:
        yield Checked(name, "it loads, and has tables to be tested on", str(error))
        return
    for rule in RULES:
        yield Checked(name, describe(rule), find_fault(rule, workbench, declaration, tables.as_of))


def load_files(home: Path, name: str) -> tuple[Declaration, DrawnTables]:
    """The model with all three suites, and the tables that it is tested on; it believes every known_at of theirs.

    Raises:
        ConfigError: a file is missing or wrong.
    """
    declaration = believe(load_declaration(home, name))
    for suite in SUITES:
        load_suite(declaration, suite)
    return declaration, read_tables(home, name)


def believe(declaration: Declaration) -> Declaration:
    """The model without `known_from`, which speaks of how history was loaded elsewhere."""
    model = declaration.model
    sources = {name: source.model_copy(update={"known_from": None}) for name, source in model.sources.items()}
    return declaration.model_copy(update={"model": model.model_copy(update={"sources": sources})})


def find_fault(rule: Rule, workbench: Workbench, declaration: Declaration, as_of: date) -> str:
    """What is wrong, if anything; whatever a rule does to the tables is undone."""
    try:
        with workbench.open(declaration) as session:
            return rule(Subject(session, declaration, as_of))
    except PermanentError as error:
        return str(error)


def fill(tables: DrawnTables, loader_url: str) -> None:
    """Run the script of a model in its warehouse."""
    run_source_script(loader_url, tables.statements, name=f"tests/models/{tables.name}.sql")


def _check_airflow(home: Path, names: Iterable[str]) -> Iterator[Checked]:
    for folder, errors in find_import_errors(home, names).items():
        yield Checked(folder, "Airflow reads it", "\n".join(errors))
