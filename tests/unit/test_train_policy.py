"""When a training searches, when it fits known parameters again, and what it says about them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perennial.records import Interval, SearchHistory, Tuning
from perennial.train.boosters import REGULARISED_DEFAULTS
from perennial.train.policy import choose_search, name_basis
from perennial.train.rows import gather_rows
from tests.training_sets import make_training_set, mondays, small_model

MODEL = small_model(search_every_days=28, search_on_drift=True)
RULES = MODEL.training
RECIPE = REGULARISED_DEFAULTS["lightgbm"]
GAIN = Interval(0.001, -0.001, 0.003, 0.001)
LAST = Tuning(True, "Nothing was searched before.", RECIPE, "the same", 12, GAIN)
PAST = SearchHistory(last_search=LAST, days_since=7)
TRAINING = make_training_set(mondays(2), entities=20)


def choose(past: SearchHistory = PAST, basis: str = "the same", **rules: object):
    return choose_search(RULES.model_copy(update=rules), past, basis)


def test_a_young_search_is_not_repeated():
    found = choose()
    assert (found.recipe, found.because) == (RECIPE, "The last search is 7 days old (search_every_days = 28).")


@pytest.mark.parametrize(
    ("past", "because"),
    [
        (SearchHistory(), "Nothing was searched before."),
        (replace(PAST, days_since=28), "The last search is 28 days old (search_every_days = 28)."),
        (replace(PAST, is_asked_by_drift=True), "Drift asked for this training (search_on_drift)."),
    ],
)
def test_a_search_is_made_for_a_reason(past, because):
    found = choose(past)
    assert (found.recipe, found.because) == (None, because)


def test_another_basis_needs_another_search():
    found = choose(basis="another")
    assert (found.recipe, found.because.split(" differ")[0]) == (None, "SQL, inputs, libraries or their ranges")


def test_drift_asks_for_no_search_where_the_model_says_so():
    assert choose(replace(PAST, is_asked_by_drift=True), search_on_drift=False).recipe == RECIPE


def test_a_limit_of_no_days_searches_every_time():
    assert choose(replace(PAST, days_since=0), search_every_days=0).recipe is None


def basis_of(query_hash: str = "", *, training=TRAINING, **rules: object) -> str:
    changed = MODEL.model_copy(update={"training": RULES.model_copy(update=rules)})
    return name_basis(changed, gather_rows(changed, training).features, query_hash)


def test_other_rows_have_the_same_basis():
    assert basis_of(training=make_training_set(mondays(3), entities=30, seed=2)) == basis_of()


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"query_hash": "other"}, id="SQL"),
        pytest.param({"exclude": ("noise",)}, id="excluded feature"),
        pytest.param({"monotone": {"noise": "increasing"}}, id="monotone feature"),
        pytest.param({"algorithms": ("xgboost",)}, id="libraries"),
    ],
)
def test_whatever_a_search_depends_on_is_another_basis(other):
    assert basis_of(**other) != basis_of()


def test_trials_and_time_limit_have_the_same_basis():
    assert basis_of(trials=99, timeout_minutes=1.0) == basis_of()


@pytest.mark.parametrize(
    ("gain", "said"),
    [
        (
            Interval(0.004, 0.001, 0.007, 0.0015),
            "gained on the regularised default: +0.0040 [+0.0010, +0.0070] AUC, out of fold.",
        ),
        (Interval(-0.004, -0.007, -0.001, 0.0015), "lost against the regularised default: -0.0040 [-0.0070, -0.0010] AUC"),
        (GAIN, "gained nothing certain on the regularised default: +0.0010 [-0.0010, +0.0030] AUC"),
        (Interval(0.0, 0.0, 0.0, 0.0), "is a regularised default: nothing gained."),
    ],
)
def test_what_a_search_was_worth_is_said_in_words(gain, said):
    assert f"Nothing was searched before. Of 12 trials the best {said}" in replace(LAST, gain=gain).sentence


def test_what_known_parameters_are_worth_is_said_too():
    sentence = Tuning(False, "The last search is 7 days old.", RECIPE, "", 0, GAIN).sentence
    assert sentence.startswith("The last search is 7 days old. Its parameters gained nothing certain on")
