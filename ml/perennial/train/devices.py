"""On what XGBoost fits: without a GPU it would fit on the processor, and warn nobody who reads."""

from __future__ import annotations

import json
import warnings
from functools import cache

import numpy as np
import xgboost

from perennial.config import Model
from perennial.errors import ConfigError


def check_device(model: Model) -> None:
    """Refuse a device that is not there, before anything is fitted.

    Raises:
        ConfigError: `training.device` asks for a GPU that XGBoost does not find.
    """
    if model.training.device == "cpu" or has_gpu():
        return
    built = "was built without CUDA" if not xgboost.build_info().get("USE_CUDA") else "finds no GPU (does nvidia-smi show one?)"
    raise ConfigError(
        f'models/{model.name}.toml: training.device = "cuda", but XGBoost {xgboost.__version__} {built} on this machine; nothing '
        'was fitted. Train where there is one, pass it to the container, or write training.device = "cpu".'
    )


@cache
def has_gpu() -> bool:
    """Does XGBoost fit on one? It is asked to, for that is what it will do."""
    if not xgboost.build_info().get("USE_CUDA"):
        return False
    rows = xgboost.DMatrix(np.zeros((2, 1)), label=np.array([0.0, 1.0]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        booster = xgboost.train({"device": "cuda", "verbosity": 0}, rows, num_boost_round=1)
    used = json.loads(booster.save_config())["learner"]["generic_param"]["device"]
    return str(used).startswith("cuda")
