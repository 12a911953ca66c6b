"""The lines that the benches of amounts and of classes print: how often equal models cross, and which gains are found."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

import numpy as np
from gate import Share

from years.contests import Contenders, count_looks, find_crossings, find_power
from years.decisions import DRAWS_A_YEAR
from years.worlds import BUDGET, FIRST

LEVEL = 0.001


def report_rows(name: str, pair: Contenders, entities: int, options: argparse.Namespace) -> list[str]:
    """Print how often equal models cross; returns what failed."""
    pairs = pair, pair.swap()
    at_once = Share(count_looks(pairs, options.contests, entities, LEVEL, seed=options.seed), options.contests)
    crossed = find_crossings(pairs, options.years * DRAWS_A_YEAR, entities, seed=options.seed)
    years = Share(int((crossed.reshape(options.years, DRAWS_A_YEAR).sum(axis=1) > 0).sum()), options.years)
    low, high = (limit / LEVEL for limit in at_once.limits)
    print(f"  equal: one look crosses {at_once.count / at_once.of / LEVEL:.1f} [{low:.1f}, {high:.1f}] times the level", end="; ")
    print(f"years with a crossing {years}, contests {crossed.mean() * DRAWS_A_YEAR / BUDGET:.2f} of what is allowed", flush=True)
    return [f"{name}, {entities}: more crossings than the budget"] if years.limits[0] > BUDGET else []


def report_power(
    pairs: Mapping[float, Contenders], entities: int, priors: Sequence[float | None], options: argparse.Namespace
) -> None:
    """Print which share of contests is won, over all looks of one challenger; priors are shares of the champion's loss."""
    print(f"  {'won of':>10} " + "  ".join(f"prior {'none' if prior is None else f'{prior:.4f}':>6}" for prior in priors))
    for share, pair in pairs.items():
        gained = pair.truth.estimate / pair.size
        cells = find_power(pair, options.contests // 10, entities, priors, seed=options.seed)
        found = "  ".join(f"{cell:12.3f}" for cell in cells)
        print(f"  {gained:+10.4f} {found}", "" if gained > share * 0.95 else "(no more)", flush=True)


def measure_error(pair: Contenders, entities: int) -> tuple[float, float]:
    """One as_of's standard error as a share of the champion's loss, and the degrees of freedom at the first look."""
    rng = np.random.default_rng(1)
    freedom = np.mean([pair.compare(pair.draw(entities, rng), FIRST).degrees_of_freedom for _ in range(20)])
    variance = np.diagonal(pair.truth.covariance).mean() * pair.population / entities
    return float(np.sqrt(variance) / pair.size), float(freedom)
