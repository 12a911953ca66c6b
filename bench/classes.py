"""How often does the gate err on classes, and which gains does it see? The log-loss and the macro AUC, classes of unequal size.

Contests on rows say how often equal models cross one look, or a boundary in a year, and which share of better ones is found,
without and with the prior of shocks that the task has. In units of the champion's log-loss, or of its macro AUC.

    python bench/classes.py --worlds 1 --entities 1000      # one cell; all of them take some minutes
"""

from __future__ import annotations

import argparse
import sys
import time

from years.classes import CLASS_WORLDS, Pair, World, draw_entities, make_pair
from years.tables import measure_error, report_power, report_rows
from years.worlds import FINAL, FIRST

from perennial.tasks.binary import PRIOR_SHOCK
from perennial.tasks.regression import PRIOR_SHOCK_SHARE

ENTITIES = (1_000, 8_000)
GAINS = (0.01, 0.02, 0.04)
TYPICAL = 0.02  # of the pair whose level is measured, with what is true taken off


def find_priors(world: World, pair: Pair) -> tuple[float | None, ...]:
    """None, and what `find_prior_shock` of the task says, as a share."""
    return None, PRIOR_SHOCK / pair.size if world.is_ranked else PRIOR_SHOCK_SHARE


def report_world(world: World, options: argparse.Namespace) -> list[str]:
    """Print all of one world; returns what failed."""
    drawn, failures = draw_entities(world.shares, options.seed), []
    pairs = {share: make_pair(world, drawn, share) for share in (GAINS if "power" in options.parts else (TYPICAL,))}
    typical = pairs[TYPICAL]
    for entities in options.entities:
        error, freedom = measure_error(typical, entities)
        print(f"\n{world.name}, {entities} entities, champion {typical.size:.4f}:", end=" ")
        print(f"SE of an as_of {error:.4f}, {freedom:.0f} degrees of freedom", flush=True)
        if "rows" in options.parts:
            failures += report_rows(world.name, typical, entities, options)
        if "power" in options.parts:
            report_power(pairs, entities, find_priors(world, typical), options)
    return failures


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--years", type=int, default=60)
    parser.add_argument("--contests", type=int, default=2_000, help="at one look; a tenth of them for power")
    parser.add_argument("--worlds", type=int, nargs="*", default=range(len(CLASS_WORLDS)), help="places in the list of worlds")
    parser.add_argument("--entities", type=int, nargs="*", default=ENTITIES)
    parser.add_argument("--parts", nargs="*", default=("rows", "power"))
    parser.add_argument("--seed", type=int, default=7)
    return parser.parse_args()


def main() -> int:
    options, began = read_options(), time.perf_counter()
    failures = [failed for place in options.worlds for failed in report_world(CLASS_WORLDS[place], options)]
    print("", *(f"FAILED: {failure}" for failure in failures), sep="\n")
    print(f"{FIRST} to {FINAL} as_ofs; {time.perf_counter() - began:.0f} s")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
