"""The tables of the model under test, made by its first test."""

import pytest

from perennial.errors import PermanentError
from perennial.homes import Workbench
from tests.model_tables import declare_model, lay_out, read_day


@pytest.fixture
def declaration(name):
    return declare_model(name)


@pytest.fixture
def day(name):
    return read_day(name)


@pytest.fixture(scope="session")
def workbench(postgres):
    return Workbench(postgres.server)


@pytest.fixture(scope="session")
def find_table_fault(workbench):
    """Makes the tables of a model once; gives what is wrong with them, or nothing."""
    faults = {}

    def find_it(name):
        if name not in faults:
            faults[name] = _lay_out(workbench, name)
        return faults[name]

    return find_it


def _lay_out(workbench, name):
    try:
        lay_out(workbench, name)
    except PermanentError as error:
        return str(error)
    return ""


@pytest.fixture
def laid_out(workbench, find_table_fault, name):
    """The workbench with the tables of the model; without them one test of the model fails, and the others are skipped."""
    if find_table_fault(name):
        pytest.skip(f"{name} has no tables: test_its_tables_are_there says why")
    return workbench
