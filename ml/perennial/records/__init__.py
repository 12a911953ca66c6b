"""The values that pass between stages: small, frozen, and named as in the table of words.

Frames are indexed by (as_of, entity_id) unless a docstring says otherwise.
"""

from perennial.records.approvals import AnswerSource, ApprovalAnswer, ApprovalQuestion
from perennial.records.contests import Attribution, BlastRadius, Contest, Guard, Look, Side
from perennial.records.intervals import Interval
from perennial.records.jsons import Json, dump_json, to_json
from perennial.records.monitoring import Choice, Decision, DecisionEvidence, DriftCheck, FeatureDrift, Realised
from perennial.records.notices import Notice
from perennial.records.recipes import Recipe, recipe_hash
from perennial.records.runs import Purpose, Run
from perennial.records.scoring import Publication, ScoringRules, Tally
from perennial.records.snapshots import Column, Rejects, RuleResult, Snapshot, Validation
from perennial.records.training import Assembly, Baseline, Labelled, Origin, SplitPlan, Trained, TrainingSet, Version
from perennial.records.tuning import SearchHistory, SearchProgress, Tuning
from perennial.records.verdicts import (
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
    "AnswerSource",
    "ApprovalAnswer",
    "ApprovalQuestion",
    "Assembly",
    "Attribution",
    "Baseline",
    "BlastRadius",
    "Choice",
    "Column",
    "Comparison",
    "Contest",
    "Decision",
    "DecisionEvidence",
    "DriftCheck",
    "Evaluation",
    "FeatureDrift",
    "Guard",
    "Interval",
    "Json",
    "Labelled",
    "Look",
    "MetricComparison",
    "Move",
    "MoveKind",
    "Notice",
    "Origin",
    "Outcome",
    "Promotion",
    "Publication",
    "Purpose",
    "Realised",
    "Recipe",
    "Rejects",
    "RuleResult",
    "Run",
    "ScoringRules",
    "SearchHistory",
    "SearchProgress",
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
