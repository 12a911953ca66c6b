"""Every metric that `perennial metrics` shows, by Prometheus' conventions: base units, `_total` of what only grows.

Grain: one series for each model of the home, and for each further label that stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

PREFIX = "perennial_"
LABELS: Mapping[str, str] = {
    "model": "Name of a file in models/",
    "version": "Number of a version in MLflow",
    "recipe": "Number of a recipe among those of its model",
    "algorithm": "xgboost, lightgbm, logistic, ridge or single_feature",
    "kind": "What moved, was purged or happened, as in the ledger",
    "metric": "As in verdicts: auc, log_loss, mse, total_bias and so on",
    "position": "1 is what the model is judged by",
    "choice": "TRAIN, SKIP or BLOCK",
    "rule": "The rule that decided",
    "destination": "card or verdict, both in MLflow",
    "stage": "A stage, or a deed of people, as in analytics.run_log",
    "status": "ok, failed (a fault), refused (a rule said no) or lost (its process is gone)",
}
"""What a label says. No entity, text or address is one, so that series stay few and nothing personal leaves."""


@dataclass(frozen=True)
class Metric:
    """One metric and where it stands.

    Attributes:
        name: without `perennial_`; the unit is its end.
        query: of sql/queries/watch.sql, or a table that `derive` makes of these and of model files.
        column: whose value it is; empty: the series is there, with 1. An as_of becomes the instant at which it starts.
        labels: columns beside `model`.
        kind: a summary has its sum in `column` and its count in `count`.
        default: for a model without a row; None: no series then.
    """

    name: str
    help: str
    query: str
    column: str
    labels: tuple[str, ...] = ()
    kind: Literal["gauge", "counter", "summary"] = "gauge"
    count: str = ""
    default: float | None = None

    @property
    def full_name(self) -> str:
        """As Prometheus knows it."""
        return f"{PREFIX}{self.name}"


METRICS = (
    # Model files
    Metric("model_file_valid", "Whether the file of the model can be read.", "declared", "valid"),
    # Scores
    Metric("scores_as_of_timestamp_seconds", "Start of the newest as_of with live scores.", "scores", "as_of"),
    Metric("scores_published_timestamp_seconds", "When these scores were published, by the wall.", "scores", "published_at"),
    Metric("scores_due_timestamp_seconds", "When the as_of after these is built at the earliest.", "derived", "due"),
    Metric("scores_rows", "Entities in the newest live scores.", "scores", "rows"),
    Metric("scores_mean", "Mean of the newest live scores.", "scores", "mean_score"),
    Metric("scores_version", "Version that made the newest live scores.", "scores", "version"),
    Metric("scores_canary_ratio", "Share of them that a canary may score; 0 without one.", "scores", "canary_share"),
    Metric("scores_blocked", "Whether a newer day than that was stopped by a check.", "scores", "is_blocked", default=0),
    # Snapshots
    Metric("snapshot_as_of_timestamp_seconds", "Start of the newest as_of with a snapshot.", "snapshots", "as_of"),
    Metric("snapshot_rows", "Entities in the newest snapshot.", "snapshots", "rows"),
    Metric("snapshot_valid", "Whether the newest validation of that snapshot passed.", "snapshots", "passed"),
    Metric("snapshot_quarantined_rows", "Rows that this validation set aside.", "snapshots", "quarantined"),
    # The champion
    Metric("champion_info", "The version that serves.", "champions", "", ("version", "recipe", "algorithm")),
    Metric("champion_since_timestamp_seconds", "When that version became champion, by the wall.", "champions", "applied_at"),
    Metric(
        "champion_fitted_timestamp_seconds", "When that version was fitted, by the clock of its run.", "champions", "fitted_at"
    ),
    Metric(
        "champion_trained_until_timestamp_seconds", "Start of its newest training as_of.", "champions", "newest_training_as_of"
    ),
    Metric("champion_fit_age_limit_seconds", "An older fit asks for a training.", "declared", "fit_age"),
    Metric("champion_movements_total", "Movements of the alias that were applied.", "movements", "number", ("kind",), "counter"),
    # What was promised and what came true
    Metric(
        "promised_metric", "What the model is judged by, on rows that the champion's fits had not seen.", "champions", "promised"
    ),
    Metric(
        "realised_metric",
        "Of the newest scores of the champion's recipe that came true.",
        "outcomes",
        "value",
        ("metric", "position"),
    ),
    Metric("realised_metric_low", "Lower end of its interval.", "outcomes", "low", ("metric", "position")),
    Metric("realised_metric_high", "Upper end of its interval.", "outcomes", "high", ("metric", "position")),
    Metric("realised_as_of_timestamp_seconds", "Start of the as_of of these scores.", "derived", "realised_as_of"),
    Metric(
        "realised_loss_points",
        "How far it lies below the promise at least, in its own points.",
        "newest_decisions",
        "loss_points",
    ),
    Metric("realised_loss_points_limit", "A larger loss asks for a training.", "declared", "loss_points"),
    Metric("realised_loss_ratio", "How far it lies below the promise at least, as a share.", "newest_decisions", "loss_share"),
    Metric("realised_loss_ratio_limit", "A larger loss asks for a training.", "declared", "loss_share"),
    Metric("calibration_alarm", "Whether scores do not mean what they say.", "newest_decisions", "is_calibration_off"),
    # Drift and decisions
    Metric("drift_check_as_of_timestamp_seconds", "Start of the as_of of the newest drift check.", "drift", "as_of"),
    Metric("drifted_columns_ratio", "Share of columns that have drifted, of those that can trigger.", "drift", "drifted_share"),
    Metric("drifted_columns_limit_ratio", "A larger share is drift.", "declared", "drifted_share"),
    Metric("prediction_shift_ratio", "Relative move of the mean score.", "drift", "prediction_shift"),
    Metric("drifted", "Whether share or shift lies beyond its limit.", "drift", "is_drifted"),
    Metric("decisions_total", "Decisions that were made.", "decisions", "number", ("choice",), "counter"),
    Metric("decision_info", "The newest decision.", "newest_decisions", "", ("choice", "rule")),
    # What waits
    Metric("rested_as_ofs", "As_ofs that rest.", "admissions", "resting", default=0),
    Metric("rejected_as_ofs", "As_ofs that a person rejected.", "admissions", "rejected", default=0),
    Metric("open_questions", "Questions to people without an answer.", "questions", "number", default=0),
    Metric("question_deadline_timestamp_seconds", "When the first of them ends without one.", "questions", "deadline"),
    Metric("waiting_mails", "Mails that have not left.", "mails", "waiting", default=0),
    Metric("oldest_waiting_mail_timestamp_seconds", "Since when the oldest of them waits.", "mails", "oldest"),
    Metric("waiting_mail_attempts", "Most attempts at one of them.", "mails", "attempts"),
    Metric("sent_mails_total", "Mails that left.", "mails", "sent", (), "counter", default=0),
    Metric("waiting_deliveries", "Events that MLflow has not been told of.", "deliveries", "waiting", ("destination",)),
    Metric("oldest_waiting_delivery_timestamp_seconds", "Since when.", "deliveries", "oldest", ("destination",)),
    # Stages
    Metric("stage_attempts_total", "Attempts that have ended.", "ended", "number", ("stage", "status"), "counter"),
    Metric(
        "stage_duration_seconds",
        "How long attempts took that did their work.",
        "stages",
        "seconds",
        ("stage",),
        "summary",
        "done",
    ),
    Metric(
        "stage_running_attempts",
        "Attempts that are under way, or whose process is gone unnoticed.",
        "stages",
        "running",
        ("stage",),
    ),
    Metric(
        "stage_success_timestamp_seconds",
        "When the newest attempt ended that did its work.",
        "stages",
        "succeeded_at",
        ("stage",),
    ),
    Metric("stage_last_failed", "Whether the newest attempt failed or was lost.", "stages", "is_failed", ("stage",)),
    Metric("stage_last_duration_seconds", "How long the newest attempt took.", "stages", "last_seconds", ("stage",)),
    Metric("clock_timestamp_seconds", "Newest clock of the runs: the wall's where a model is live.", "clocks", "clock"),
    # The account of errors
    Metric("error_account_budget_ratio", "Chance of a false promotion that a year may bear.", "declared", "budget"),
    Metric(
        "error_account_drawn_ratio",
        "What tests and canaries of the last 365 days have drawn of it.",
        "account",
        "drawn",
        default=0,
    ),
    Metric("open_tests", "Challengers under test.", "account", "open", default=0),
    Metric("challengers_without_test", "Challengers that wait for the account.", "account_queue", "waiting", default=0),
    # Keeping, checking and everything else
    Metric("purged_rows_total", "Rows that went because they were old.", "purged", "rows", ("kind",), "counter"),
    Metric("purged_bytes_total", "About so much room that they had taken.", "purged", "bytes", ("kind",), "counter"),
    Metric(
        "events_total", "What happened; nightly: the nightly check found something.", "events", "number", ("kind",), "counter"
    ),
    Metric("event_timestamp_seconds", "When it happened last, by the wall.", "events", "recorded_at", ("kind",)),
)
OWN: Mapping[str, str] = {
    "warehouse_up": "Whether the ledger could be read; without it there are only figures of the model files.",
    "ledger_migration": "Number of the newest migration of the ledger.",
    "exporter_read_duration_seconds": "How long reading the ledger took.",
    "build_info": "The release of the exporter.",
}
"""Metrics about the exporter, without the label `model`."""
