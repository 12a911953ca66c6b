"""Weeks with poisoned labels or features: does admission let them rest, and do quiet ones teach? bench/admission.py and
bench/gate.py ask it of the same worlds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import NormalDist

import numpy as np
import pandas as pd

from perennial.admit import AS_OFS_BEFORE, FEWEST_BEFORE, admit, measure_as_of
from perennial.config import Model
from perennial.records import AsOfMeasures, Interval
from perennial.tasks import Task, task_of

FLIPPED, MISSING, LEAK = 0.3, 0.5, 3.0
POISONS = ("none", "30 % flipped", "half the positives missing", "a leak of one week")
BEGINS = date(2017, 3, 27)
HISTORY = 200
"""As_ofs that are looked at in one simulated history; as many as a look needs stand before the first of them."""
Score = Callable[[pd.DataFrame], pd.Series]
Found = Counter[tuple[str, bool]]


@dataclass(frozen=True)
class PoisonWorld:
    """A simulated model: rows of an as_of, base rate, and standard deviation of weekly shocks in log-odds."""

    name: str
    rows: int
    rate: float
    shock: float


POISON_WORLDS = (
    PoisonWorld("calm, 2,500 rows", 2500, 0.15, 0.0),
    PoisonWorld("shocks of .1, 2,500 rows", 2500, 0.15, 0.1),
    PoisonWorld("shocks of .3, 2,500 rows", 2500, 0.15, 0.3),
    PoisonWorld("few positives, 600 rows", 600, 0.05, 0.1),
)


@dataclass(frozen=True)
class Week:
    """One as_of as it is: who scored it, its labels and its features."""

    score: Score
    labels: pd.Series
    features: pd.DataFrame

    def measure(self, task: Task, poison: str, rng: np.random.Generator) -> AsOfMeasures | None:
        return measure_as_of(task, *self.draw(poison, rng))

    def draw(self, poison: str, rng: np.random.Generator) -> tuple[pd.Series, pd.Series, pd.DataFrame]:
        """Scores, labels and features of one as_of, poisoned."""
        labels, features = self.labels, self.features
        if poison == POISONS[1]:
            labels = labels.where(rng.random(len(labels)) >= FLIPPED, 1 - labels)
        elif poison == POISONS[2]:
            labels = labels.where(rng.random(len(labels)) >= MISSING, 0)
        elif poison == POISONS[3]:
            leaking = rng.choice(features.select_dtypes("number").columns)
            column = features[leaking].astype(float)
            features = features.assign(**{str(leaking): column + LEAK * (column.std() or 1.0) * labels})
        return self.score(features), labels, features


class SimulatedWeek(Week):
    """Its columns have no ties and no gaps, so that all of them are measured at once."""

    def measure(self, task: Task, poison: str, rng: np.random.Generator) -> AsOfMeasures:  # noqa: ARG002 - of 0 and 1 alone
        return measure_at_once(*self.draw(poison, rng))


def measure_at_once(scores: pd.Series, labels: pd.Series, features: pd.DataFrame) -> AsOfMeasures:
    """What `measure_as_of` gives, ten times as fast: of numbers without ties or gaps, one row for each entity, both classes."""
    values, happened = scores.to_numpy(), labels.to_numpy() == 1
    rows, positives = len(happened), int(happened.sum())
    columns = np.vstack([values, features.to_numpy().T])
    ordered = happened[np.argsort(columns, axis=1)]
    below, above = np.cumsum(~ordered, axis=1), positives - np.cumsum(ordered, axis=1)
    component = np.where(ordered, below / (rows - positives), above / positives)  # DeLong's, of a row among the other class
    aucs = (component * ordered).sum(axis=1) / positives
    influence = (component - aucs[:, None]) / np.where(ordered, positives, rows - positives)
    errors = np.sqrt(rows / (rows - 1) * np.square(influence).sum(axis=1))
    losses = -np.log(np.where(happened, values, 1 - values))
    realised, said = (positives + 0.5) / (rows + 1), values.mean()
    alone = zip(features.columns, np.maximum(aucs, 1 - aucs)[1:], errors[1:], strict=True)
    return AsOfMeasures(
        rows=rows,
        rarer=min(positives, rows - positives),
        found={
            "auc": _reach(aucs[0], errors[0]),
            "calibration": _reach(
                np.log(realised / (1 - realised)) - np.log(said / (1 - said)), np.sqrt(rows / (positives * (rows - positives)))
            ),
            "log_loss": _reach(losses.mean(), losses.std(ddof=1) / np.sqrt(rows)),
        },
        alone={str(name): _reach(auc, error) for name, auc, error in alone},
    )


def _reach(estimate: float, error: float) -> Interval:
    reach = NormalDist().inv_cdf(0.975) * error
    return Interval(float(estimate), float(estimate - reach), float(estimate + reach), float(error))


def look(model: Model, weeks: Mapping[date, Week], rng: np.random.Generator, *, fewest: int = FEWEST_BEFORE) -> Found:
    """Look at every week that has `fewest` before it, once with each poison; those before it are quiet and were admitted."""
    quiet = {day: week.measure(task_of(model), POISONS[0], rng) for day, week in weeks.items()}
    found: Found = Counter()
    for day, week in weeks.items():
        nearby = model.training_as_ofs(day - timedelta(weeks=AS_OFS_BEFORE), day - timedelta(days=1))
        before = {other: measured for other in nearby if (measured := quiet.get(other)) is not None}
        if len(before) >= fewest:
            for poison in POISONS:
                measures = quiet[day] if poison == POISONS[0] else week.measure(task_of(model), poison, rng)
                found[poison, admit(model, day, measures, before).rests] += 1
    return found


def simulate(model: Model, world: PoisonWorld, *, as_ofs: int, seed: int) -> Found:
    """Look at so many as_ofs, each beside those before it, in histories of `HISTORY`."""
    found: Found = Counter()
    for number, first in enumerate(range(0, as_ofs, HISTORY)):
        rng = np.random.default_rng([seed, number, world.rows])
        length = min(HISTORY, as_ofs - first) + AS_OFS_BEFORE
        days = model.training_as_ofs(BEGINS, BEGINS + timedelta(weeks=length - 1))
        weeks = {day: draw_week(day, world, rng) for day in days}
        found += look(model, weeks, rng, fewest=AS_OFS_BEFORE)
    return found


def draw_week(day: date, world: PoisonWorld, rng: np.random.Generator) -> SimulatedWeek:
    """Five features, of which two matter; the scores know all of it but the shock of the week."""
    index = pd.MultiIndex.from_product([[pd.Timestamp(day)], range(world.rows)], names=["as_of", "entity_id"])
    features = pd.DataFrame(rng.normal(size=(world.rows, 5)), index=index, columns=list("abcde"))
    offset = np.log(world.rate / (1 - world.rate)) - 0.6

    def score(given: pd.DataFrame) -> pd.Series:
        return 1 / (1 + np.exp(-(offset + 1.2 * given["a"] + 0.6 * given["b"])))

    odds = score(features) / (1 - score(features)) * np.exp(world.shock * rng.normal())
    labels = pd.Series((rng.random(world.rows) < odds / (1 + odds)).astype(int), index=index)
    return SimulatedWeek(score, labels, features)
