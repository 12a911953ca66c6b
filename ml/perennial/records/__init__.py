"""The values that pass between stages: small, frozen, and named as in the table of words.

Frames are indexed by (as_of, entity_id) unless a docstring says otherwise.
"""

from perennial.records.approvals import Answer, AnswerSource, Question
from perennial.records.contests import Attribution, BlastRadius, Contest, Guard, Look, Side
from perennial.records.intervals import Interval
from perennial.records.jsons import Json, dump_json, to_json
from perennial.records.letters import Letter
from perennial.records.monitoring import Choice, Decision, DriftCheck, Evidence, FeatureDrift, Realised
from perennial.records.recipes import Recipe, recipe_hash
from perennial.records.runs import Purpose, Run
from perennial.records.scoring import Publication, ScoringRules, Tally
from perennial.records.snapshots import Column, Rejects, RuleResult, Snapshot, Validation
from perennial.records.training import Assembly, Baseline, Labelled, Origin, SplitPlan, Trained, TrainingSet, Version
from perennial.records.tuning import SearchHistory, Tuning
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
