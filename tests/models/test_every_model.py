"""What holds for every file in models/: the rules of `perennial check`, which a user's home keeps as well."""

from datetime import date, datetime, timedelta

import pytest

from perennial.config.cron import find_first_firing
from perennial.homes import RULES, describe, find_fault
from tests.model_tables import HOMES

pytestmark = pytest.mark.parametrize("name", sorted(HOMES))


def test_it_loads(declaration, name):
    assert declaration.model.name == name


def test_every_day_of_a_year_has_settled_when_its_refresh_fires(declaration):
    """2027-03-14 is the day on which New York has settled at 07:00 by the clock on the wall, not at 06:00."""
    model = declaration.model
    fires_at = find_first_firing(model.schedule.refresh)
    days = [date(2027, 1, 1) + timedelta(days=number) for number in range(365)]
    assert [day for day in days if datetime.combine(day, fires_at, model.zone) < model.known_until(day)] == []


def test_its_tables_are_there(find_table_fault, name):
    fault = find_table_fault(name)
    assert not fault, fault


@pytest.mark.mltest("D7")
@pytest.mark.parametrize("rule", RULES, ids=describe)
def test_it_keeps_a_rule(laid_out, declaration, day, rule):
    fault = find_fault(rule, laid_out, declaration, day)
    assert not fault, fault
