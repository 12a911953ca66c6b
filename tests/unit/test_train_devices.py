"""Fitting on a GPU."""

from dataclasses import replace

import numpy as np
import pytest

from perennial.errors import ConfigError
from perennial.predictor import load_predictor
from perennial.train import devices, refit, train
from perennial.train.boosters import REGULARISED_DEFAULTS, full_parameters
from perennial.train.rows import gather_rows
from tests.training_sets import make_training_set, small_model, small_plan

ON_GPU, ON_CPU = small_model(device="cuda", max_feature_auc=0.99), small_model(max_feature_auc=0.99)
PLAN = small_plan(ON_CPU)
SET = make_training_set(PLAN.training)
XGBOOST = REGULARISED_DEFAULTS["xgboost"]
needs_gpu = pytest.mark.skipif(not devices.has_gpu(), reason="XGBoost finds no GPU on this machine")


def test_without_a_gpu_a_training_is_refused_before_it_looks_at_a_row(monkeypatch, tmp_path):
    monkeypatch.setattr(devices, "has_gpu", lambda: False)
    broken = replace(SET, labels=SET.labels * 0)
    with pytest.raises(ConfigError, match=r'lapse.toml: training.device = "cuda", but XGBoost .* write training.device = "cpu"'):
        train(ON_GPU, broken, PLAN, folder=tmp_path)
    assert [] == list(tmp_path.iterdir())


def test_a_refit_is_refused_as_well(monkeypatch, tmp_path):
    monkeypatch.setattr(devices, "has_gpu", lambda: False)
    with pytest.raises(ConfigError, match="nothing was fitted"):
        refit(ON_GPU, SET, PLAN, XGBOOST, folder=tmp_path)


def test_xgboost_alone_is_told_of_the_device():
    on_gpu, on_cpu = gather_rows(ON_GPU, SET), gather_rows(ON_CPU, SET)
    assert "cuda" == full_parameters(XGBOOST, 1, on_gpu)["device"]
    assert "device" not in full_parameters(XGBOOST, 1, on_cpu)
    assert "device" not in full_parameters(REGULARISED_DEFAULTS["lightgbm"], 1, on_gpu)


def test_a_gpu_is_part_of_what_a_version_was_made_by():
    assert {**ON_CPU.rulings, "device": "cuda"} == ON_GPU.rulings


@needs_gpu
def test_a_fit_on_a_gpu_scores_nearly_as_one_on_the_processor(tmp_path):
    fits = [refit(model, SET, PLAN, XGBOOST, folder=tmp_path / name) for name, model in (("gpu", ON_GPU), ("cpu", ON_CPU))]
    on_gpu, on_cpu = (load_predictor(each.folder, each.manifest).score(SET.features) for each in fits)
    assert np.corrcoef(on_gpu, on_cpu)[0, 1] > 0.95
