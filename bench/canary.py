"""Years of canaries: how often is one called better that is not, how often a harmless one stopped, and how soon a harmful one?

Each life is one canary over 52 weeks: entities stay from week to week, some are likelier to turn positive for good, label
windows of four weeks overlap, and whenever a week has matured both questions are looked at by `compare.arms`, as `judge_arms`
does. To be done with a year in seconds the gains of all weeks are measured once and looked at week by week, and a boundary
rests on 4,000 draws instead of 100,000: where these are too few it is the one of a single look, which errs less. The error is
set to 5 % instead of the fraction of a percent that the account deals out, so that a few hundred lives see it; by Boole's
inequality a year of canaries errs at most as often as their alphas add up to, and the account keeps that below the budget.
Limits are those of Clopper and Pearson at 99 %; a requirement that fails ends with 1.

    python bench/canary.py            # some minutes on one core
    python bench/canary.py --lives 40
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
from paths import ROOT
from scipy.stats import binomtest

from perennial.compare import boundaries
from perennial.compare.arms import HARM_ALPHA, ServedRows, look_at_arms, pair_arms, shock_arms
from perennial.config import Model, load_model
from perennial.records.canaries import Canary, CanaryShare, make_salt

ALPHA = 0.05
WEEKS, OVERLAP = 52, 4
DRAWS = 4_000
FIRST = date(2017, 1, 2)
ENTITIES, SHARE = 1500, 0.2
ROWS_TO_STOP = 4 * ENTITIES * SHARE
"""A canary that ranks at random is stopped before it was given more rows than these, in nine of ten lives."""


@dataclass(frozen=True)
class World:
    """How well the canary knows what the champion knows.

    Attributes:
        noise: standard deviation of what blurs the canary's scores; the champion's is 1.
        effect: by how much acting on the canary's scores moves the log-odds of the label, where scores are acted on.
    """

    name: str
    noise: float
    acted_on: bool = False
    effect: float = 0.0


EQUAL, RANDOM, WORSE = World("equal", 1.0), World("ranks at random", 50.0), World("somewhat worse", 2.0)
ACTED, ACTED_WORSE = World("acted on, equal", 1.0, acted_on=True), World("acted on, harms", 1.0, acted_on=True, effect=0.8)
WORLDS = (EQUAL, WORSE, RANDOM, ACTED, ACTED_WORSE)


@dataclass(frozen=True)
class Life:
    """What became of one canary: the week of its end and how many rows it had been given by then; None: it lived on."""

    was_better: bool
    stopped_in: int | None
    rows: int | None


def make_model(world: World) -> Model:
    """The example's model; where scores are acted on, acting well lowers the mean label."""
    model = load_model(ROOT / "models" / "lapse.toml")
    acted = "lowers" if world.acted_on else None
    return model.model_copy(update={"scoring": model.scoring.model_copy(update={"acted_on": acted})})


def live(world: World, seed: int, *, entities: int = ENTITIES, share: float = SHARE, weeks: int = WEEKS) -> Life:
    """One canary, judged every week until it is stopped or has seen its last look."""
    model = make_model(world)
    began = datetime(2017, 1, 2, tzinfo=UTC)
    salt = make_salt("lapse", (2, 1), FIRST, 0, seed)
    canary = Canary(1, "lapse", 1, 2, 1, salt, ALPHA, HARM_ALPHA, weeks, OVERLAP, 0.0, FIRST, "bench", "simulation", began)
    members = CanaryShare(canary, share, 2).find_members(map(str, range(entities)))
    paired = pair_arms(model, *_serve(world, members, seed, weeks))
    assert paired is not None
    was_better = False
    for week in range(1, weeks + 1):
        gain = shock_arms(model, paired[0].first(week), paired[1])
        looks, harm_looks = look_at_arms(model, canary, gain)
        canary = replace(canary, looks=looks, harm_looks=harm_looks)
        was_better |= looks[-1].lower > 0
        if harm_looks[-1].lower > 0:
            return Life(was_better, week, week * int(members.sum()))
    return Life(was_better, None, None)


def _serve(world: World, members: np.ndarray, seed: int, weeks: int) -> tuple[ServedRows, ServedRows]:
    """What both arms were served in all weeks, and what came of it."""
    rng = np.random.default_rng(seed)
    risk = rng.normal(size=len(members))
    moved = np.where(members, world.effect, 0.0)
    events = rng.random((len(members), weeks + OVERLAP)) < 1 / (1 + np.exp(2.5 - risk - moved))[:, np.newaxis]
    parts: list[pd.DataFrame] = []
    for week in range(weeks):
        noise = np.where(members, world.noise, 1.0) * rng.normal(size=len(members))
        label = events[:, week : week + OVERLAP].any(axis=1).astype(int)
        scores = 1 / (1 + np.exp(-(risk + noise)))
        day = pd.Timestamp(FIRST + timedelta(days=7 * week))
        parts.append(pd.DataFrame({"as_of": day, "entity_id": np.arange(len(members)), "score": scores, "label": label}))
    frame = pd.concat(parts).set_index(["as_of", "entity_id"])
    inside = np.tile(members, weeks)
    return _arm(frame[~inside]), _arm(frame[inside])


def _arm(frame: pd.DataFrame) -> ServedRows:
    return ServedRows(frame["score"], frame["label"])


def say(count: int, lives: int) -> str:
    """A share of lives with its limits."""
    low, high = binomtest(count, lives).proportion_ci(0.99, method="exact")
    return f"{count / lives:.3f} [{low:.3f}, {high:.3f}]"


def main() -> int:
    """Live, print, and say whether everything is as promised."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lives", type=int, default=100)
    lives = parser.parse_args().lives
    boundaries.DRAWS = DRAWS
    print(
        f"{lives} lives a world, {ENTITIES} entities, share {SHARE:.0%}, {WEEKS} weekly looks, alpha {ALPHA}, harm {HARM_ALPHA}"
    )
    print(f"{'world':20} {'called better':22} {'stopped':22} {'weeks':6} rows of the canary by then (median, 9 of 10)")
    kept = True
    for world in WORLDS:
        lived = [live(world, seed) for seed in range(lives)]
        better, stopped = sum(one.was_better for one in lived), [one for one in lived if one.stopped_in is not None]
        weeks = f"{np.median([one.stopped_in for one in stopped]):.0f}" if stopped else "-"
        rows = np.sort([one.rows if one.rows is not None else np.inf for one in lived])
        middle, late = rows[len(rows) // 2], rows[int(np.ceil(0.9 * len(rows))) - 1]
        told = (f"{world.name:20}", f"{say(better, lives):22}", f"{say(len(stopped), lives):22}", f"{weeks:6}")
        print(*told, f"{middle:.0f}, {late:.0f}", flush=True)
        kept &= binomtest(better, lives, ALPHA, alternative="greater").pvalue > 0.005
        if world in (EQUAL, ACTED):
            kept &= binomtest(len(stopped), lives, HARM_ALPHA, alternative="greater").pvalue > 0.005
        if world in (RANDOM, ACTED_WORSE):
            kept &= bool(late <= ROWS_TO_STOP)
    print("as promised" if kept else "NOT as promised")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
