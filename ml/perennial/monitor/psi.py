"""The population stability index of one column: how differently two samples fall into the same bins.

    PSI = sum over bins of (current share - reference share) * ln(current share / reference share)

Source: N. Siddiqi, "Credit Risk Scorecards" (2006), chapter 9; it is the divergence of H. Jeffreys (1946), symmetric
and without a unit. Custom there: below .10 little has changed, above .25 much has. Two samples of n and m rows of one
population give about (bins - 1) * (1/n + 1/m) by chance alone: `chance` says how much more than that is still chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.intp]

BINS = 10
SMALLEST_SHARE = 1e-4  # stands in for an empty bin, whose logarithm would be infinite
FEWEST_EXPECTED = 10  # rows of a value in the smaller sample; rarer ones share a bin, for the frequent few are frequent by chance


@dataclass(frozen=True, eq=False)
class Bins:
    """How many rows of two samples fall into the same bins; both of shape (bins,)."""

    reference: Counts
    current: Counts

    @property
    def index(self) -> float:
        """The population stability index."""
        return float(measure_index(self.reference / self.reference.sum(), self.current / self.current.sum()))


def bin_numbers(reference: Floats, current: Floats) -> Bins:
    """The deciles of the reference; NaN is a bin of its own."""
    edges = find_edges(reference)
    return Bins(_count_numbers(reference, edges), _count_numbers(current, edges))


def bin_categories(reference: pd.Series, current: pd.Series) -> Bins:
    """A bin for each value of either sample, a missing one among them; rare values share one: each by itself is noise."""
    both = np.concatenate([reference.to_numpy(dtype=object), current.to_numpy(dtype=object)])
    codes, values = pd.factorize(both)
    bins = codes + 1  # factorize marks a missing value by -1
    smaller = min(len(reference), len(current))
    expected = np.bincount(bins, minlength=len(values) + 1) * (smaller / len(both))
    is_rare = (expected < FEWEST_EXPECTED) & (np.arange(len(expected)) > 0)
    bins = np.where(is_rare[bins], len(expected), bins)
    counts = [np.bincount(part, minlength=len(expected) + 1) for part in np.split(bins, [len(reference)])]
    return Bins(*counts)


def compare_numbers(reference: Floats, current: Floats) -> float:
    """PSI over the deciles of the reference."""
    return bin_numbers(reference, current).index


def compare_categories(reference: pd.Series, current: pd.Series) -> float:
    """PSI over the values of either sample, the rare ones together."""
    return bin_categories(reference, current).index


def measure_index(reference: Floats, current: Floats) -> Floats:
    """PSI of shares; the last axis counts bins."""
    before, after = (np.maximum(shares, SMALLEST_SHARE) for shares in (reference, current))
    found: Floats = ((after - before) * np.log(after / before)).sum(axis=-1)
    return found


def find_edges(reference: Floats) -> Floats:
    """The upper ends of the bins: values of the reference itself, each once, so that counts like 0, 1, 2 bin cleanly.

    The lowest decile has a bin of its own: of a column that is mostly 0, or constant, a fall below it shows too.
    """
    known = reference[~np.isnan(reference)]
    if not len(known):
        return np.empty(0)
    places = np.ceil(np.arange(1, BINS) * len(known) / BINS).astype(int) - 1
    deciles = np.unique(np.partition(known, places)[places])
    return np.concatenate([[np.nextafter(deciles[0], -np.inf)], deciles])


def _count_numbers(values: Floats, edges: Floats) -> Counts:
    bins = np.searchsorted(edges, values, side="left")
    bins[np.isnan(values)] = len(edges) + 1
    return np.bincount(bins, minlength=len(edges) + 2)
