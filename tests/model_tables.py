"""What each model is tested on: the tables of tests/models/<name>.sql, else the demo's with real purchases.

Beside the models of the tree stand bike_repair, written as by somebody who adds a model on tables of their own, the
example of `perennial init`, and that of the page about event entities.
"""

from __future__ import annotations

from datetime import date
from functools import partial
from pathlib import Path

from perennial.config import Declaration, load_declaration, model_names
from perennial.demo.data import load_tables
from perennial.homes import Workbench, believe, fill, read_tables
from perennial.homes.files import TEMPLATE
from tests.drawn import prepare_sample
from tests.paths import EXAMPLE, ROOT

HOMES: dict[str, Path] = {
    name: home for home in (ROOT / "tests" / "models" / "home", TEMPLATE, EXAMPLE, ROOT) for name in model_names(home)
}
DAY_OF_SAMPLE = date(2017, 6, 5)


def has_own_tables(name: str) -> bool:
    """Does a model bring its tables? Those that live on the demo's do not."""
    return (HOMES[name] / "tests" / "models" / f"{name}.sql").is_file()


def declare_model(name: str) -> Declaration:
    """The model as its checks take it."""
    return believe(load_declaration(HOMES[name], name))


def read_day(name: str) -> date:
    """The as_of at which a model is tested."""
    return read_tables(HOMES[name], name).as_of if has_own_tables(name) else DAY_OF_SAMPLE


def lay_out(workbench: Workbench, name: str) -> None:
    """Make the warehouse of a model's tests; raises what is wrong with its tables."""
    if has_own_tables(name):
        workbench.lay_out(declare_model(name), partial(fill, read_tables(HOMES[name], name)))
    else:
        workbench.lay_out(declare_model(name), lambda loader_url: load_tables(loader_url, prepare_sample()))
