"""Which as_ofs train, which validate a trial, which are held out. A random split cannot be expressed here.

Worked example (lapse, embargo 28 days): matured 2017-03-27 .. 2017-09-25, training on 2017-10-30, four held out:
the holdout is 09-04, 09-11, 09-18, 09-25; the label of 08-07 ends on 09-04, so 08-07 is the newest training as_of
(20 of them from 03-27 on); the knowledge lag is 84 days. The five folds validate 06-05 .. 08-07, two as_ofs each; the
first trains on 03-27 .. 05-08, the last on 03-27 .. 07-03.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from perennial.config import Model
from perennial.errors import HistoryTooShort
from perennial.records import SplitPlan


@dataclass(frozen=True)
class Fold:
    """One step of the expanding window: every training as_of lies at least the embargo before every validation as_of."""

    training: tuple[date, ...]
    validation: tuple[date, ...]


def plan_split(model: Model, matured: Sequence[date], trained_for: date) -> SplitPlan:
    """Hold the newest matured as_ofs out and train on those that lie at least the embargo before them.

    Args:
        model: gives how many as_ofs train and are held out, and the embargo.
        matured: as_ofs with complete labels, in any order.
        trained_for: the as_of of the training.

    Raises:
        HistoryTooShort: fewer than `min_as_ofs` would train; the message says when there will be enough.
    """
    days = sorted(set(matured))
    training, holdout = _split(model, days)
    if len(training) < model.training.min_as_ofs:
        raise HistoryTooShort(
            f"{model.name}, as_of {trained_for}: {len(training)} as_ofs can train (of {len(days)} matured; "
            f"{model.training.holdout_as_ofs} are held out, {model.embargo.days} days lie between), "
            f"min_as_ofs = {model.training.min_as_ofs}. There will be enough on {_enough_on(model, days, trained_for)}, "
            "if every as_of is built; until then no recipe is searched."
        )
    return SplitPlan(tuple(training), tuple(holdout), (trained_for - training[-1]).days)


def plan_fit(model: Model, matured: Sequence[date], trained_for: date) -> SplitPlan:
    """The newest as_ofs that a fit learns from, as many as the model says: nothing is chosen by it, so nothing is held out.

    Raises:
        HistoryTooShort: there is none.
    """
    days = sorted(set(matured))[-model.training.as_ofs :]
    if not days:
        newest = model.latest_matured(model.start(trained_for))
        raise HistoryTooShort(
            f"{model.name}, as_of {trained_for}: no as_of that can teach has matured; the next does on "
            f"{model.next_matured_on(newest)}, if its snapshot is built."
        )
    return SplitPlan(tuple(days), (), (trained_for - days[-1]).days)


def find_enough_on(model: Model, matured: Sequence[date], trained_for: date) -> date:
    """The day on which `min_as_ofs` can train, with a holdout, if from now on every snapshot matures.

    Where there are as many already, and one outcome is still too rare for folds, it is one step later at the earliest.
    """
    return max(_enough_on(model, sorted(set(matured)), trained_for), model.grid.add(trained_for, 1))


def _split(model: Model, days: list[date]) -> tuple[list[date], list[date]]:
    holdout = days[-model.training.holdout_as_ofs :]
    training = [day for day in days if holdout and day <= holdout[0] - model.embargo]
    return training[-model.training.as_ofs :], holdout


def _enough_on(model: Model, days: list[date], trained_for: date) -> date:
    """The first day on which `min_as_ofs` can train, if from now on every snapshot matures."""
    known = list(days)
    newest = known[-1] if known else model.latest_matured(model.start(trained_for))
    while len(_split(model, known)[0]) < model.training.min_as_ofs:
        newest = model.grid.next_teaching(newest)
        known.append(newest)
    matured_at = model.matured_at(newest).astimezone(model.zone)
    return matured_at.date()


def make_folds(as_ofs: Sequence[date], folds: int, embargo: timedelta) -> tuple[Fold, ...]:
    """Cut the newest half of the training as_ofs into consecutive validation blocks, each with all that may train for it.

    A short history gives fewer folds, down to one of a single as_of.

    Args:
        as_ofs: the training as_ofs; the holdout is not among them.
        folds: at most so many.
        embargo: at least the horizon.

    Raises:
        HistoryTooShort: no as_of has another one at least the embargo before it.
    """
    days = sorted(set(as_ofs))
    eligible = [day for day in days if day - embargo >= days[0]]
    if not eligible:
        raise HistoryTooShort(
            f"{len(days)} training as_ofs span less than the embargo of {embargo.days} days, so that no fold can validate: "
            "build older snapshots, or wait."
        )
    validated = eligible[-((len(days) + 1) // 2) :]
    blocks = _cut(validated, min(folds, len(validated)))
    return tuple(Fold(tuple(day for day in days if day <= block[0] - embargo), block) for block in blocks)


def _cut(days: list[date], count: int) -> list[tuple[date, ...]]:
    """`count` consecutive blocks whose sizes differ by at most one."""
    edges = [len(days) * part // count for part in range(count + 1)]
    return [tuple(days[start:end]) for start, end in pairwise(edges)]
