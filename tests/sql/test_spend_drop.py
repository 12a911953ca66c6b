"""sql/spend_drop on drawn tables: as_of 05-08 measures what is usual over 02-13 to 05-07, and the outcome in [05-08, 06-05)."""

import pytest

from perennial.errors import GrainViolated

# One household that spent 30 dollars in each period of 28 days: 30 dollars are its usual.
STEADY = """
    household_id | ordered_at           | known_at             | amount_cents
    1            | 2017-02-13 00:00 -05 | 2017-02-13 01:00 -05 | 3000
    1            | 2017-03-20 12:00 -04 | 2017-03-20 13:00 -04 | 3000
    1            | 2017-05-07 23:00 -04 | 2017-05-08 00:00 -04 | 3000
"""


@pytest.fixture
def steady(warehouse):
    warehouse.load("source.orders", STEADY)
    return warehouse


def load_order(warehouse, ordered_at, amount_cents):
    warehouse.load(
        "source.orders",
        f"""
        household_id | ordered_at   | known_at     | amount_cents
        1            | {ordered_at} | {ordered_at} | {amount_cents}
    """,
    )


@pytest.mark.parametrize(("amount_cents", "label"), [(1499, 1), (1500, 0), (9000, 0)])
def test_less_than_half_of_the_usual_is_a_drop(steady, amount_cents, label):
    load_order(steady, "2017-05-20 12:00 -04", amount_cents)
    assert steady.labels("spend_drop", as_of="2017-05-08") == {1: label}


def test_spending_nothing_is_a_drop(steady):
    assert steady.labels("spend_drop", as_of="2017-05-08") == {1: 1}


@pytest.mark.parametrize(
    ("ordered_at", "label"),
    [("2017-05-08 00:00 -04", 0), ("2017-06-04 23:59 -04", 0), ("2017-06-05 00:00 -04", 1)],
    ids=["first instant", "last minute", "end is exclusive"],
)
def test_spending_counts_from_the_as_of_to_the_end_of_the_horizon(steady, ordered_at, label):
    load_order(steady, ordered_at, 3000)
    assert steady.labels("spend_drop", as_of="2017-05-08") == {1: label}


def test_spending_before_the_twelve_weeks_is_not_part_of_the_usual(steady):
    load_order(steady, "2017-02-12 23:59 -05", 90000)
    load_order(steady, "2017-05-20 12:00 -04", 1500)
    assert steady.labels("spend_drop", as_of="2017-05-08") == {1: 0}


def test_an_unknown_amount_gives_no_label_instead_of_a_guess(steady):
    load_order(steady, "2017-05-20 12:00 -04", "null")
    with pytest.raises(GrainViolated):
        steady.labels("spend_drop", as_of="2017-05-08")


def test_a_household_with_two_orders_is_outside_the_cohort(warehouse):
    load_order(warehouse, "2017-04-01 12:00 -04", 3000)
    load_order(warehouse, "2017-05-01 12:00 -04", 3000)
    assert warehouse.features("spend_drop", as_of="2017-05-08")["orders_84d"] == {}


def test_a_household_that_stayed_away_for_57_days_is_outside_the_cohort(warehouse):
    for day in ("2017-03-10", "2017-03-11", "2017-03-12"):
        load_order(warehouse, f"{day} 12:00 -05", 3000)
    assert warehouse.features("spend_drop", as_of="2017-05-08")["orders_84d"] == {}


@pytest.mark.parametrize(
    ("feature", "value"),
    [
        ("recency_days", 1),
        ("orders_28d", 1),
        ("orders_84d", 3),
        ("usual_spend", 30.0),
        ("spend_28d", 30.0),
        ("spend_28d_before", 30.0),
        ("spend_28d_oldest", 30.0),
        ("spend_over_usual", 1.0),
        ("poorest_period_over_usual", 1.0),
        ("active_weeks_84d", 3),
        ("best_week_share_84d", 1 / 3),
        ("weekly_variation_84d", pytest.approx(3**0.5)),  # three weeks of 30 and nine of 0: mean 7.5, deviation 12.99
        ("gap_mean_days", 41.5),
    ],
)
def test_a_feature_of_a_steady_household(steady, feature, value):
    assert steady.features("spend_drop", as_of="2017-05-08")[feature] == {1: value}
