"""The train stage: a challenger, and the baselines beside it, from snapshots joined with matured labels.

Reading order: splits, training (the story), guards, devices, alarms, rows, inputs, bins, thinning, boosters, study, search,
baselines, calibration, candidates, assessed, current_state, pictures, saying, short (too little history for folds).
"""

from perennial.train.alarms import find_unwritten
from perennial.train.boosters import write_recipe
from perennial.train.rows import choose_inputs
from perennial.train.short import rule_again, train_short
from perennial.train.splits import Fold, find_enough_on, make_folds, plan_fit, plan_split
from perennial.train.training import find_search, fit_predictor, refit, state_parameters, train

__all__ = [
    "Fold",
    "choose_inputs",
    "find_enough_on",
    "find_search",
    "find_unwritten",
    "fit_predictor",
    "make_folds",
    "plan_fit",
    "plan_split",
    "refit",
    "rule_again",
    "state_parameters",
    "train",
    "train_short",
    "write_recipe",
]
