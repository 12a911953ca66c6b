"""The train stage: a challenger, and the baselines beside it, from snapshots joined with matured labels.

Reading order: splits, training (the story), guards, devices, alarms, rows, inputs, bins, thinning, boosters, engine (where they
are fitted), parts and spread (for who fits elsewhere), study, search, baselines, calibration, candidates, assessed,
current_state, pictures, saying, short (too little history for folds).
"""

from perennial.train.alarms import find_unwritten
from perennial.train.boosters import fit_recipe, validate_recipe, write_recipe
from perennial.train.engine import Engine, Threads
from perennial.train.parts import Part, describe_folds, describe_rows
from perennial.train.rows import FoldRows, TrainingRows, choose_inputs, cut_fold
from perennial.train.short import keeps_rule, rule_again, train_short
from perennial.train.splits import Fold, find_enough_on, make_folds, plan_fit, plan_split
from perennial.train.spread import (
    Place,
    Wanted,
    deal_days,
    find_port,
    fit_share,
    join_rows,
    open_shared,
    open_tracker,
    score_shared,
    want_fit,
)
from perennial.train.study import drop_studies
from perennial.train.training import find_search, fit_predictor, refit, state_parameters, train

__all__ = [
    "Engine",
    "Fold",
    "FoldRows",
    "Part",
    "Place",
    "Threads",
    "TrainingRows",
    "Wanted",
    "choose_inputs",
    "cut_fold",
    "deal_days",
    "describe_folds",
    "describe_rows",
    "drop_studies",
    "find_enough_on",
    "find_port",
    "find_search",
    "find_unwritten",
    "fit_predictor",
    "fit_recipe",
    "fit_share",
    "join_rows",
    "keeps_rule",
    "make_folds",
    "open_shared",
    "open_tracker",
    "plan_fit",
    "plan_split",
    "refit",
    "rule_again",
    "score_shared",
    "state_parameters",
    "train",
    "train_short",
    "validate_recipe",
    "want_fit",
    "write_recipe",
]
