"""The values that pass between stages: small, frozen, and named as in the table of words.

Frames are indexed by (as_of, entity_id) unless a docstring says otherwise.
"""

from perennial.records.admissions import Admission, AdmissionEntry, AdmissionEvent, AsOfMeasures, Statistic, StatisticName
from perennial.records.approvals import AnswerSource, ApprovalAnswer, ApprovalQuestion
from perennial.records.contests import BlastRadius, Contest, Guard, Look
from perennial.records.intervals import Interval
from perennial.records.jsons import Json, dump_json, to_json
from perennial.records.monitoring import Choice, Decision, DecisionEvidence, DriftCheck, FeatureDrift, Realised
from perennial.records.notices import Notice
from perennial.records.recipes import Algorithm, Recipe, RecipeEntry, RecipeOrigin
from perennial.records.runs import Purpose, Run
from perennial.records.scoring import Publication, ScoringRules, Tally
from perennial.records.snapshots import Column, IncompleteFacts, Rejects, RuleResult, Snapshot, Validation, Window
from perennial.records.training import (
    Assembly,
    Baseline,
    FitDistance,
    Labelled,
    Origin,
    Refreshed,
    SplitPlan,
    Trained,
    TrainingSet,
    Version,
)
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
    "Admission",
    "AdmissionEntry",
    "AdmissionEvent",
    "Algorithm",
    "AnswerSource",
    "ApprovalAnswer",
    "ApprovalQuestion",
    "AsOfMeasures",
    "Assembly",
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
    "FitDistance",
    "Guard",
    "IncompleteFacts",
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
    "RecipeEntry",
    "RecipeOrigin",
    "Refreshed",
    "Rejects",
    "RuleResult",
    "Run",
    "ScoringRules",
    "SearchHistory",
    "SearchProgress",
    "SegmentComparison",
    "Snapshot",
    "SplitPlan",
    "Statistic",
    "StatisticName",
    "Tally",
    "Trained",
    "TrainingSet",
    "Tuning",
    "Validation",
    "Verdict",
    "Version",
    "Window",
    "dump_json",
    "to_json",
]
