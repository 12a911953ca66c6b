"""The arms of a canary: what each was served, what came of it, and whether one is better, by the looks of the gate.

The arms are different entities, drawn by a hash: two independent groups, not pairs. So the gain of a day is the canary's figure
less the champion's, and its error comes from the entities of both, each of which pulls its own arm; whoever changes arms because
the share grew counts once, as entities do everywhere. The sequential test, its boundaries and its shocks are those of the gate.

Two questions have an error each. Is the canary better? Its alpha was drawn from the account of errors. Is it worse? `HARM_ALPHA`,
which is spent evenly with what is known, so that harm is found early: to stop a good canary costs little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from perennial.compare.looks import TestPlan
from perennial.compare.shocks import PRIOR_AS_OFS, Shocks, Surplus, add_shocks, pool_shocks
from perennial.compare.superiority import FEWEST_ENTITIES, look_again
from perennial.config import Model
from perennial.metrics import DailyGain
from perennial.metrics.amounts import compare_losses
from perennial.metrics.panel import VALUE, Floats, make_amounts
from perennial.records import Look
from perennial.records.canaries import ArmFigures, Canary, FiguresOfArms
from perennial.tasks import Scores, Task, task_of

HARM_ALPHA = 0.05
HARM_POWER = 1
MISSING_RISE = 0.10
"""Inputs that are missing more often than when a canary began, by so large a share of them all, are a broken input."""


@dataclass(frozen=True)
class ServedRows:
    """What an arm was served and what came true; scores and labels have the same index, as every comparison reads it.

    Attributes:
        scores: None where nobody kept them, as of requests: then what came true is all there is to compare.
    """

    scores: Scores | None
    labels: pd.Series


@dataclass(frozen=True)
class Judged:
    """What one look at the arms has found.

    Attributes:
        looks, harm_looks: all of them with the newest last.
        arms: figures of each.
        waits_for: why no look could be taken; empty when one was.
    """

    looks: tuple[Look, ...]
    harm_looks: tuple[Look, ...]
    arms: FiguresOfArms
    waits_for: str = ""

    @property
    def is_harmful(self) -> bool:
        """Does the loss lie above its boundary?"""
        return bool(self.harm_looks) and self.harm_looks[-1].lower > 0

    @property
    def is_better(self) -> bool:
        """Does the gain lie above its boundary?"""
        return bool(self.looks) and self.looks[-1].lower > 0


def judge_arms(model: Model, canary: Canary, ours: ServedRows, theirs: ServedRows) -> Judged:
    """Look at both questions once more.

    Args:
        ours: of the champion's arm; `theirs`: of the canary's. Days that either lacks are left out.

    Raises:
        MisalignedScores: an as_of that was looked at before is missing now.
        MetricNotFinite: a score or a label is NaN or infinite.
    """
    task = task_of(model)
    figures = FiguresOfArms(*(describe_arm(task, side, model.promotion.confidence) for side in (ours, theirs)))
    gain = measure_arms(model, ours, theirs)
    short = "there is no day on which both arms can be told apart" if gain is None else _find_short(gain)
    if short or gain is None:
        return Judged(canary.looks, canary.harm_looks, figures, short)
    return Judged(*look_at_arms(model, canary, gain), figures)


def look_at_arms(model: Model, canary: Canary, gain: DailyGain) -> tuple[tuple[Look, ...], tuple[Look, ...]]:
    """All looks at either question with the newest last: is the canary better, is it worse?"""
    plan = TestPlan(canary.alpha, canary.last_look, canary.overlap, model.training.seed)
    harm = replace(plan, alpha=canary.harm_alpha, power=HARM_POWER)
    worse = replace(gain, gains=-gain.gains, influence=-gain.influence)
    return look_again(gain, canary.looks, plan), look_again(worse, canary.harm_looks, harm)


def measure_arms(model: Model, ours: ServedRows, theirs: ServedRows) -> DailyGain | None:
    """The canary's gain within each as_of and its error, shocks included; None where no as_of has both."""
    found = pair_arms(model, ours, theirs)
    return None if found is None else shock_arms(model, *found)


