"""The page about your own data: the model that it shows keeps every rule that `perennial check` asks of a model."""

import pytest

from perennial.homes import Workbench, check_model
from tests.docs.pages import write_home

PAGE = "docs/how-to/your-own-data.md"


@pytest.fixture
def home(tmp_path, postgres):
    write_home(PAGE, tmp_path)
    yield tmp_path
    postgres.drop("checked_winback")


def test_the_model_of_the_page_passes_every_check(home, postgres):
    checked = list(check_model(Workbench(postgres.server), home, "winback"))
    assert len(checked) > 10
    assert {} == {one.rule: one.fault for one in checked if one.fault}
