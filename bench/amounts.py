"""How often does the gate err on amounts, and which gains does it see? Mean losses and the normalised Gini, on lognormal amounts.

Contests on rows say how often equal models cross one look, or a boundary in a year, and which share of better ones is found;
the years of bench/gate.py, with the errors measured here, what a prior of shocks costs. In units of the champion's loss.

    python bench/amounts.py --worlds 1 --entities 1000      # one cell; all of them take long
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from gate import RUN_IN, Share
from years.amounts import (
    AMOUNT_WORLDS,
    POPULATION,
    Pair,
    World,
    count_looks,
    draw_entities,
    find_crossings,
    find_power,
    make_pair,
)
from years.decisions import DRAWS_A_YEAR, Lived, Stream, Years
from years.worlds import BUDGET, FINAL, FIRST, FLOOR, MODEL, Test, plan_test
from years.worlds import World as Normal

ENTITIES = (1_000, 8_000)
GAINS = (0.01, 0.02, 0.04)
TYPICAL = 0.02  # of the pair whose level is measured, with what is true taken off
LEVEL = 0.001
PRIORS = (None, 0.0025, 0.005, 0.01)
SHOCKS = (0.0, 0.005, 0.0075)
UNIT = FLOOR / MODEL.promotion.min_gain
"""The years of bench/gate.py count in AUC, whose floor stands for the same share of a loss here."""


def report_rows(world: World, pair: Pair, entities: int, options: argparse.Namespace) -> list[str]:
    """Print how often equal models cross; returns what failed."""
    pairs = pair, pair.swap()
    at_once = Share(count_looks(pairs, options.contests, entities, LEVEL, seed=options.seed), options.contests)
    crossed = find_crossings(pairs, options.years * DRAWS_A_YEAR, entities, seed=options.seed)
    years = Share(int((crossed.reshape(options.years, DRAWS_A_YEAR).sum(axis=1) > 0).sum()), options.years)
    low, high = (limit / LEVEL for limit in at_once.limits)
    print(f"  equal: one look crosses {at_once.count / at_once.of / LEVEL:.1f} [{low:.1f}, {high:.1f}] times the level", end="; ")
    print(f"years with a crossing {years}, contests {crossed.mean() * DRAWS_A_YEAR / BUDGET:.2f} of what is allowed", flush=True)
    is_judged = world.name != "RMSE without a cap"
    return [f"{world.name}, {entities}: more crossings than the budget"] if is_judged and years.limits[0] > BUDGET else []


def report_power(pairs: dict[float, Pair], entities: int, options: argparse.Namespace) -> None:
    """Print which share of contests is won, over all looks of one challenger."""
    print(f"  {'won of':>10} " + "  ".join(f"prior {prior or 'none':>6}" for prior in PRIORS))
    for share, pair in pairs.items():
        gained = pair.truth.estimate / pair.size
        cells = find_power(pair, options.contests // 10, entities, PRIORS, seed=options.seed)
        print(
            f"  {gained:+10.4f} " + "  ".join(f"{found:12.3f}" for found in cells), "" if gained > share * 0.95 else "(no more)"
        )


def measure_error(pair: Pair, entities: int) -> tuple[float, float]:
    """One as_of's standard error as a share of the champion's loss, and the degrees of freedom at the first look."""
    rng = np.random.default_rng(1)
    freedom = np.mean([pair.compare(pair.draw(entities, rng), FIRST).degrees_of_freedom for _ in range(20)])
    variance = np.diagonal(pair.truth.covariance).mean() * POPULATION / entities
    return float(np.sqrt(variance) / pair.size), float(freedom)


def report_years(error: float, freedom: float, test: Test, options: argparse.Namespace) -> None:
    """Print years of weekly challengers: with a false promotion, and with a found gain, by shocks and prior."""
    known = replace(test, degrees_of_freedom=freedom)
    print(
        f"  {'years, shocks':>14} {'prior':>6}  {'equal: a false promotion':24}  " + "  ".join(f"{gain:+.2f}" for gain in GAINS)
    )
    for shock in SHOCKS:
        world = Normal(error * UNIT, 0.5, shock * UNIT)
        for prior in PRIORS:
            *found, equal = list(live(world, known, prior, options))
            false = Share(int((equal.false > 0).sum()), options.years)
            powers = "  ".join(f"{(lived.promotions > 0).mean():5.2f}" for lived in found)
            print(f"  {shock:14.4f} {prior or 'none':>6}  {false}  {powers}", flush=True)


def live(world: Normal, test: Test, prior: float | None, options: argparse.Namespace) -> Iterator[Lived]:
    """A year of challengers with each gain, the last without one."""
    streams = [*(Stream(gain * UNIT) for gain in GAINS), Stream(0.0, with_drift=True, run_in=RUN_IN)]
    scaled = None if prior is None else prior * UNIT
    for stream in streams:
        yield Years(world, test, stream, years=options.years, seed=options.seed, prior=scaled).live()


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--years", type=int, default=200)
    parser.add_argument("--contests", type=int, default=4_000, help="at one look; a tenth of them for power")
    parser.add_argument("--worlds", type=int, nargs="*", default=range(len(AMOUNT_WORLDS)), help="places in the list of worlds")
    parser.add_argument("--entities", type=int, nargs="*", default=ENTITIES)
    parser.add_argument("--parts", nargs="*", default=("rows", "power", "years"))
    parser.add_argument("--seed", type=int, default=7)
    return parser.parse_args()


def main() -> int:
    options, began, failures = read_options(), time.perf_counter(), []
    test = plan_test() if "years" in options.parts else None
    for world in (AMOUNT_WORLDS[place] for place in options.worlds):
        drawn = draw_entities(world.zeros, options.seed)
        shares = GAINS if "power" in options.parts else (TYPICAL,)
        pairs = {share: make_pair(world, drawn, share) for share in shares}
        for entities in options.entities:
            error, freedom = measure_error(pairs[TYPICAL], entities)
            print(
                f"\n{world.name}, {entities} entities: SE of an as_of {error:.4f}, {freedom:.0f} degrees of freedom", flush=True
            )
            if "rows" in options.parts:
                failures += report_rows(world, pairs[TYPICAL], entities, options)
            if "power" in options.parts:
                report_power(pairs, entities, options)
            if test is not None:
                report_years(error, freedom, test, options)
    print("", *(f"FAILED: {failure}" for failure in failures), sep="\n")
    print(f"{FIRST} to {FINAL} as_ofs; {time.perf_counter() - began:.0f} s")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
