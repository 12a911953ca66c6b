"""What is tried first, what is pruned, and which recipe a champion's parameters are."""

from __future__ import annotations

from dataclasses import replace

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState, create_trial

from perennial.records import Recipe
from perennial.train.boosters import REGULARISED_DEFAULTS, read_recipe
from perennial.train.study import RunningMedian, Search, ask_trial, is_over, name_study, open_study, read_finished, suggest_recipe

SEARCH = Search(("xgboost", "lightgbm"), trials=6, timeout_seconds=60, seed=7)
CHAMPION = {**REGULARISED_DEFAULTS["lightgbm"].parameters, "num_leaves": 7}


def ask_recipes(search: Search, count: int) -> list[Recipe]:
    """Each trial finishes with its number as value."""
    study = open_study(search, [])
    return [finish_trial(study, search, number) for number in range(count)]


def finish_trial(study: optuna.Study, search: Search, number: int) -> Recipe:
    trial = ask_trial(study, search, number)
    recipe = suggest_recipe(trial, search)
    study.tell(trial, float(number))
    return recipe


def ask_interrupted(search: Search, count: int, interruptions: set[int]) -> list[Recipe]:
    """As `ask_recipes`, but before each of these trials the study in memory is lost and opened again from what was stored."""
    stored, recipes = [], []
    study = open_study(search, stored)
    for number in range(count):
        study = open_study(search, stored) if number in interruptions else study
        recipes.append(finish_trial(study, search, number))
        stored = study.get_trials()[: number + 1]
    return recipes


def test_both_regularised_defaults_are_tried_first():
    assert ask_recipes(SEARCH, 2) == [REGULARISED_DEFAULTS["xgboost"], REGULARISED_DEFAULTS["lightgbm"]]


def test_the_champions_parameters_are_tried_next():
    assert ask_recipes(replace(SEARCH, warm_start=CHAMPION), 3)[2] == Recipe("lightgbm", CHAMPION)


def test_the_same_seed_proposes_the_same_recipes():
    assert ask_recipes(SEARCH, 12) == ask_recipes(SEARCH, 12)


def test_another_seed_proposes_others():
    assert ask_recipes(SEARCH, 4)[2:] != ask_recipes(replace(SEARCH, seed=8), 4)[2:]


def test_parameters_outside_todays_ranges_move_to_their_ends():
    recipe = read_recipe({**CHAMPION, "num_leaves": 500}, SEARCH.algorithms)
    assert recipe == Recipe("lightgbm", {**CHAMPION, "num_leaves": 48})


@pytest.mark.parametrize("parameters", [{"C": 1.0}, {}, {"num_leaves": 7}])
def test_a_champion_of_another_kind_is_no_recipe(parameters):
    assert read_recipe(parameters, SEARCH.algorithms) is None


def test_a_library_that_the_model_excludes_is_no_recipe():
    assert read_recipe(CHAMPION, ("xgboost",)) is None


def test_another_search_never_resumes_the_same_study():
    names = {
        name_study("lapse", SEARCH, "a", []),
        name_study("lapse", SEARCH, "b", []),
        name_study("lapse", replace(SEARCH, seed=8), "a", []),
        name_study("lapse", SEARCH, "a", ["fold"]),
    }
    assert len(names) == 4


def test_more_trials_continue_the_same_study():
    assert name_study("lapse", SEARCH, "a", []) == name_study("lapse", replace(SEARCH, trials=50), "a", [])


def is_pruned_after(former: list[float], value: float) -> bool:
    study = optuna.create_study(direction="maximize", pruner=RunningMedian())
    for each in former:
        study.add_trial(create_trial(state=TrialState.COMPLETE, value=each, intermediate_values={0: each}))
    trial = study.ask()
    trial.report(value, 0)
    return trial.should_prune()


@pytest.mark.parametrize(("value", "expected"), [(0.79, True), (0.80, False), (0.81, False)])
def test_a_trial_below_the_median_of_the_finished_ones_is_pruned(value, expected):
    assert is_pruned_after([0.70, 0.80, 0.85], value) == expected


def test_the_first_three_trials_are_never_pruned():
    assert not is_pruned_after([0.80, 0.85], 0.5)


@given(interruptions=st.sets(st.integers(0, 13)))
@settings(max_examples=25, deadline=None)
def test_what_is_tried_does_not_depend_on_the_interruptions(interruptions):
    search = replace(SEARCH, warm_start=CHAMPION)
    assert ask_interrupted(search, 14, interruptions) == ask_recipes(search, 14)


def store_trials(*numbers: int, seconds: float = 1.0) -> optuna.Study:
    """A stored study; the value of a trial is its place in the storage."""
    stored = optuna.create_study()
    for place, number in enumerate(numbers):
        attributes = {"number": number, "seconds": seconds}
        stored.add_trial(create_trial(state=TrialState.COMPLETE, value=float(place), user_attrs=attributes))
    return stored


def read_numbers(stored: optuna.Study, search: Search = SEARCH) -> list[int]:
    return [trial.user_attrs["number"] for trial in read_finished(stored, search)]


def test_trials_stored_by_two_attempts_count_once_and_up_to_the_first_gap():
    assert read_numbers(store_trials(0, 1, 1, 2, 4)) == [0, 1, 2]


def test_of_two_attempts_at_the_same_trial_the_first_counts():
    assert [trial.value for trial in read_finished(store_trials(0, 1, 1), SEARCH)] == [0.0, 1.0]


def test_a_shorter_search_reads_no_further_than_it_would_have_gone():
    assert read_numbers(store_trials(0, 1, 2, 3), replace(SEARCH, trials=3)) == [0, 1, 2]


def test_the_time_limit_counts_the_trials_of_all_attempts():
    stored = read_finished(store_trials(0, 1, 2, seconds=20), SEARCH)
    assert is_over(stored, SEARCH)
    assert not is_over(stored, replace(SEARCH, timeout_seconds=61))


def test_a_search_that_its_limit_has_ended_stays_ended():
    assert read_numbers(store_trials(0, 1, 2, 3, 4, seconds=20)) == [0, 1, 2]


def test_the_defaults_are_tried_however_short_the_limit():
    assert read_numbers(store_trials(0, 1, 2, seconds=20), replace(SEARCH, timeout_seconds=0)) == [0, 1]
