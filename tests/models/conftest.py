"""Warehouses of these tests: drawn tables, and a sample of real purchases."""

import pytest

from tests.drawn import open_drawn, open_sample


@pytest.fixture
def warehouse(postgres, migrated_template):
    with open_drawn(postgres, migrated_template) as drawn:
        yield drawn


@pytest.fixture
def sample(postgres, migrated_template):
    with open_sample(postgres, migrated_template) as session:
        yield session
