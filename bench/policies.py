"""What does it cost to serve an older fit? One recipe, walked forward on the demo's models under four policies.

Every week each policy serves the fit that it would have had by then, and the labels of that week say how good its scores were:

    the former rule   what was judged serves: trained up to the embargo before four held-out as_ofs, replaced when a new fit is
                      proven better (its lower bound above 0, and the floor reached), or after 56 days when it is not worse
    frozen            fitted once, on all that had matured on the first day
    every 4 weeks     the same, fitted anew every fourth week
    every week        the same, fitted anew every week: what `training.refresh = "weekly"` serves

Differences are against the former rule on the same rows: with the standard error clustered by entity, and with the one that takes
weeks as a sample. The looks of the former rule's sequential test are left out, which favours it.

    python bench/policies.py                    # some minutes, on a PostgreSQL of its own
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial

import pandas as pd
from admission import MODELS, build_rows, open_demo
from paths import ROOT

from perennial.config import Model, load_declaration
from perennial.errors import HistoryTooShort
from perennial.metrics import log_loss, mean_auc, paired_auc_difference
from perennial.predictor import Predictor
from perennial.records import SplitPlan, TrainingSet
from perennial.tasks import find_floor
from perennial.train import fit_predictor, plan_fit, plan_split
from perennial.train.boosters import REGULARISED_DEFAULTS

RECIPE = REGULARISED_DEFAULTS["lightgbm"]
RENEWED_AFTER, NOT_WORSE = timedelta(days=56), 0.004
Plan = Callable[["Walk", date], SplitPlan]


@dataclass
class Walk:
    """All labelled rows of one model, and every fit that a policy has asked for, made once."""

    model: Model
    rows: TrainingSet
    fits: dict[tuple[date, ...], Predictor] = field(default_factory=dict)

    def matured(self, day: date) -> tuple[date, ...]:
        return tuple(each for each in self.rows.as_ofs if self.model.matured_at(each) <= self.model.start(day))

    def score(self, plan: SplitPlan, days: tuple[date, ...]) -> pd.Series:
        """Scores of these days by the fit of a plan."""
        if plan.training not in self.fits:
            training = self.rows.rows_of(plan.training)
            self.fits[plan.training] = fit_predictor(self.model, training, plan, RECIPE)
        asked = self.rows.rows_of(days)
        return pd.Series(self.fits[plan.training].score(asked.features), index=asked.labels.index)

    def labels(self, days: tuple[date, ...]) -> pd.Series:
        return self.rows.rows_of(days).labels


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with open_demo() as url:
        for name in MODELS:
            declaration = load_declaration(ROOT, name)
            report(Walk(declaration.model, build_rows(url, declaration)))


def report(walk: Walk) -> None:
    """One table: AUC and log-loss of what each policy serves, and how far its AUC lies from the former rule's."""
    days = tuple(day for day in walk.rows.as_ofs if has_room(walk, day))
    policies: dict[str, Callable[[], pd.Series]] = {
        "the former rule": partial(serve_as_before, walk, days),
        "frozen": partial(serve_fits, walk, days, None),
        "every 4 weeks": partial(serve_fits, walk, days, 4),
        "every week": partial(serve_fits, walk, days, 1),
    }
    served = {name: policy() for name, policy in policies.items()}
    before, labels = served["the former rule"], walk.labels(days)
    print(f"{walk.model.name}: {len(days)} weeks, {days[0]} .. {days[-1]}, {len(labels):,} rows")
    print("| policy | AUC | log-loss | AUC against the former rule | SE by entity | SE by week |\n|---|---|---|---|---|---|")
    for name, scores in served.items():
        gain = paired_auc_difference(scores, before, labels, confidence=0.95)
        weekly = measure_by_week(scores, labels) - measure_by_week(before, labels)
        by_week = weekly.std(ddof=1) / math.sqrt(len(weekly))
        figures = f"{mean_auc(scores, labels):.4f} | {log_loss(scores, labels):.4f} | {gain.estimate:+.4f}"
        print(f"| {name} | {figures} | {gain.standard_error:.4f} | {by_week:.4f} |", flush=True)
    print()


def has_room(walk: Walk, day: date) -> bool:
    """Could the former rule train by then?"""
    try:
        plan_split(walk.model, walk.matured(day), day)
    except HistoryTooShort:
        return False
    return True


def measure_by_week(scores: pd.Series, labels: pd.Series) -> pd.Series:
    return pd.Series({day: mean_auc(part, labels.loc[part.index]) for day, part in scores.groupby(level="as_of")})


def serve_fits(walk: Walk, days: tuple[date, ...], every: int | None) -> pd.Series:
    """Fits on all that had matured, made every so many weeks; None: on the first day only."""
    fitted_on = [days[0] if every is None else days[place - place % every] for place in range(len(days))]
    plans = [plan_fit(walk.model, walk.matured(day), day) for day in fitted_on]
    return pd.concat([walk.score(plan, (day,)) for plan, day in zip(plans, days, strict=True)])


def serve_as_before(walk: Walk, days: tuple[date, ...]) -> pd.Series:
    """What was judged serves until another is proven better, or is old and not worse."""
    champion, since, parts = plan_split(walk.model, walk.matured(days[0]), days[0]), days[0], []
    for day in days:
        challenger = plan_split(walk.model, walk.matured(day), day)
        if challenger.training != champion.training and takes_over(
            walk, champion, challenger, is_old=day - since >= RENEWED_AFTER
        ):
            champion, since = challenger, day
        parts.append(walk.score(champion, (day,)))
    return pd.concat(parts)


def takes_over(walk: Walk, champion: SplitPlan, challenger: SplitPlan, *, is_old: bool) -> bool:
    ours, theirs = (walk.score(plan, challenger.holdout) for plan in (challenger, champion))
    labels = walk.labels(challenger.holdout)
    gain = paired_auc_difference(ours, theirs, labels, confidence=walk.model.promotion.confidence)
    floor = find_floor(walk.model.promotion.min_gain, mean_auc(theirs, labels))
    return (gain.low > 0 and gain.estimate >= floor) or (is_old and gain.low > -NOT_WORSE)


if __name__ == "__main__":
    main()
