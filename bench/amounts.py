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

from gate import RUN_IN, Share
from paths import ROOT
from years.amounts import AMOUNT_WORLDS, Pair, World, draw_entities, make_pair
from years.decisions import Lived, Stream, Years
from years.tables import measure_error, report_power, report_rows
from years.worlds import FINAL, FIRST, FLOOR, MODEL, Test, plan_test
from years.worlds import World as Normal

from perennial.config import load_model
from perennial.tasks import task_of

ENTITIES = (1_000, 8_000)
GAINS = (0.01, 0.02, 0.04)
TYPICAL = 0.02  # of the pair whose level is measured, with what is true taken off
UNJUDGED = "RMSE without a cap"  # nothing is promoted by itself there
PRIORS = (None, 0.0025, 0.005, 0.01)
SHOCKS = (0.0, 0.005, 0.0075)
RANKED = task_of(load_model(ROOT / "models" / "spend_next_28d.toml"))
UNIT = FLOOR / MODEL.promotion.min_gain
"""The years of bench/gate.py count in AUC, whose floor stands for the same share of a loss here."""


def find_priors(world: World, pair: Pair) -> tuple[float | None, ...]:
    """Those of `PRIORS`, and what `find_prior_shock` of the task says of a Gini, as a share."""
    return PRIORS if world.make_loss is not None else (*PRIORS, RANKED.find_prior_shock(pair.size) / pair.size)


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
            print(f"\n{world.name}, {entities} entities, champion {pairs[TYPICAL].size:.4f}:", end=" ")
            print(f"SE of an as_of {error:.4f}, {freedom:.0f} degrees of freedom", flush=True)
            if "rows" in options.parts:
                failed = report_rows(world.name, pairs[TYPICAL], entities, options)
                failures += failed if world.name != UNJUDGED else []
            if "power" in options.parts:
                report_power(pairs, entities, find_priors(world, pairs[TYPICAL]), options)
            if test is not None:
                report_years(error, freedom, test, options)
    print("", *(f"FAILED: {failure}" for failure in failures), sep="\n")
    print(f"{FIRST} to {FINAL} as_ofs; {time.perf_counter() - began:.0f} s")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
