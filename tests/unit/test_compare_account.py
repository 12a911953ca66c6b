"""How much error a challenger may spend: the size of a draw, what the account still holds, and when it holds enough again."""

from datetime import UTC, datetime, timedelta

import pytest

from perennial.compare.account import count_drift_retrainings, find_balance, find_refill, is_covered, size_draw
from tests.harm_worlds import MODEL

NOW = datetime(2018, 1, 1, 12, tzinfo=UTC)
YEAR = timedelta(days=365)
DAY = timedelta(days=1)


def limit(**limits):
    """The model with other limits of drift."""
    return MODEL.model_copy(update={"monitoring": MODEL.monitoring.model_copy(update=limits)})


@pytest.mark.parametrize(
    ("budget", "cooldown", "most"),
    [(3, 7, 37), (3, 0, 37), (4, 7, 46), (30, 7, 46), (30, 0, 365), (1, 364, 1), (1, 182, 2), (0, 7, 0)],
    ids=[
        "lapse: the budget binds",
        "without a cooldown too",
        "the cooldown binds",
        "whatever the budget",
        "every day",
        "once a year",
        "a second on the last days",
        "none at all",
    ],
)
def test_drift_asks_at_most_as_often_as_budget_and_cooldown_allow(budget, cooldown, most):
    assert count_drift_retrainings(limit(max_retrains_per_30_days=budget, cooldown_days=cooldown)) == most


def test_a_years_weekly_and_drift_challengers_fit_into_the_budget():
    alpha, budget = size_draw(MODEL)
    assert budget == 0.05
    assert alpha == pytest.approx(0.05 / (52 + 37))


def test_a_draw_weighs_for_a_year_and_not_a_moment_longer():
    drawn = [(0.01, NOW - YEAR), (0.02, NOW - YEAR + timedelta(seconds=1)), (0.005, NOW)]
    assert find_balance(0.05, drawn, NOW) == pytest.approx(0.05 - 0.025)


def test_an_account_covers_what_it_just_holds_in_spite_of_rounding():
    eleven = [(0.05 / 12, NOW)] * 11
    assert is_covered(0.05 / 12, 0.05, eleven, NOW)
    assert not is_covered(0.05 / 12, 0.05, [*eleven, (0.05 / 12, NOW)], NOW)


def test_what_is_more_than_rounding_is_not_covered():
    assert not is_covered(0.05 * (1 + 1e-8), 0.05, [], NOW)


def test_an_account_that_covers_the_draw_needs_no_refill():
    assert find_refill(0.01, 0.05, [(0.04, NOW)], NOW) is None


def test_an_empty_account_is_full_enough_once_enough_draws_have_grown_old():
    """.02 are missing: the oldest gives .01 on the first day, the next .01 ten days later."""
    drawn = [(0.03, NOW - 20 * DAY), (0.01, NOW - 340 * DAY), (0.01, NOW - 350 * DAY)]
    assert find_refill(0.01, 0.05, drawn, NOW) == NOW + 15 * DAY
    assert find_refill(0.02, 0.05, drawn, NOW) == NOW + 25 * DAY
    assert find_refill(0.05, 0.05, drawn, NOW) == NOW + 345 * DAY


def test_a_draw_that_has_grown_old_already_frees_nothing():
    drawn = [(0.05, NOW - YEAR), (0.05, NOW - DAY)]
    assert find_refill(0.01, 0.05, drawn, NOW) == NOW + YEAR - DAY


def test_a_draw_larger_than_the_budget_is_never_covered():
    assert find_refill(0.06, 0.05, [(0.01, NOW)], NOW) is None
