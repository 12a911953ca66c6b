"""Small mistakes, made on purpose one at a time: which of them do the fast tests notice?

    python bench/mutants                                    # a sample of each area, about 20 minutes on one core
    python bench/mutants --share 1 --area promote           # every mutant of one area

A mutant is an edit of the syntax tree (edits.py), put in the place of the module when a process of its own imports it: no
file is touched. Of the tests that `make check` runs, those that execute the line are run, the quickest first, until one
fails. Python and its libraries are imported once, and the processes are forks.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from areas import AREAS, Area, draw
from trial import Found, Result, check_without_mutant, run_baseline, try_mutant


def main(arguments: Sequence[str]) -> None:
    """Rate each area that was asked for; a line for each mutant that nobody noticed."""
    options = _parse(arguments)
    results: list[Result] = []
    for name in options.area or AREAS:
        results += _rate(name, AREAS[name], options.share, options.seed)
    if results:
        print(_say("all areas", results))


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python bench/mutants")
    parser.add_argument("--area", action="append", choices=sorted(AREAS), help="again for another; without it all")
    parser.add_argument("--share", type=float, default=0.25, help="of the mutants of each file, in (0, 1]")
    parser.add_argument("--seed", type=int, default=7, help="of the sample")
    return parser.parse_args(arguments)


def _rate(name: str, area: Area, share: float, seed: int) -> list[Result]:
    began = time.monotonic()
    baseline = run_baseline(area)
    check_without_mutant(baseline, area)
    results = []
    for file, place, mutant in draw(area, share, seed):
        result = try_mutant(baseline, file, place, mutant)
        results.append(result)
        if result.found is not Found.KILLED:
            print(f"{result.found:9} {file.name}:{mutant.line}  {mutant.what}", flush=True)
    print(_say(f"{name}, {time.monotonic() - began:.0f} s", results), flush=True)
    return results


def _say(who: str, results: Sequence[Result]) -> str:
    killed = sum(result.found is Found.KILLED for result in results)
    unseen = sum(result.found is Found.UNSEEN for result in results)
    return f"{who}: {killed} of {len(results)} mutants killed ({killed / len(results):.1%}), {unseen} on lines that no test runs"


if __name__ == "__main__":
    main(sys.argv[1:])
