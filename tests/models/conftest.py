"""The tables of the model under test, made by its first test."""

import pytest

from perennial.config import load_declaration
from tests.drawn import with_source
from tests.model_tables import HOMES, make_tables, open_tables, read_day


@pytest.fixture
def declaration(name):
    """The model, which believes every known_at of its tables: `known_from` speaks of how history was loaded elsewhere."""
    declared = load_declaration(HOMES[name], name)
    for source in declared.model.sources:
        declared = with_source(declared, source, known_from=None)
    return declared


@pytest.fixture
def day(name):
    return read_day(name)


@pytest.fixture(scope="session")
def find_fault(postgres, migrated_template):
    """Makes the tables of a model once; gives what is wrong with them, or nothing."""
    faults = {}

    def find_it(declaration):
        name = declaration.model.name
        if name not in faults:
            faults[name] = make_tables(postgres, migrated_template, declaration)
        return faults[name]

    return find_it


@pytest.fixture
def tables(postgres, find_fault, declaration, name):
    """A transaction over the tables; without them one test of the model fails, and the others are skipped."""
    if find_fault(declaration):
        pytest.skip(f"{name} has no tables: test_its_tables_are_there says what to do")
    with open_tables(postgres, name) as session:
        yield session
