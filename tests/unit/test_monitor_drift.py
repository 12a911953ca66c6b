"""Drift as effect sizes: what counts, what is only reported, and what is refused."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from perennial.config import load_model
from perennial.errors import MetricNotFinite, SchemaMismatch, SnapshotMissing
from perennial.monitor import ScoredDay, compare_categories, compare_numbers, load_profile, measure_drift, profile_reference
from perennial.monitor.psi import count_numbers, cut_numbers
from perennial.records import dump_json
from tests.training_sets import SPEND

MODEL = load_model(Path(__file__).parents[2] / "models" / "lapse.toml")
SILENT = MODEL.features.no_drift_trigger.columns[0]


def numbers(seed, *, shift=0.0, rows=4000):
    return np.random.default_rng(seed).normal(loc=shift, size=rows)


def frame(seed, **shifts):
    return pd.DataFrame({name: numbers([seed, place], shift=shift) for place, (name, shift) in enumerate(shifts.items())})


def scored(*, mean=0.12, reference_mean=0.12, seed=1):
    drawn = np.random.default_rng(seed).uniform(0.5, 1.5, size=4000)
    return ScoredDay(
        model=MODEL,
        as_of=date(2017, 11, 20),
        version=1,
        scores=pd.Series(drawn / drawn.mean() * mean),
        reference_mean_score=reference_mean,
    )


def check_drift(reference, current, day, scores=None):
    """Against the profile as it is read back: what is lost in between would show in every test."""
    if scores is None:
        scores = pd.Series(np.random.default_rng(2).uniform(0.5, 1.5, size=9000) * 0.12)
    return measure_drift(load_profile(profile_reference(reference, scores).dump()), current, day)


def test_the_index_of_two_known_histograms_is_the_formula():
    reference = np.repeat([0.0, 1.0], [50, 50])
    current = np.repeat([0.0, 1.0], [80, 20])
    assert compare_numbers(reference, current) == pytest.approx(0.3 * np.log(1.6) - 0.3 * np.log(0.4))


def test_the_same_rows_in_another_order_have_not_drifted():
    values = numbers(1)
    assert compare_numbers(values, values[::-1]) == 0


def test_the_index_is_the_same_in_both_directions_for_categories():
    one, other = pd.Series(list("aaab") * 10), pd.Series(list("abbb") * 10)
    assert compare_categories(one, other) > 1
    assert compare_categories(one, other) == pytest.approx(compare_categories(other, one))


def test_a_sample_of_the_same_population_stays_far_below_the_limit():
    assert compare_numbers(numbers(1, rows=40_000), numbers(2, rows=2200)) < 0.02


def test_an_excluded_feature_is_reported_and_asks_for_nothing():
    excluding = MODEL.model_copy(update={"training": MODEL.training.model_copy(update={"exclude": ("unused",)})})
    day = replace(scored(), model=excluding)
    check = check_drift(frame(1, unused=0.0, used=0.0), frame(2, unused=3.0, used=0.0), day)
    assert [(each.column, each.is_drifted, each.can_trigger) for each in check.features] == [
        ("unused", True, False),
        ("used", False, True),
    ]
    assert check.drifted_share == 0


def test_half_a_standard_deviation_is_a_drift():
    assert compare_numbers(numbers(1), numbers(2, shift=0.5)) > 0.2


def test_a_column_that_is_mostly_zero_is_binned_by_its_values():
    reference = np.repeat([0.0, 1.0, 2.0], [3200, 600, 200])
    assert compare_numbers(reference, reference[::2]) == pytest.approx(0, abs=1e-12)
    assert compare_numbers(reference, np.repeat([0.0, 1.0, 2.0], [1600, 600, 1800])) > 0.25


@pytest.mark.parametrize("moved_to", [-1.0, 1.0])
def test_a_constant_that_moves_is_seen_in_both_directions(moved_to):
    assert compare_numbers(np.zeros(100), np.full(100, moved_to)) > 1


@pytest.mark.parametrize(("missing", "is_large"), [(0.0, False), (0.3, True), (1.0, True)])
def test_missing_values_are_a_bin_of_their_own(missing, is_large):
    current = numbers(2)
    current[: int(missing * len(current))] = np.nan
    assert (compare_numbers(numbers(1), current) > 0.25) == is_large


def test_a_reference_without_any_value_has_only_a_missing_bin():
    assert compare_numbers(np.full(10, np.nan), np.full(5, np.nan)) == 0
    assert compare_numbers(np.full(10, np.nan), numbers(1)) > 1


def test_infinite_values_fall_into_the_outer_bins():
    assert compare_numbers(np.append(numbers(1), [np.inf, -np.inf]), numbers(2)) < 0.02


def test_a_new_category_and_a_missing_one_are_drift():
    reference = pd.Series(pd.Categorical(["a", "b"] * 50))
    assert compare_categories(reference, pd.Series(pd.Categorical(["a", "c"] * 50))) > 1
    assert compare_categories(reference, pd.Series(["a", None] * 50)) > 1


def test_a_quiet_day_has_not_drifted():
    check = check_drift(frame(1, a=0, b=0), frame(2, a=0, b=0), scored())
    assert (check.drifted_share, check.is_drifted) == (0, False)
    assert check.prediction_shift == pytest.approx(0)


def test_the_share_counts_columns_over_the_limit():
    check = check_drift(frame(1, a=0, b=0, c=0, d=0), frame(2, a=1, b=1, c=0, d=0), scored())
    assert [feature.is_drifted for feature in check.features] == [True, True, False, False]
    assert (check.drifted_share, check.is_drifted) == (0.5, True)


def test_a_column_that_drifts_by_construction_is_reported_and_never_counts():
    check = check_drift(frame(1, a=0, **{SILENT: 0}), frame(2, a=0, **{SILENT: 9}), scored())
    silent = check.features[1]
    assert (silent.is_drifted, silent.can_trigger) == (True, False)
    assert (check.drifted_share, check.is_drifted) == (0, False)


def test_only_such_columns_give_no_share():
    assert check_drift(frame(1, **{SILENT: 0}), frame(2, **{SILENT: 9}), scored()).drifted_share == 0


@pytest.mark.parametrize(("mean", "is_drifted"), [(0.131, False), (0.144, True), (0.109, False), (0.1, True)])
def test_a_prediction_shift_beyond_ten_percent_in_either_direction_is_drift(mean, is_drifted):
    check = check_drift(frame(1, a=0), frame(2, a=0), scored(mean=mean))
    assert check.prediction_shift == pytest.approx(mean / 0.12 - 1)
    assert check.is_drifted is is_drifted


def test_the_scores_have_an_index_of_their_own():
    still = check_drift(frame(1, a=0), frame(2, a=0), scored())
    moved = check_drift(frame(1, a=0), frame(2, a=0), scored(mean=0.16))
    assert still.score_psi < 0.02
    assert moved.score_psi > 0.2


def test_means_and_missing_shares_are_reported():
    reference = pd.DataFrame({"a": [1.0, 3.0], "c": pd.Categorical(["x", "y"])})
    current = pd.DataFrame({"a": [4.0, np.nan], "c": pd.Categorical(["x", None])})
    number, category = check_drift(reference, current, scored()).features
    assert (number.reference_mean, number.current_mean, number.reference_missing, number.current_missing) == (2, 4, 0, 0.5)
    assert (category.reference_mean, category.current_mean, category.current_missing) == (None, None, 0.5)


def test_a_column_that_is_all_null_now_is_drift_and_has_no_mean():
    current = pd.DataFrame({"a": pd.Series([None] * 100, dtype="object")})
    feature = check_drift(frame(1, a=0), current, scored()).features[0]
    assert (feature.current_mean, feature.current_missing, feature.is_drifted) == (None, 1, True)


def test_segments_beside_the_features_are_ignored():
    check = check_drift(frame(1, a=0), frame(2, a=0).assign(income="low"), scored())
    assert [feature.column for feature in check.features] == ["a"]


def test_an_absent_column_is_refused_by_name():
    with pytest.raises(SchemaMismatch, match="absent now: b"):
        check_drift(frame(1, a=0, b=0), frame(2, a=0), scored())


def test_a_number_that_became_text_is_refused():
    with pytest.raises(SchemaMismatch, match="Column a was a number"):
        check_drift(frame(1, a=0), pd.DataFrame({"a": ["many"]}), scored())


def test_no_rows_are_no_evidence():
    with pytest.raises(SnapshotMissing, match="0 current rows"):
        check_drift(frame(1, a=0), frame(2, a=0).iloc[:0], scored())


@pytest.mark.parametrize("mean", [0.0, np.nan])
def test_a_shift_against_nothing_is_an_error(mean):
    with pytest.raises(MetricNotFinite):
        check_drift(frame(1, a=0), frame(2, a=0), replace(scored(), reference_mean_score=mean))


def test_a_check_is_stored_as_json():
    assert '"is_drifted":false' in dump_json(check_drift(frame(1, a=0), frame(2, a=0), scored()))


@pytest.mark.parametrize(
    ("reference_mean", "mean", "shift"),
    [(40.0, 50.0, 0.25), (-40.0, -50.0, -0.25), (0.0, 5.0, 0.5)],
    ids=["above 0", "below 0", "at 0: in standard deviations"],
)
def test_the_mean_of_amounts_moves_in_units_of_what_it_was(reference_mean, mean, shift):
    drawn = pd.Series(np.random.default_rng(1).normal(size=9000))
    drawn = (drawn - drawn.mean()) / drawn.std(ddof=0) * 10
    day = ScoredDay(SPEND, date(2017, 11, 20), 1, drawn + mean, reference_mean)
    assert check_drift(frame(1, a=0), frame(2, a=0), day, drawn + reference_mean).prediction_shift == pytest.approx(shift)


SIDES = {
    "amounts": numbers(1),
    "a tenth missing": np.where(np.arange(2200) % 10 == 0, np.nan, numbers(1, rows=2200)),
    "counts": np.random.default_rng(5).poisson(2.0, 999).astype(float),
    "mostly zero": np.repeat([0.0, 5.0, -1.0], [900, 60, 40]),
    "constant": np.full(50, 7.0),
    "infinite": np.append(numbers(1), [np.inf, -np.inf, np.nan]),
    "fewer than bins": np.array([3.0, 1.0, 2.0]),
    "all missing": np.full(10, np.nan),
    "nothing": np.empty(0),
}


def cut_by_partition(values):
    """Nine places in what is known, and a comparison of all values with each edge."""
    known = values[~np.isnan(values)]
    if not len(known):
        return np.empty(0), np.array([0, len(values)])
    places = np.ceil(np.arange(1, 10) * len(known) / 10).astype(int) - 1
    deciles = np.unique(np.partition(known, places)[places])
    edges = np.concatenate([[np.nextafter(deciles[0], -np.inf)], deciles])
    return edges, count_numbers(values, edges)


@pytest.mark.parametrize("side", SIDES)
def test_one_sort_gives_the_bins_and_counts_of_nine_places_and_as_many_comparisons(side):
    found, wanted = cut_numbers(SIDES[side]), cut_by_partition(SIDES[side])
    assert [each.tolist() for each in found] == [each.tolist() for each in wanted]
