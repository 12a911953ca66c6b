"""Worlds in which a challenger may do harm: the same entities on weekly as_ofs, whose risk persists."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from perennial.compare import ComparisonInput, Contestant
from perennial.config import load_model
from perennial.config.promotion import Tolerated

MODEL = load_model(Path(__file__).parents[1] / "models" / "lapse.toml")
WEEKS = MODEL.training_as_ofs(date(2017, 3, 27), date(2017, 8, 14))
DAYS = pd.to_datetime(["2017-09-11", "2017-09-18", "2017-09-25", "2017-10-02"])
NOTHING_BORNE = Tolerated(log_loss=0, calibration=0, precision=0, segment_auc=0, selection_rate_gap=0, false_negative_rate_gap=0)


def declare(**rules):
    """The model with other rules of promotion."""
    return MODEL.model_copy(update={"promotion": MODEL.promotion.model_copy(update=rules)})


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def draw_contest(seed=1, *, challenger=0.6, champion=0.6, entities=800, model=MODEL):
    """Both models see the persistent risk through noise of their own: more noise is a worse model, the same an equal one."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product([DAYS, range(entities)], names=["as_of", "entity_id"])
    risk = rng.normal(size=entities)
    labels = pd.Series((rng.random(len(index)) < np.tile(sigmoid(1.5 * risk - 1.5), len(DAYS))).astype(int), index=index)

    def see(noise):
        seen = (risk + noise * rng.normal(size=entities)) / (1 + noise**2)
        return pd.Series(sigmoid(1.5 * np.tile(seen, len(DAYS)) - 1.4), index=index)

    ours, theirs = see(challenger), see(champion)
    return enter(model, labels, ours, theirs, cut_segments(labels.index, rng))


def cut_segments(index, rng):
    """Independent of risk: `income` of three unequal values and `region` of two."""
    entities = index.get_level_values("entity_id").nunique()
    income = rng.choice(["high", "low", "middle"], p=[0.15, 0.6, 0.25], size=entities)
    region = rng.choice(["east", "west"], p=[0.3, 0.7], size=entities)
    days = len(index) // entities
    return pd.DataFrame({"income": np.tile(income, days), "region": np.tile(region, days)}, index=index, dtype="object")


def contend(version, scores, **changes):
    """A recipe chosen on these weeks whose newest fit learned from them."""
    entered = Contestant(version, version, "xgboost", WEEKS[-1], len(WEEKS), WEEKS[-1], scores)
    return replace(entered, **changes)


def enter(model, labels, ours, theirs, segments):
    """A contest of these scores."""
    return ComparisonInput(
        model=model,
        as_of=date(2017, 11, 6),
        challenger=contend(2, ours),
        champion=contend(1, theirs),
        labels=labels,
        segments=segments,
    )
