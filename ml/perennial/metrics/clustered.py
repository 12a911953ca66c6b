"""From influence values to intervals, with all rows of one entity counted as one piece of evidence.

Source: N. A. Obuchowski, "Nonparametric analysis of clustered ROC curve data", Biometrics 53 (1997), 567-578;
for means it is the usual cluster-robust variance of an average.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from perennial.errors import MetricNotFinite
from perennial.metrics.panel import AlignedRows, Floats
from perennial.records import Interval


def clustered_interval(estimate: float, influence: Floats, panel: AlignedRows, *, confidence: float) -> Interval:
    """The interval of an estimate whose error is the sum of the influence values of its rows.

    Args:
        influence: one value per row, summing to zero: by how much that row pulls the estimate.
        confidence: of the two-sided normal interval, such as 0.95.

    Raises:
        MetricNotFinite: the estimate or its error is NaN or infinite.
    """
    by_entity = np.bincount(panel.entities, weights=influence, minlength=panel.entity_count)
    count = panel.entity_count
    small_sample = count / (count - 1) if count > 1 else np.nan  # one entity says nothing about the spread
    standard_error = float(np.sqrt(small_sample * np.square(by_entity).sum()))
    if not np.isfinite([estimate, standard_error]).all():
        raise MetricNotFinite(f"A metric came out as {estimate} with standard error {standard_error} over {count} entities.")
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * standard_error
    return Interval(estimate, estimate - reach, estimate + reach, standard_error)
