"""What makes two recipes the same one, and which seed a fit of one takes."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from perennial.records import Recipe

RECIPE = Recipe("xgboost", {"max_depth": 4, "learning_rate": 0.05}, ("recency_days", "tenure_days"), {"exclude": "store"})
MONDAY = date(2017, 11, 6)


def test_the_order_in_which_a_recipe_is_written_changes_nothing():
    turned = Recipe("xgboost", {"learning_rate": 0.05, "max_depth": 4}, ("tenure_days", "recency_days"), {"exclude": "store"})
    assert turned.digest == RECIPE.digest


def test_a_whole_number_is_the_same_with_and_without_its_point():
    assert replace(RECIPE, parameters={"max_depth": 4.0, "learning_rate": 0.05}).digest == RECIPE.digest


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithm": "lightgbm"},
        {"parameters": {"max_depth": 5, "learning_rate": 0.05}},
        {"parameters": {"max_depth": 4}},
        {"features": ("recency_days",)},
        {"rulings": {}},
        {"rulings": {"exclude": "region"}},
    ],
    ids=["algorithm", "a value", "a parameter", "inputs", "no ruling", "another ruling"],
)
def test_whatever_a_recipe_is_made_of_tells_it_from_others(changes):
    assert replace(RECIPE, **changes).digest != RECIPE.digest


RULE = Recipe("single_feature", {"feature": "recency_days", "direction": "increasing"})


def test_the_words_of_a_rule_tell_it_from_others():
    turned = {"direction": "increasing", "feature": "recency_days"}
    assert replace(RULE, parameters=turned).digest == RULE.digest
    assert replace(RULE, parameters={**turned, "direction": "decreasing"}).digest != RULE.digest


def test_a_rule_reads_its_feature_alone_and_any_other_recipe_all_inputs():
    inputs, ruled = ("recency_days", "store"), {"exclude": "region"}
    assert RULE.complete(inputs, ruled) == replace(RULE, features=("recency_days",), rulings=ruled)
    assert RECIPE.complete(inputs, ruled) == replace(RECIPE, features=inputs, rulings=ruled)


def test_a_fit_of_a_day_takes_the_same_seed_again():
    assert RECIPE.seed_on(MONDAY) == replace(RECIPE).seed_on(MONDAY)


def test_every_week_and_every_recipe_has_a_seed_of_its_own():
    weeks = [MONDAY + timedelta(weeks=week) for week in range(52)]
    other = replace(RECIPE, algorithm="lightgbm")
    assert len({recipe.seed_on(week) for recipe in (RECIPE, other) for week in weeks}) == 104


def test_a_seed_is_one_that_every_library_takes():
    seeds = [RECIPE.seed_on(MONDAY + timedelta(days=day)) for day in range(100)]
    assert 0 <= min(seeds) < max(seeds) < 2**31
