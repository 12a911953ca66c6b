"""The worlds of classes in small; `bench/classes.py` has many contests."""

import sys

import numpy as np
import pandas as pd
import pytest

from perennial.metrics import paired_class_loss_by_day, paired_macro_auc_by_day
from tests.paths import ROOT

sys.path.insert(0, str(ROOT / "bench"))  # its modules are found beside the script, as Python finds them there

from years import classes, contests


@pytest.fixture(scope="module")
def drawn():
    return classes.draw_entities(classes.THREE, 7)


@pytest.fixture(scope="module", params=[False, True], ids=["log-loss", "macro AUC"])
def pair(request, drawn):
    return classes.make_pair(classes.World(classes.THREE, is_ranked=request.param), drawn, 0.02)


def test_a_drawn_world_has_the_classes_and_the_gain_that_it_states(drawn, pair):
    shares = np.bincount(drawn.codes.ravel()) / drawn.codes.size
    assert shares == pytest.approx(classes.THREE, abs=0.02)
    assert pair.gained / pair.size == pytest.approx(0.02, abs=0.002)
    assert pair.gained == pytest.approx(pair.truth.estimate)


def test_contests_are_measured_as_the_gate_measures_them(pair):
    entities = pair.draw(400, np.random.default_rng(1))
    index = pd.MultiIndex.from_product([pd.to_datetime(contests.DAYS), range(len(entities))])
    ours, theirs = (
        pd.DataFrame(side[entities].swapaxes(0, 1).reshape(-1, side.shape[2]), index=index) for side in (pair.ours, pair.theirs)
    )
    rows = ours, theirs, pd.Series(pair.codes[entities].T.ravel(), index=index)
    expected = paired_macro_auc_by_day(*rows)[0] if pair.is_ranked else paired_class_loss_by_day(*rows)
    found = pair.compare(entities)
    assert found.as_ofs == expected.as_ofs
    assert found.gains == pytest.approx(expected.gains)
    assert found.influence == pytest.approx(expected.influence)


def test_equal_models_cross_no_more_often_than_allowed(pair):
    assert contests.find_crossings((pair, pair.swap()), 200, 1_000, seed=7).sum() <= 3  # .1 are allowed
