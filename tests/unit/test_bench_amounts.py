"""The worlds of amounts in small; `bench/amounts.py` has many contests."""

import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from perennial.metrics import paired_gini_by_day, paired_loss_by_day
from tests.paths import ROOT

sys.path.insert(0, str(ROOT / "bench"))  # its modules are found beside the script, as Python finds them there

from years import amounts, contests


@pytest.fixture(scope="module")
def drawn():
    return amounts.draw_entities(0.8, 7)


@pytest.fixture(scope="module")
def pair(drawn):
    return amounts.make_pair(amounts.AMOUNT_WORLDS[2], drawn, 0.02)


def name_rows(pair, entities):
    index = pd.MultiIndex.from_product([pd.to_datetime(contests.DAYS), range(len(entities))])
    return [pd.Series(side[entities].T.ravel(), index=index) for side in (pair.ours, pair.theirs, pair.amounts)]


def test_a_drawn_world_has_the_zeros_and_the_gain_that_it_states(drawn, pair):
    assert (drawn.amounts == 0).mean() == pytest.approx(0.8, abs=0.01)
    assert pair.truth.estimate / pair.size == pytest.approx(0.02, abs=0.001)
    assert pair.gained == pytest.approx(pair.truth.estimate)
    by_gini = replace(pair, loss=None)
    assert by_gini.gained == pytest.approx(by_gini.truth.estimate)
    assert pair.swap().truth.estimate == pytest.approx(-pair.truth.estimate)


def test_contests_are_measured_as_the_gate_measures_them(pair):
    drawn = pair.draw(300, np.random.default_rng(1))
    by_gini = replace(pair, loss=None)
    rows = name_rows(pair, drawn)
    for found, expected in (
        (pair.compare(drawn), paired_loss_by_day(*rows, pair.loss)),
        (by_gini.compare(drawn), paired_gini_by_day(*rows)),
    ):
        assert found.as_ofs == expected.as_ofs
        assert found.gains == pytest.approx(expected.gains)
        assert found.influence == pytest.approx(expected.influence)


def test_equal_models_cross_no_more_often_than_allowed(pair):
    crossed = contests.find_crossings((pair, pair.swap()), 400, 1_000, seed=7)
    assert crossed.sum() <= 3  # .2 are allowed


def test_a_large_gain_is_found_and_a_prior_of_shocks_costs_some_of_it(pair):
    gain = replace(pair, ours=pair.amounts)
    assert contests.find_power(gain, 10, 1_000, (None, 0.0025), seed=7).tolist() == [1, 1]
    known = pair.truth.first(4)
    wary = contests.with_prior(known, contests.Surplus(known.as_ofs, known.surplus), pair.size, 0.01)
    assert wary.shock == pytest.approx(0.01 * pair.size, rel=0.2)
    assert wary.standard_error > known.standard_error
