"""How good scores are, and how sure we are of it: every figure comes clustered by entity.

Grain: scores and labels are Series with one row per (as_of, entity_id). Rankings are assessed within one as_of and
averaged over as_ofs, because that is how they are used, and pooling rewards drift of the base rate. The same
entity returns week after week, so that its rows are one piece of evidence, not several: intervals are clustered by entity.

Reading order: panel (alignment), clusters, clustered (intervals), auc, alone, daily, losses, selection, calibration, reliability,
bootstrap, agreement.
"""

from perennial.metrics.agreement import mean_shift, rank_correlation, top_tenth_overlap
from perennial.metrics.alone import auc_alone, halve_entities, spread_of_auc
from perennial.metrics.auc import auc_with_interval, mean_auc, paired_auc_difference
from perennial.metrics.bootstrap import bootstrap_interval, paired_bootstrap_difference
from perennial.metrics.calibration import calibration_error, prepare_calibration_error
from perennial.metrics.clusters import add_clusters, name_clusters, widen_index
from perennial.metrics.daily import DailyGain, paired_auc_by_day
from perennial.metrics.losses import brier, log_loss, loss_with_interval, paired_loss_difference
from perennial.metrics.panel import check_same_rows
from perennial.metrics.reliability import ReliabilityBin, reliability_bins
from perennial.metrics.selection import (
    Metric,
    average_precision,
    precision_at_recall,
    prepare_average_precision,
    prepare_precision_at_recall,
)

__all__ = [
    "DailyGain",
    "Metric",
    "ReliabilityBin",
    "add_clusters",
    "auc_alone",
    "auc_with_interval",
    "average_precision",
    "bootstrap_interval",
    "brier",
    "calibration_error",
    "check_same_rows",
    "halve_entities",
    "log_loss",
    "loss_with_interval",
    "mean_auc",
    "mean_shift",
    "name_clusters",
    "paired_auc_by_day",
    "paired_auc_difference",
    "paired_bootstrap_difference",
    "paired_loss_difference",
    "precision_at_recall",
    "prepare_average_precision",
    "prepare_calibration_error",
    "prepare_precision_at_recall",
    "rank_correlation",
    "reliability_bins",
    "spread_of_auc",
    "top_tenth_overlap",
    "widen_index",
]
