"""What holds for every set of predicted amounts."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.metrics import (
    absolute_loss,
    mean_gini,
    paired_gini_by_day,
    paired_loss_by_day,
    pinball_loss,
    rmse,
    squared_loss,
    total_bias,
    tweedie_deviance,
)

LOSSES = (absolute_loss, squared_loss(), pinball_loss(0.2), tweedie_deviance(1.7))
MEASURES = (paired_gini_by_day, *(lambda *series, loss=loss: paired_loss_by_day(*series, loss) for loss in LOSSES))


@st.composite
def worlds(draw):
    """Two predictions (with ties) and skewed labels (with zeros) on one to three as_ofs."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    days, entities, levels = draw(st.integers(1, 3)), draw(st.integers(4, 30)), draw(st.integers(2, 50))
    dates = pd.date_range("2017-09-04", periods=days, freq="7D")
    index = pd.MultiIndex.from_product([dates, range(entities)], names=["as_of", "entity_id"])
    labels = pd.Series(rng.integers(0, 2, len(index)) * rng.lognormal(0, 1.5, len(index)), index=index)
    labels.iloc[:2] = [0.0, 1.0]
    ours, theirs = (pd.Series(rng.integers(1, levels, len(index)) / levels, index=index) for _ in range(2))
    return ours, theirs, labels, rng


@given(worlds())
@settings(deadline=None, max_examples=40)
def test_a_model_gains_nothing_on_itself_and_the_opposite_the_other_way_round(world):
    ours, theirs, labels, _ = world
    for measure in MEASURES:
        same, forth, back = measure(ours, ours, labels), measure(ours, theirs, labels), measure(theirs, ours, labels)
        assert not same.gains.any()
        assert not same.influence.any()
        assert forth.gains == pytest.approx(-back.gains, abs=1e-12)
        assert forth.influence == pytest.approx(-back.influence, abs=1e-12)
        assert forth.influence.sum(axis=0) == pytest.approx(0, abs=1e-9)


@given(worlds())
@settings(deadline=None, max_examples=40)
def test_reordering_rows_changes_nothing(world):
    ours, theirs, labels, rng = world
    shuffled = [series.iloc[rng.permutation(len(series))] for series in (ours, theirs, labels)]
    for measure in MEASURES:
        before, after = measure(ours, theirs, labels), measure(*shuffled)
        assert before.as_ofs == after.as_ofs
        assert before.influence == pytest.approx(after.influence, abs=1e-12)
        assert before.entities_by_group == after.entities_by_group


@given(worlds(), st.floats(0.01, 1000))
@settings(deadline=None, max_examples=40)
def test_another_currency_multiplies_losses_and_leaves_orders_and_totals(world, rate):
    ours, theirs, labels, _ = world
    for loss, power in ((absolute_loss, 1), (squared_loss(), 2), (pinball_loss(0.2), 1), (tweedie_deviance(1.7), 0.3)):
        before, after = (paired_loss_by_day(ours * by, theirs * by, labels * by, loss) for by in (1.0, rate))
        assert after.gains == pytest.approx(rate**power * before.gains, rel=1e-9, abs=1e-9 * rate**power)
        assert after.standard_error == pytest.approx(rate**power * before.standard_error, rel=1e-6, abs=1e-9 * rate**power)
    assert mean_gini(ours * rate, labels * rate) == pytest.approx(mean_gini(ours, labels), abs=1e-9)
    assert rmse(ours * rate, labels * rate) == pytest.approx(rate * rmse(ours, labels))
    assert total_bias(ours * rate, labels * rate) == pytest.approx(total_bias(ours, labels))


@given(worlds(), st.floats(-100, 100))
@settings(deadline=None, max_examples=40)
def test_the_gini_sees_only_the_order_and_differences_of_labels(world, shift):
    ours, _, labels, _ = world
    assert mean_gini(np.log(ours), labels) == pytest.approx(mean_gini(ours, labels))
    assert mean_gini(-ours, labels) == pytest.approx(-mean_gini(ours, labels), abs=1e-9)
    assert mean_gini(ours, labels + shift) == pytest.approx(mean_gini(ours, labels), abs=1e-9)
    assert mean_gini(labels, labels) == pytest.approx(1)


@given(worlds())
@settings(deadline=None, max_examples=40)
def test_nothing_above_the_cap_is_counted(world):
    ours, theirs, labels, _ = world
    cap = 0.5
    capped = paired_loss_by_day(*(each.clip(upper=cap) for each in (ours, theirs, labels)), squared_loss())
    assert paired_loss_by_day(ours, theirs, labels, squared_loss(cap)).gains == pytest.approx(capped.gains, abs=1e-12)


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=20, derandomize=True)
def test_random_targets_give_no_gain_within_four_standard_errors(seed):
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product([pd.date_range("2017-09-04", periods=4, freq="7D"), range(500)])
    labels = pd.Series(rng.integers(0, 2, 2000) * rng.lognormal(size=2000), index=index)
    ours, theirs = (pd.Series(np.tile(rng.lognormal(size=500), 4), index=index) for _ in range(2))
    for measure in MEASURES:
        gain = measure(ours, theirs, labels)
        assert abs(gain.estimate) < 4 * gain.standard_error
