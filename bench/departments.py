"""How well is one of several classes foretold, and what would random folds have promised? next_department, week by week.

As bench/spend.py walks amounts forward: every week each recipe is fitted on what had matured by then. The last value is the
department in which a household spent most lately, with the shares in which it was followed by each class in the weeks that had
matured. The last line fits labels that were dealt out at random within each week.

    python bench/departments.py                 # some minutes, on a PostgreSQL of its own
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import date
from functools import partial

import lightgbm
import numpy as np
import pandas as pd
from admission import build_rows, open_demo
from paths import ROOT
from sklearn.model_selection import KFold, cross_val_predict
from spend import SEED, deal_out, has_room, matured, serve_weekly

from perennial.config import Model, load_declaration
from perennial.records import Recipe, TrainingSet
from perennial.tasks import Scores, stack_scores, task_of
from perennial.train.boosters import REGULARISED_DEFAULTS

NAME = "next_department"
SPENT = ("drug", "fuel", "produce", "meat", "packaged_meat", "deli")


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with open_demo() as url:
        declaration = load_declaration(ROOT, NAME)
        report(declaration.model, build_rows(url, declaration))


def report(model: Model, rows: TrainingSet) -> None:
    """One line per recipe; differences in log-loss are against the last value, on the same rows."""
    days = tuple(day for day in rows.as_ofs if has_room(model, rows, day))
    labels, task = rows.rows_of(days).labels, task_of(model)
    serve = partial(serve_weekly, model, rows, days)
    recipes: dict[str, Callable[[], Scores]] = {
        "shares of the classes": partial(follow, model, rows, days, say_nothing),
        "last value": partial(follow, model, rows, days, name_last),
        "multinomial regression": partial(serve, Recipe("logistic", {"C": 1.0})),
        "LightGBM, regularised": partial(serve, REGULARISED_DEFAULTS["lightgbm"]),
        "XGBoost, regularised": partial(serve, REGULARISED_DEFAULTS["xgboost"]),
        "plain LightGBM, weekly": partial(serve_plain, model, rows, days),
        "plain LightGBM, as random folds believe": partial(believe, rows, days),
    }
    print(f"{NAME}: {len(days)} weeks, {days[0]} .. {days[-1]}, {len(labels):,} rows, {labels.nunique()} classes")
    print(f"| recipe | {' | '.join(measure.name for measure in task.measures)} | gain in log-loss on the last value |")
    print(f"|---|{'---|' * (len(task.measures) + 1)}")
    plainest = recipes["last value"]()
    for name, recipe in recipes.items():
        scores = recipe()
        gain = task.headline.difference(scores, plainest, labels)
        figures = " | ".join(measure.write(measure.value(scores, labels)) for measure in task.measures)
        print(f"| {name} | {figures} | {-gain.estimate:+.4f} [{-gain.high:+.4f}, {-gain.low:+.4f}] |", flush=True)
    dealt = deal_out(rows)
    found = serve_weekly(model, dealt, days, REGULARISED_DEFAULTS["lightgbm"])
    shares = follow(model, dealt, days, say_nothing)
    gain = task.headline.difference(found, shares, dealt.rows_of(days).labels)
    print(f"labels dealt out at random: gain on their shares {-gain.estimate:+.4f} [{-gain.high:+.4f}, {-gain.low:+.4f}]")


def say_nothing(features: pd.DataFrame) -> pd.Series:
    return pd.Series("any", features.index)


def name_last(features: pd.DataFrame) -> pd.Series:
    """Where most was spent in the last four weeks, or in twelve where that was nothing."""
    recent, longer = (features[[f"{name}_share_{days}d" for name in SPENT]].fillna(0.0) for days in (28, 84))
    spent = np.where(recent.sum(axis=1).to_numpy()[:, None] > 0, recent, longer)
    return pd.Series(np.where(spent.max(axis=1) > 0, spent.argmax(axis=1), -1).astype(str), features.index)


def follow(model: Model, rows: TrainingSet, days: tuple[date, ...], read: Callable[[pd.DataFrame], pd.Series]) -> Scores:
    """The shares in which what is read was followed by each class, in the weeks that had matured."""
    parts = []
    for day in days:
        known, asked = rows.rows_of(matured(model, rows, day)), rows.rows_of((day,))
        counts = pd.crosstab(read(known.features).to_numpy(), known.labels.to_numpy()) + 1.0
        shares = counts.div(counts.sum(axis=1), axis=0)
        said = shares.reindex(read(asked.features).to_numpy()).fillna(1 / shares.shape[1])
        parts.append(pd.DataFrame(said.to_numpy(), index=asked.labels.index, columns=list(shares.columns)))
    return stack_scores(parts)


def plain() -> lightgbm.LGBMClassifier:
    return lightgbm.LGBMClassifier(random_state=SEED, n_jobs=1, verbosity=-1)


def serve_plain(model: Model, rows: TrainingSet, days: tuple[date, ...]) -> Scores:
    parts = []
    for day in days:
        known, asked = rows.rows_of(matured(model, rows, day)), rows.rows_of((day,))
        fitted = plain().fit(known.features, known.labels)
        parts.append(pd.DataFrame(fitted.predict_proba(asked.features), asked.labels.index, list(fitted.classes_)))
    return stack_scores(parts)


def believe(rows: TrainingSet, days: tuple[date, ...]) -> Scores:
    """Of each row what four fifths of all rows, drawn at random over weeks and households, say of it."""
    folds = KFold(5, shuffle=True, random_state=SEED)
    found = cross_val_predict(plain(), rows.features, rows.labels, cv=folds, method="predict_proba")
    columns = sorted(rows.labels.unique())
    return pd.DataFrame(found, rows.labels.index, columns).reindex(rows.rows_of(days).labels.index)


if __name__ == "__main__":
    main()
