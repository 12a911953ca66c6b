"""Do the scores mean what they say: of the rows with a score near .2, did a fifth turn out positive?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from perennial.metrics.panel import Floats, Panel, make_panel
from perennial.metrics.selection import Reweighted, evaluate

BINS = 10


def calibration_error(scores: pd.Series, labels: pd.Series) -> float:
    """Expected calibration error: the gap between mean score and positive share, averaged over tenths of the rows.

    All as_ofs are pooled: a probability means the same on every day. Never 0 on a sample, even for the true
    probabilities: compare it between models, not with 0.
    """
    panel = make_panel(labels)
    return evaluate(prepare_calibration_error, panel, panel.align(scores))


def prepare_calibration_error(panel: Panel, scores: Floats) -> Reweighted:
    """Cut the scores into tenths once, then answer for any weights; equal scores share a bin."""
    edges = np.unique(np.quantile(scores, np.arange(1, BINS) / BINS))
    in_bin = np.searchsorted(edges, scores, side="left")[:, np.newaxis] == np.arange(BINS)
    gaps = in_bin * (scores - panel.is_positive)[:, np.newaxis]

    def reweigh(drawn: Floats) -> Floats:
        weights = panel.weigh(drawn)
        errors: Floats = np.abs(weights @ gaps).sum(axis=1) / weights.sum(axis=1)
        return errors

    return reweigh
