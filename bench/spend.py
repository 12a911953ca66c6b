"""How well is an amount predicted, and what would random folds have promised? spend_next_28d, walked forward week by week.

Every week each recipe is fitted on what had matured by then, as `training.refresh = "weekly"` does, and the labels of that week
say how good its scores were. Beside the recipes of the platform stands a plain LightGBM with the library's defaults, once as
five random folds of all rows believe it, and once as its weekly fits came out. The last line fits labels that were dealt out at
random within each week: whoever finds an order in them has seen the answer.

    python bench/spend.py                       # some minutes, on a PostgreSQL of its own
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import partial

import lightgbm
import numpy as np
import pandas as pd
from admission import build_rows, open_demo
from paths import ROOT
from sklearn.model_selection import KFold, cross_val_predict

from perennial.config import Model, load_declaration
from perennial.errors import HistoryTooShort
from perennial.metrics import bias_size, gini_with_interval, paired_gini_difference, rmse, total_bias
from perennial.records import Recipe, TrainingSet
from perennial.tasks import Scores, find_published, frame_scores, stack_scores, task_of
from perennial.train import fit_predictor, plan_fit, plan_split
from perennial.train.boosters import REGULARISED_DEFAULTS

NAME = "spend_next_28d"
SEED = 7
RIDGE, LIGHTGBM = "ridge", "LightGBM, regularised"


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with open_demo() as url:
        declaration = load_declaration(ROOT, NAME)
        report(declaration.model, build_rows(url, declaration))


def report(model: Model, rows: TrainingSet) -> None:
    """One line per recipe; differences in Gini are against the last value, on the same rows."""
    days = tuple(day for day in rows.as_ofs if has_room(model, rows, day))
    labels = rows.rows_of(days).labels
    serve = partial(serve_weekly, model, rows, days)
    recipes: dict[str, Callable[[], Scores]] = {
        "last value (spend_84d)": partial(serve, Recipe("single_feature", {"feature": "spend_84d", "direction": "increasing"})),
        RIDGE: partial(serve, Recipe("ridge", {"alpha": 1.0})),
        LIGHTGBM: partial(serve, REGULARISED_DEFAULTS["lightgbm"]),
        "XGBoost, regularised": partial(serve, REGULARISED_DEFAULTS["xgboost"]),
        "plain LightGBM, weekly": partial(serve_plain, model, rows, days),
        "plain LightGBM, as random folds believe": partial(believe, rows, days),
    }
    shown = task_of(model).measures
    print(f"{NAME}: {len(days)} weeks, {days[0]} .. {days[-1]}, {len(labels):,} rows, amounts up to {model.label.cap:g}")
    print(f"| recipe | {' | '.join(measure.name for measure in shown)} | Gini against the last value |")
    print(f"|---|{'---|' * (len(shown) + 1)}")
    plainest = recipes["last value (spend_84d)"]()
    for name, recipe in recipes.items():
        scores = recipe()
        gain = paired_gini_difference(scores, plainest, labels)
        figures = " | ".join(measure.write(measure.value(scores, labels)) for measure in shown)
        print(f"| {name} | {figures} | {gain.estimate:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}] |", flush=True)
        if name in (RIDGE, LIGHTGBM):
            report_cut(name, scores, labels)
    dealt = deal_out(rows)
    found = serve_weekly(model, dealt, days, REGULARISED_DEFAULTS["lightgbm"])
    gini = gini_with_interval(found, dealt.rows_of(days).labels)
    off = bias_size(found, dealt.rows_of(days).labels)
    print(f"labels dealt out at random: Gini {gini.estimate:+.4f} [{gini.low:+.4f}, {gini.high:+.4f}], bias {off:.4f}")


def report_cut(name: str, scores: Scores, labels: pd.Series) -> None:
    """What it would come to if no score lay below the lowest label: no longer tells those apart that were cut."""
    numbers, lowest = find_published(scores), labels.min()
    cut = numbers.clip(lower=lowest)
    gain = paired_gini_difference(cut, numbers, labels)
    errors, sums = ([measure(each, labels) for each in (numbers, cut)] for measure in (rmse, total_bias))
    print(
        f"  {name}: {(numbers < lowest).mean():.2%} of the scores lie below {lowest:g}, the lowest at {numbers.min():.2f}; cut"
        f" there the Gini moves by {gain.estimate:+.5f} [{gain.low:+.5f}, {gain.high:+.5f}], RMSE from {errors[0]:.3f} to"
        f" {errors[1]:.3f}, the sum from {sums[0]:.4f} to {sums[1]:.4f} times what came",
        flush=True,
    )


def has_room(model: Model, rows: TrainingSet, day: date) -> bool:
    """Could a search have been made by then?"""
    try:
        plan_split(model, matured(model, rows, day), day)
    except HistoryTooShort:
        return False
    return True


def matured(model: Model, rows: TrainingSet, day: date) -> tuple[date, ...]:
    return tuple(each for each in rows.as_ofs if model.matured_at(each) <= model.start(day))


def serve_weekly(model: Model, rows: TrainingSet, days: tuple[date, ...], recipe: Recipe) -> Scores:
    """What the weekly fits of a recipe would have published."""
    return stack_scores([serve_day(model, rows, day, recipe) for day in days])


def serve_day(model: Model, rows: TrainingSet, day: date, recipe: Recipe) -> Scores:
    plan = plan_fit(model, matured(model, rows, day), day)
    predictor = fit_predictor(model, rows.rows_of(plan.training), plan, recipe)
    asked = rows.rows_of((day,))
    return frame_scores(predictor.score(asked.features), asked.labels.index, predictor.contract.classes)


def plain() -> lightgbm.LGBMRegressor:
    return lightgbm.LGBMRegressor(random_state=SEED, n_jobs=1, verbosity=-1)


def serve_plain(model: Model, rows: TrainingSet, days: tuple[date, ...]) -> pd.Series:
    parts = []
    for day in days:
        known, asked = rows.rows_of(matured(model, rows, day)), rows.rows_of((day,))
        parts.append(pd.Series(plain().fit(known.features, known.labels).predict(asked.features), index=asked.labels.index))
    return pd.concat(parts)


def believe(rows: TrainingSet, days: tuple[date, ...]) -> pd.Series:
    """Of each row what four fifths of all rows, drawn at random over weeks and households, say of it."""
    folds = KFold(5, shuffle=True, random_state=SEED)
    found = pd.Series(cross_val_predict(plain(), rows.features, rows.labels, cv=folds), index=rows.labels.index)
    return found.reindex(rows.rows_of(days).labels.index)


def deal_out(rows: TrainingSet) -> TrainingSet:
    """The same rows, the labels of each week dealt out anew."""
    rng = np.random.default_rng(SEED)
    dealt = rows.labels.groupby(level="as_of").transform(lambda day: rng.permutation(day.to_numpy()))
    return replace(rows, labels=dealt)


if __name__ == "__main__":
    main()
