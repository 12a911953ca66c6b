"""The values that pass between stages: small, frozen, and named as in the table of words.

Frames are indexed by (as_of, entity_id) unless a docstring says otherwise.
"""

from perennial.records.acceptances import Acceptance, Level, say_how_to_accept
from perennial.records.admissions import Admission, AdmissionEntry, AdmissionEvent, AsOfMeasures, Statistic
from perennial.records.amounts import write_amount
from perennial.records.approvals import AnswerSource, ApprovalAnswer, ApprovalQuestion
from perennial.records.contests import BlastRadius, Contest, Guard, Look
from perennial.records.current_state import CurrentStateUse, CurrentStateWorth
from perennial.records.intervals import Interval
from perennial.records.jsons import Json, dump_json, to_json
from perennial.records.lineage import ColumnOrigin, ColumnOrigins, Dataset, Lineage, Way
from perennial.records.monitoring import (
    CalibrationAlarm,
    Choice,
    Decision,
    DecisionEvidence,
    DriftCheck,
    FeatureDrift,
    MaturedRate,
    Realised,
)
from perennial.records.notices import Notice
from perennial.records.recipes import ALGORITHM_NAMES, Algorithm, Link, Recipe, RecipeChoice, RecipeEntry, RecipeOrigin
from perennial.records.runs import Purpose, Run
from perennial.records.scoring import Publication, ScoringRules, Shard, Tally
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
    "ALGORITHM_NAMES",
    "Acceptance",
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
    "CalibrationAlarm",
    "Choice",
    "Column",
    "ColumnOrigin",
    "ColumnOrigins",
    "Comparison",
    "Contest",
    "CurrentStateUse",
    "CurrentStateWorth",
    "Dataset",
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
    "Level",
    "Lineage",
    "Link",
    "Look",
    "MaturedRate",
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
    "RecipeChoice",
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
    "Shard",
    "Snapshot",
    "SplitPlan",
    "Statistic",
    "Tally",
    "Trained",
    "TrainingSet",
    "Tuning",
    "Validation",
    "Verdict",
    "Version",
    "Way",
    "Window",
    "dump_json",
    "say_how_to_accept",
    "to_json",
    "write_amount",
]
