"""Realised metrics of a publication whose labels have matured."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from perennial.errors import MisalignedScores
from perennial.monitor import realise
from perennial.records import Publication
from tests.training_sets import LAPSE, SPEND

DAY = Publication(
    publication_id=1,
    model="lapse",
    as_of=date(2017, 11, 6),
    version=3,
    attempt=1,
    status="live",
    rows=4,
    mean_score=0.4,
    seconds=1.0,
)


def by_entity(values, entities=None):
    return pd.Series(values, index=pd.Index(range(1, len(values) + 1) if entities is None else entities, name="entity_id"))


@pytest.mark.mltest("O7")
def test_a_publication_is_realised_with_its_interval():
    rng = np.random.default_rng(1)
    scores = by_entity(rng.random(2000))
    labels = by_entity((rng.random(2000) < scores).astype(int))
    found = realise(LAPSE, DAY, scores, labels)
    assert (found.model, found.as_of, found.version, found.rows) == ("lapse", date(2017, 11, 6), 3, 2000)
    assert found.metrics["auc"].low < 5 / 6 < found.metrics["auc"].high  # the AUC of uniform, calibrated scores
    assert found.mean_score == pytest.approx(found.base_rate, abs=0.03)


def test_labels_of_entities_that_were_not_scored_are_left_out():
    found = realise(LAPSE, DAY, by_entity([0.9, 0.1]), by_entity([0, 1, 1], entities=[2, 1, 7]))
    assert (found.rows, found.positives, found.metrics["auc"].estimate) == (2, 1, 1.0)


def test_a_scored_entity_without_a_label_is_an_error():
    with pytest.raises(MisalignedScores, match="1 of 2 scored entities have no label"):
        realise(LAPSE, DAY, by_entity([0.9, 0.1]), by_entity([1]))


def test_a_day_of_one_class_has_a_loss_but_no_auc():
    found = realise(LAPSE, DAY, by_entity([0.5, 0.5]), by_entity([0, 0]))
    assert np.isnan(found.metrics["auc"].estimate)
    assert found.metrics["log_loss"].estimate == pytest.approx(np.log(2))


def test_amounts_are_realised_with_their_headline_first_and_their_total_bias():
    rng = np.random.default_rng(1)
    labels = by_entity(rng.gamma(2.0, 20.0, 500))
    found = realise(SPEND, DAY, labels * 1.2, labels)
    assert list(found.metrics) == ["gini", "mse", "total_bias"]
    assert (found.positives, found.headline[1].estimate) == (None, pytest.approx(1.0))
    assert found.metrics["total_bias"].estimate == pytest.approx(1.2)
    assert found.base_rate == pytest.approx(labels.mean())


def test_amounts_that_are_all_0_have_a_loss_and_neither_order_nor_bias():
    found = realise(SPEND, DAY, by_entity([2.0, 3.0]), by_entity([0.0, 0.0]))
    assert np.isnan([found.metrics["gini"].estimate, found.metrics["total_bias"].estimate]).all()
    assert found.metrics["mse"].estimate == pytest.approx(6.5)


def test_what_rows_weigh_is_heard_when_a_publication_is_realised():
    scores, labels = pd.Series({1: 0.8, 2: 0.4, 3: 0.3, 4: 0.9}), pd.Series({1: 1, 2: 0, 3: 1, 4: 0})
    weights = pd.Series({1: 3.0, 2: 1.0, 3: 1.0, 4: 0.0, 5: 9.0})
    realised = realise(LAPSE, DAY, scores, labels, {"weight": weights})
    assert realised.metrics["auc"].estimate == pytest.approx(3 / 4)
    assert realised.metrics["log_loss"].estimate == pytest.approx(-(3 * np.log(0.8) + np.log(0.6) + np.log(0.3)) / 5)
    assert (realised.rows, realised.base_rate, realised.mean_score) == (4, 0.8, pytest.approx((2.4 + 0.4 + 0.3) / 5))
