"""The values that pass between stages: small, frozen, and named as in the table of words.

Frames are indexed by (as_of, entity_id) unless a docstring says otherwise.
"""

from ml.records.approvals import Answer, AnswerSource, Question
from ml.records.contests import Attribution, BlastRadius, Contest, Guard, Look, Side
from ml.records.intervals import Interval
from ml.records.jsons import Json, dump_json, to_json
from ml.records.letters import Letter
from ml.records.monitoring import Choice, Decision, DriftCheck, Evidence, FeatureDrift, Realised
from ml.records.recipes import Recipe, recipe_hash
from ml.records.runs import Purpose, Run
from ml.records.scoring import Publication, ScoringRules, Tally
from ml.records.snapshots import Column, Rejects, RuleResult, Snapshot, Validation
from ml.records.training import Assembly, Baseline, Labelled, Origin, SplitPlan, Trained, TrainingSet, Version
from ml.records.tuning import SearchHistory, Tuning
from ml.records.verdicts import (
    METRIC_NAMES,
    Comparison,
    Evaluation,
    MetricComparison,
    Move,
    MoveKind,
    Outcome,
    Promotion,
    SegmentComparison,
    Verdict,
)

__all__ = [
    "METRIC_NAMES",
    "Answer",
    "AnswerSource",
    "Assembly",
    "Attribution",
    "Baseline",
    "BlastRadius",
    "Choice",
    "Column",
    "Comparison",
    "Contest",
    "Decision",
    "DriftCheck",
    "Evaluation",
    "Evidence",
    "FeatureDrift",
    "Guard",
    "Interval",
    "Json",
    "Labelled",
    "Letter",
    "Look",
    "MetricComparison",
    "Move",
    "MoveKind",
    "Origin",
    "Outcome",
    "Promotion",
    "Publication",
    "Purpose",
    "Question",
    "Realised",
    "Recipe",
    "Rejects",
    "RuleResult",
    "Run",
    "ScoringRules",
    "SearchHistory",
    "SegmentComparison",
    "Side",
    "Snapshot",
    "SplitPlan",
    "Tally",
    "Trained",
    "TrainingSet",
    "Tuning",
    "Validation",
    "Verdict",
    "Version",
    "dump_json",
    "recipe_hash",
    "to_json",
]
