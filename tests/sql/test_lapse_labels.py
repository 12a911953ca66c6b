"""sql/lapse/labels.sql on drawn tables: as_of 05-08 counts the outcome in [05-08, 06-05), of facts learned by 06-07 00:00."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import text

from perennial.stores.warehouse import find_undelivered
from tests.drawn import declare, with_source

DAY = date(2017, 5, 8)
COHORT = """
    household_id | ordered_at           | known_at
    1            | 2017-05-06 12:00 -04 | 2017-05-06 13:00 -04
"""


@pytest.mark.parametrize(
    ("ordered_at", "known_at", "label"),
    [
        ("2017-05-08 00:00 -04", "2017-05-08 01:00 -04", 0),
        ("2017-06-04 23:59 -04", "2017-06-05 00:59 -04", 0),
        ("2017-06-05 00:00 -04", "2017-06-05 01:00 -04", 1),
        ("2017-06-04 12:00 -04", "2017-06-07 00:00 -04", 0),
        ("2017-06-04 12:00 -04", "2017-06-07 00:01 -04", 1),
    ],
    ids=["first instant", "last minute", "end is exclusive", "late within the grace", "later than the grace"],
)
def test_an_order_within_the_horizon_and_learned_within_the_grace_is_no_lapse(warehouse, ordered_at, known_at, label):
    warehouse.load("source.orders", COHORT)
    warehouse.load(
        "source.orders",
        f"""
        household_id | ordered_at   | known_at
        1            | {ordered_at} | {known_at}
    """,
    )
    assert {1: label} == warehouse.labels("lapse", as_of="2017-05-08")


def test_a_household_without_any_order_in_the_horizon_has_lapsed(warehouse):
    warehouse.load("source.orders", COHORT)
    assert warehouse.labels("lapse", as_of="2017-05-08") == {1: 1}


def test_a_household_outside_the_cohort_has_no_label(warehouse):
    warehouse.load("source.orders", COHORT)
    warehouse.load(
        "source.orders",
        """
        household_id | ordered_at           | known_at
        2            | 2017-05-09 12:00 -04 | 2017-05-09 13:00 -04
    """,
    )
    assert warehouse.labels("lapse", as_of="2017-05-08") == {1: 1}


def test_an_outage_is_found_however_short_the_queries_look_back(warehouse):
    warehouse.session.execute(text("delete from source.orders where ordered_at between '2017-05-15' and '2017-05-22'"))
    warehouse.load("source.orders", COHORT.replace("05-06", "06-04"))
    declaration = with_source(declare("lapse"), "orders", lookback_days=3)
    found = find_undelivered(warehouse.session, declaration, [DAY], datetime(2017, 7, 1, tzinfo=UTC))
    assert "orders holds 0 facts in the 7 days from 2017-05-15, and its usual week 1" in found[DAY]
