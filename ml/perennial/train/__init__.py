"""The train stage: a challenger, and the baselines beside it, from snapshots joined with matured labels.

Reading order: splits, training (the story), guards, alarms, rows, boosters, engine (where they are fitted),
parts (for who fits elsewhere), study, search, baselines, calibration,
candidates, assessed, current_state, pictures, short (too little history for folds).
"""

from perennial.train.alarms import find_unwritten
from perennial.train.boosters import fit_recipe, validate_recipe, write_recipe
from perennial.train.engine import Engine, Threads
from perennial.train.parts import Part, describe_folds
from perennial.train.rows import FoldRows, TrainingRows, choose_inputs, cut_fold
from perennial.train.short import rule_again, train_short
from perennial.train.splits import Fold, find_enough_on, make_folds, plan_fit, plan_split
from perennial.train.training import find_search, fit_predictor, refit, state_parameters, train

__all__ = [
    "Engine",
    "Fold",
    "FoldRows",
    "Part",
    "Threads",
    "TrainingRows",
    "choose_inputs",
    "cut_fold",
    "describe_folds",
    "find_enough_on",
    "find_search",
    "find_unwritten",
    "fit_predictor",
    "fit_recipe",
    "make_folds",
    "plan_fit",
    "plan_split",
    "refit",
    "rule_again",
    "state_parameters",
    "train",
    "train_short",
    "validate_recipe",
    "write_recipe",
]
