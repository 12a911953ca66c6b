"""Statistics of very many rows are those of a sample of entities."""

import numpy as np
import pytest

from perennial.records import TrainingSet
from perennial.train import refit, thinning
from perennial.train.baselines import PLAIN_LOGISTIC, fit_linear
from perennial.train.guards import check_training_set
from perennial.train.rows import gather_rows
from perennial.train.thinning import count_samples, thin
from tests.training_sets import make_training_set, small_model, small_plan

MODEL = small_model(max_feature_auc=0.99)
PLAN = small_plan(MODEL)
SET = make_training_set(PLAN.training, entities=400)
ROWS = gather_rows(MODEL, SET)


def test_a_sample_holds_all_rows_of_its_entities_and_none_of_others():
    part = thin(ROWS, 1200)
    held = part.index.get_level_values("entity_id").value_counts()
    assert {len(PLAN.training)} == set(held)
    assert 900 < len(part.labels) < 1500


def test_the_same_rows_give_the_same_sample():
    assert thin(ROWS, 1200).index.equals(thin(ROWS, 1200).index)


def test_another_seed_gives_another_sample():
    other = gather_rows(small_model(seed=8), SET)
    assert not thin(ROWS, 1200).index.equals(thin(other, 1200).index)


def test_rows_that_are_few_are_all_there():
    assert thin(ROWS, len(ROWS.labels)) is ROWS
    assert {} == count_samples(SET, ROWS)


def test_a_linear_recipe_of_a_sample_is_nearly_that_of_all_rows(monkeypatch: pytest.MonkeyPatch):
    full = fit_linear(ROWS).score_matrix(ROWS.matrix)
    monkeypatch.setattr(thinning, "SOLVED_CELLS", 2400 * 6)
    assert abs(fit_linear(ROWS).score_matrix(ROWS.matrix) - full).max() < 0.1


def test_a_version_records_of_how_many_rows_it_was(monkeypatch: pytest.MonkeyPatch, tmp_path):
    monkeypatch.setattr(thinning, "LOOKED_AT_ROWS", 1200)
    trained = refit(MODEL, SET, PLAN, PLAIN_LOGISTIC, folder=tmp_path, threads=1)
    assert {"rows_of_alarms": len(thin(ROWS, 1200).labels)} == {
        name: value for name, value in trained.parameters.items() if name.startswith("rows_of")
    }


def test_rows_in_another_order_are_checked_as_well():
    backwards = SET.features.index[::-1]
    turned = TrainingSet(SET.features.loc[backwards], SET.labels.loc[backwards], SET.segments.loc[backwards], SET.data_hash)
    check_training_set(MODEL, turned, PLAN)
    assert np.array_equal(backwards, turned.features.index)