def pair_arms(model: Model, ours: ServedRows, theirs: ServedRows) -> tuple[DailyGain, float] | None:
    """The same without shocks, and what is believed of these beforehand: a standard deviation, 0 for none.

    Where scores are acted on (`scoring.acted_on`) the gain is of the mean label, above 0 in the wanted direction: a score that
    people act on changes what it foretells, so that its own figures no longer say who did better. Else it is of the headline: of
    each arm against the same constant score, so that what the labels of an arm alone make of a loss cancels (an AUC is the same).
    """
    if model.scoring.acted_on is not None or ours.scores is None or theirs.scores is None:
        sign = 1.0 if model.scoring.acted_on == "raises" else -1.0
        parts = [_average_labels(side, sign) for side in (ours, theirs)]
        prior = 0.0
    else:
        task = task_of(model)
        constant = pd.concat([ours.scores, theirs.scores]).mean()
        parts = [
            task.headline.by_day(scores, _hold(scores, constant), side.labels)
            for side, scores in ((ours, ours.scores), (theirs, theirs.scores))
        ]
        prior = task.find_prior_shock(task.headline.value(ours.scores, ours.labels))
    found = _subtract(_name_entities(theirs.labels), parts[1], _name_entities(ours.labels), parts[0])
    return None if found is None else (found, prior)


def shock_arms(model: Model, found: DailyGain, prior: float) -> DailyGain:
    """With the error that is common to all rows of an as_of."""
    horizon = model.label.horizon_days
    surplus = Surplus(found.as_ofs, found.surplus)
    shocks = pool_shocks([surplus], prior=prior, horizon_days=horizon) if prior else Shocks(0.0, PRIOR_AS_OFS)
    return add_shocks(found, shocks, horizon)


def describe_arm(task: Task, side: ServedRows, confidence: float) -> ArmFigures:
    """Its headline, rate and value; what its labels leave undefined is None."""
    rows = len(side.labels)
    has_mean = not isinstance(side.scores, pd.DataFrame)
    can_judge = side.scores is not None and rows > 1 and task.can_judge(side.labels)
    headline = task.headline.single(side.scores, side.labels, confidence) if can_judge else None
    rate = _average_labels(side, 1.0).interval(confidence) if has_mean and rows > 1 else None
    is_valued = has_mean and rows > 1 and VALUE in side.labels.index.names
    value = _average_labels(side, 1.0, is_valued=True).interval(confidence) if is_valued else None
    return ArmFigures(rows, headline, rate, value)


def say_missing(before: float, now: float) -> str:
    """Why the inputs of a canary are not what they were; empty when they are."""
    if now - before <= MISSING_RISE:
        return ""
    return f"{now:.0%} of its inputs are missing, {before:.0%} when it began: more than {MISSING_RISE:.0%} further"


def _average_labels(side: ServedRows, sign: float, *, is_valued: bool = False) -> DailyGain:
    amounts = make_amounts(side.labels)
    came = amounts.amounts * amounts.worth if is_valued and amounts.worth is not None else amounts.amounts
    return compare_losses(amounts, np.zeros(amounts.rows), sign * came)


def _hold(scores: Scores, constant: object) -> Scores:
    """The same score for every row."""
    if isinstance(scores, pd.DataFrame):
        held = np.tile(np.asarray(constant, dtype=np.float64), (len(scores), 1))
        return pd.DataFrame(held, index=scores.index, columns=scores.columns)
    return pd.Series(constant, index=scores.index, name=scores.name, dtype=np.float64)


def _name_entities(labels: pd.Series) -> pd.Index:
    """Whose evidence the rows of an influence matrix are."""
    names: pd.Index = pd.Index(pd.factorize(labels.index.get_level_values(-1), sort=True)[1])
    return names


def _subtract(names: pd.Index, gain: DailyGain, other_names: pd.Index, other: DailyGain) -> DailyGain | None:
    """The difference of two groups that share no row: influence values of both, by entity."""
    days = [day for day in gain.as_ofs if day in other.as_ofs]
    if not days:
        return None
    places = names.union(other_names)
    influence = np.zeros((len(places), len(days)))
    for sign, known, part in ((1.0, names, gain), (-1.0, other_names, other)):
        columns = [part.as_ofs.index(day) for day in days]
        influence[places.get_indexer(known)] += sign * part.influence[:, columns]
    groups = {f"of the canary {name}": count for name, count in gain.entities_by_group.items()}
    groups |= {f"of the champion {name}": count for name, count in other.entities_by_group.items()}
    return DailyGain(tuple(days), _pick(gain, days) - _pick(other, days), influence, groups)


def _pick(gain: DailyGain, days: Sequence[object]) -> Floats:
    return np.array([gain.gains[gain.as_ofs.index(day)] for day in days])


def _find_short(gain: DailyGain) -> str:
    short = {name: count for name, count in gain.entities_by_group.items() if count < FEWEST_ENTITIES}
    if not short:
        return ""
    said = ", ".join(f"{count} entities {name}" for name, count in short.items())
    return f"{said}, and {FEWEST_ENTITIES} are the fewest to judge by"
