"""How far above 0 a gain must lie at each look, so that all looks together err no more often than agreed.

The looks are not independent steps: label periods of neighbouring as_ofs overlap, so that the textbook recursion over
increments does not hold. The boundary comes from the joint law of all looks so far when there is no gain, drawn with a
seed. What is asked of it lies far out (1 in 50,000), so the draws are tilted towards it: under N(0, 1) the density at z
is exp(theta^2 / 2 - theta z) times that under N(theta, 1), and only the newest look is tilted; the former follow it by
their correlations.

Source: D. Siegmund, "Importance sampling in the Monte Carlo study of sequential tests", Annals of Statistics 4 (1976), 673-684.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import norm, t

from perennial.metrics.panel import Floats

DRAWS = 100_000  # the error of the tail is then below 2 % of it
FEWEST_DRAWS = 400  # that a height may rest on: the error of the tail is then some 5 % of it


def relate_looks(covariance: Floats, counts: Sequence[int]) -> Floats:
    """Correlations between looks, each the mean over the first so many as_ofs; shape (looks, looks).

    A look at two predictors that rank alike has no error and goes with no other.
    """
    averages = np.zeros((len(counts), len(covariance)))
    for look, count in enumerate(counts):
        averages[look, :count] = 1 / count
    joint = averages @ covariance @ averages.T
    errors = np.sqrt(np.diagonal(joint))
    scale = np.outer(errors, errors)
    correlations: Floats = np.divide(joint, scale, out=np.eye(len(counts)), where=scale > 0)
    return correlations


def find_boundary(correlations: Floats, former: Sequence[float], error: float, *, seed: int) -> float:
    """The height in standard errors that the newest look exceeds, and no former one did, with probability `error`.

    Never above the height of a single look with this error, which is safe whatever the former looks were; it stands too
    where few draws cross for the first time, as when the newest look adds almost nothing to the one before: a handful of
    draws with large weights would put the height anywhere.

    Args:
        correlations: between the looks, the newest last, when there is no gain.
        former: boundaries of the looks before.
        error: what this look may spend, above 0.
    """
    tilt = float(norm.isf(error))
    newest, others = _draw_tilted(correlations, tilt, seed)
    is_first = np.all(others < np.asarray(former), axis=1) if len(former) else np.ones(len(newest), dtype=np.bool_)
    order = np.argsort(-newest)
    mass = np.cumsum(np.where(is_first, np.exp(tilt**2 / 2 - tilt * newest), 0.0)[order]) / len(newest)
    place = int(np.searchsorted(mass, error))
    is_known = np.count_nonzero(is_first[order[:place]]) >= FEWEST_DRAWS and place < len(newest)
    return min(tilt, float(newest[order][place])) if is_known else tilt


def _draw_tilted(correlations: Floats, tilt: float, seed: int) -> tuple[Floats, Floats]:
    """Draws of the newest look around the tilt, and of the former ones given it: (draws,) and (draws, looks - 1)."""
    rng = np.random.default_rng(seed)
    newest = tilt + rng.standard_normal(DRAWS)
    with_newest = correlations[:-1, -1]
    rest = correlations[:-1, :-1] - np.outer(with_newest, with_newest)
    values, vectors = np.linalg.eigh(rest) if len(rest) else (np.empty(0), np.empty((0, 0)))
    root = vectors * np.sqrt(np.clip(values, 0, None))
    others: Floats = np.outer(newest, with_newest) + rng.standard_normal((DRAWS, len(rest))) @ root.T
    return newest, others


def widen(boundary: float, degrees_of_freedom: float) -> float:
    """The same tail of Student's law: with few entities the standard error is itself uncertain."""
    return float(t.isf(norm.sf(boundary), degrees_of_freedom))
