"""The train stage: a challenger, and the baselines it must beat, from snapshots joined with matured labels.

Reading order: splits, training (the story), guards, alarms, rows, boosters, study, search, baselines, calibration,
candidates, assessed, pictures.
"""

from perennial.train.boosters import write_recipe
from perennial.train.rows import choose_inputs
from perennial.train.splits import Fold, make_folds, plan_fit, plan_split
from perennial.train.training import find_search, fit_predictor, refit, state_parameters, train

__all__ = [
    "Fold",
    "choose_inputs",
    "find_search",
    "fit_predictor",
    "make_folds",
    "plan_fit",
    "plan_split",
    "refit",
    "state_parameters",
    "train",
    "write_recipe",
]
