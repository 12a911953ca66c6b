"""The population stability index of one column: how differently two samples fall into the same bins.

    PSI = sum over bins of (current share - reference share) * ln(current share / reference share)

Source: N. Siddiqi, "Credit Risk Scorecards" (2006), chapter 9; it is the divergence of H. Jeffreys (1946), symmetric
and without a unit. Custom there: below .10 little has changed, above .25 much has. Two samples of n and m rows of one
population give about (bins - 1) * (1/n + 1/m), so that 2,000 rows a day are enough for a limit of .10.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.intp]

BINS = 10
SMALLEST_SHARE = 1e-4  # stands in for an empty bin, whose logarithm would be infinite


def compare_numbers(reference: Floats, current: Floats) -> float:
    """PSI over the deciles of the reference; NaN is a bin of its own."""
    edges = find_edges(reference)
    return _index(_count_numbers(reference, edges), _count_numbers(current, edges))


def compare_categories(reference: pd.Series, current: pd.Series) -> float:
    """PSI with a bin for each value of either sample; a missing value is one of them."""
    both = np.concatenate([reference.to_numpy(dtype=object), current.to_numpy(dtype=object)])
    codes, values = pd.factorize(both)
    bins = codes + 1  # factorize marks a missing value by -1
    counts = (np.bincount(part, minlength=len(values) + 1) for part in np.split(bins, [len(reference)]))
    return _index(*counts)


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


def _index(reference: Counts, current: Counts) -> float:
    before, after = (np.maximum(counts / counts.sum(), SMALLEST_SHARE) for counts in (reference, current))
    return float(((after - before) * np.log(after / before)).sum())
