"""A pytest plugin: every rule of `perennial check` is a test of its own, for every model of the home.

The home's tests/conftest.py names it (`pytest_plugins = ["perennial.homes.testing"]`), and a test asks for its fixtures:

    def test_a_model_keeps_a_rule(model_rule):
        assert model_rule.fault == ""

    def test_airflow_reads_dags_and_plugins(airflow_errors):
        assert airflow_errors == {}
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import pytest

from perennial.config import Declaration, find_home, model_names
from perennial.errors import PermanentError
from perennial.homes.airflow_files import find_import_errors
from perennial.homes.checked import Checked
from perennial.homes.checking import fill, find_fault, load_files
from perennial.homes.rules import RULES, Rule
from perennial.homes.saying import describe
from perennial.homes.tables import DrawnTables
from perennial.homes.workbench import Workbench, open_workbench

LAID_OUT = "its files load and its tables are there"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each model and rule; before them, whether the model can be tested at all."""
    if "model_rule" in metafunc.fixturenames:
        pairs = [(name, rule) for name in model_names(find_home()) for rule in (None, *RULES)]
        ids = [f"{name}: {describe(rule) if rule else LAID_OUT}" for name, rule in pairs]
        metafunc.parametrize("model_rule", pairs, ids=ids, indirect=True)


@pytest.fixture(scope="session")
def workbench() -> Iterator[Workbench]:
    """A PostgreSQL for the checks of this session."""
    with open_workbench() as opened:
        yield opened


Laid = tuple[Declaration, DrawnTables] | str
"""A model on its tables, or why it has none."""


@pytest.fixture(scope="session")
def lay_out(workbench: Workbench) -> Callable[[str], Laid]:
    """Makes the tables of a model once."""
    known: dict[str, Laid] = {}

    def lay_it_out(name: str) -> Laid:
        if name not in known:
            known[name] = _lay_out(workbench, name)
        return known[name]

    return lay_it_out


@pytest.fixture
def model_rule(request: pytest.FixtureRequest, workbench: Workbench, lay_out: Callable[[str], Laid]) -> Checked:
    """What came of one rule for one model."""
    name: str
    rule: Rule | None
    name, rule = request.param
    laid = lay_out(name)
    if rule is None:
        return Checked(name, LAID_OUT, laid if isinstance(laid, str) else "")
    if isinstance(laid, str):
        pytest.skip(f"{name} has no tables to be tested on: another test says why")
    declaration, tables = laid
    return Checked(name, describe(rule), find_fault(rule, workbench, declaration, tables.as_of))


@pytest.fixture(scope="session")
def airflow_errors() -> Mapping[str, tuple[str, ...]]:
    """The faults that Airflow finds in dags/ and plugins/, by folder; a folder without one is not named."""
    home = find_home()
    found = find_import_errors(home, model_names(home))
    return {folder: errors for folder, errors in found.items() if errors}


def _lay_out(workbench: Workbench, name: str) -> Laid:
    try:
        declaration, tables = load_files(find_home(), name)
        workbench.lay_out(declaration, partial(fill, tables))
    except PermanentError as error:
        return str(error)
    return declaration, tables
