"""How good scores are, and how sure we are of it: every figure comes clustered by entity.

Grain: scores and labels are Series with one row per (as_of, entity_id). Rankings are assessed within one as_of and
averaged over as_ofs, because that is how they are used, and pooling rewards drift of the base rate. The same
entity returns week after week, so that its rows are one piece of evidence, not several: intervals are clustered by entity.
Of a regression, labels and predictions are amounts: any finite numbers, in the units of the target.

Reading order: panel (alignment), beside (weights), clusters, clustered (intervals), auc, alone, daily, losses, selection,
calibration, reliability, bootstrap, agreement; for amounts row_losses, amounts, gini, totals, top_amounts; for classes classes,
alone_classes, rightness.
"""

from perennial.metrics.agreement import count_top, find_top, mean_shift, rank_correlation, top_tenth_overlap
from perennial.metrics.alone import amounts_alone, auc_alone, halve_entities, spread_of_amounts, spread_of_auc
from perennial.metrics.alone_classes import AloneOfClasses
from perennial.metrics.amounts import (
    mean_loss,
    mean_loss_with_interval,
    paired_loss_by_day,
    paired_mean_loss_difference,
    paired_rmse_difference,
    rmse,
    rmse_with_interval,
)
from perennial.metrics.auc import auc_with_interval, mean_auc, paired_auc_difference
from perennial.metrics.beside import (
    NOTHING_BESIDE,
    average,
    enter_beside,
    find_rows,
    index_day,
    read_beside,
    read_weights,
    sum_weights,
    weigh_index,
)
from perennial.metrics.bootstrap import (
    bootstrap_interval,
    paired_amounts_difference,
    paired_bootstrap_difference,
)
from perennial.metrics.calibration import calibration_error, prepare_calibration_error
from perennial.metrics.classes import (
    MacroAuc,
    class_log_loss,
    class_log_loss_with_interval,
    keep_codes,
    macro_auc,
    make_classes,
    paired_class_loss_by_day,
    paired_class_loss_difference,
    paired_macro_auc_by_day,
    paired_macro_auc_difference,
)
from perennial.metrics.clusters import add_clusters, name_clusters, widen_index
from perennial.metrics.daily import DailyGain, paired_auc_by_day
from perennial.metrics.gini import gini_with_interval, mean_gini, paired_gini_by_day, paired_gini_difference
from perennial.metrics.losses import brier, log_loss, loss_with_interval, paired_loss_difference
from perennial.metrics.panel import check_same_rows
from perennial.metrics.reliability import (
    AmountBin,
    ClassReliability,
    ReliabilityBin,
    amount_bins,
    reliability_bins,
    reliability_by_class,
)
from perennial.metrics.rightness import (
    accuracy,
    accuracy_with_interval,
    class_calibration_error,
    class_calibration_with_interval,
    paired_accuracy_difference,
    paired_class_calibration_difference,
)
from perennial.metrics.row_losses import (
    RowLoss,
    absolute_loss,
    pinball_loss,
    poisson_deviance,
    squared_loss,
    tweedie_deviance,
)
from perennial.metrics.selection import (
    AmountMetric,
    Metric,
    average_precision,
    precision_at_recall,
    prepare_average_precision,
    prepare_precision_at_recall,
)
from perennial.metrics.top_amounts import ndcg_at, prepare_ndcg_at, prepare_value_at, value_at
from perennial.metrics.totals import (
    bias_size,
    coverage_gap,
    paired_bias_size_difference,
    paired_coverage_gap_difference,
    total_bias,
    total_bias_with_interval,
)

__all__ = [
    "NOTHING_BESIDE",
    "AloneOfClasses",
    "AmountBin",
    "AmountMetric",
    "ClassReliability",
    "DailyGain",
    "MacroAuc",
    "Metric",
    "ReliabilityBin",
    "RowLoss",
    "absolute_loss",
    "accuracy",
    "accuracy_with_interval",
    "add_clusters",
    "amount_bins",
    "amounts_alone",
    "auc_alone",
    "auc_with_interval",
    "average",
    "average_precision",
    "bias_size",
    "bootstrap_interval",
    "brier",
    "calibration_error",
    "check_same_rows",
    "class_calibration_error",
    "class_calibration_with_interval",
    "class_log_loss",
    "class_log_loss_with_interval",
    "count_top",
    "coverage_gap",
    "enter_beside",
    "find_rows",
    "find_top",
    "gini_with_interval",
    "halve_entities",
    "index_day",
    "keep_codes",
    "log_loss",
    "loss_with_interval",
    "macro_auc",
    "make_classes",
    "mean_auc",
    "mean_gini",
    "mean_loss",
    "mean_loss_with_interval",
    "mean_shift",
    "name_clusters",
    "ndcg_at",
    "paired_accuracy_difference",
    "paired_amounts_difference",
    "paired_auc_by_day",
    "paired_auc_difference",
    "paired_bias_size_difference",
    "paired_bootstrap_difference",
    "paired_class_calibration_difference",
    "paired_class_loss_by_day",
    "paired_class_loss_difference",
    "paired_coverage_gap_difference",
    "paired_gini_by_day",
    "paired_gini_difference",
    "paired_loss_by_day",
    "paired_loss_difference",
    "paired_macro_auc_by_day",
    "paired_macro_auc_difference",
    "paired_mean_loss_difference",
    "paired_rmse_difference",
    "pinball_loss",
    "poisson_deviance",
    "precision_at_recall",
    "prepare_average_precision",
    "prepare_calibration_error",
    "prepare_ndcg_at",
    "prepare_precision_at_recall",
    "prepare_value_at",
    "rank_correlation",
    "read_beside",
    "read_weights",
    "reliability_bins",
    "reliability_by_class",
    "rmse",
    "rmse_with_interval",
    "spread_of_amounts",
    "spread_of_auc",
    "squared_loss",
    "sum_weights",
    "top_tenth_overlap",
    "total_bias",
    "total_bias_with_interval",
    "tweedie_deviance",
    "value_at",
    "weigh_index",
    "widen_index",
]
