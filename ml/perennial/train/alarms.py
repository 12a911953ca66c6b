"""Leak alarms: a feature that knows the answer asks a person before the first champion serves, and stops later trainings; what
is only suspicious becomes a sentence.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Literal, TypeAlias

import lightgbm
import numpy as np
import pandas as pd

from perennial.config import Model
from perennial.errors import LeakSuspected
from perennial.metrics import halve_entities, mean_auc
from perennial.predictor import Feature
from perennial.records import Interval, write_amount
from perennial.tasks import task_of
from perennial.train.bins import LIGHTGBM_BINNING
from perennial.train.inputs import Floats
from perennial.train.pooling import IDENTIFYING
from perennial.train.rows import TrainingRows

SEPARABLE_AUC = 0.90  # first and last as_of that can be told apart so well hold different populations
SEPARATING_ROUNDS = 40
UNTIL_WRITTEN = "Until that is written its later fits are refused."
ALLOWED = re.compile(r"\[training\.acknowledged_auc\] of models/\w+\.toml: (.+)\. Until")
LINE = re.compile(r"(.+?) = (1\.0|0\.\d+)(?:, |$)")
CHANCE = NormalDist().inv_cdf(0.975)
SHOWN, FEW = 3, 0.05
Mask: TypeAlias = np.ndarray[tuple[int], np.dtype[np.bool_]]
LeakRule = Literal["ask", "refuse", "refuse doubtful"]
"""What a leak does: where nobody serves a person is asked; a fit of the champion's recipe is refused; and beside a champion,
where a search costs nobody anything, a doubtful one is refused as well."""


def rank_alone(rows: TrainingRows) -> dict[str, Interval]:
    """The strength of every feature on its own, in whichever direction it ranks better; a constant has .5.

    It is an AUC, or of amounts (1 + normalised Gini) / 2, which is the same of labels 0 and 1: limits keep their meaning.
    """
    rank = rows.task.open_ranker(rows.named)
    return {
        feature.name: rank(rows.inputs.column(place), is_category=feature.kind == "category")
        for place, feature in enumerate(rows.features)
    }


def meet_oracles(model: Model, rows: TrainingRows, alone: Mapping[str, Interval], rule: LeakRule) -> tuple[str, ...]:
    """What a person has to read of features that rank better alone than anybody has found honest, or the end of the training.

    An AUC is beyond its limit when the lower bound of its interval is; one that only chance may have put there is doubtful.

    Raises:
        LeakSuspected: names the features, strongest first, and what to write about those that are honest.
    """
    limits = {name: max(model.training.max_feature_auc, model.training.acknowledged_auc.get(name, 0)) for name in alone}
    counted = find_least if rule != "refuse doubtful" else _read_estimate
    oracles = {name: alone[name] for name in _sort(alone) if counted(alone[name], limits[name], rows) > limits[name]}
    if not oracles:
        return ()
    honest = ", ".join(f"{name} = {_round_up(auc.estimate)}" for name, auc in oracles.items())
    allow = f"writes under [training.acknowledged_auc] of models/{model.name}.toml: {honest}."
    found = _say_found(model, {name: (auc, find_least(auc, limits[name], rows)) for name, auc in oracles.items()})
    if rule != "ask":
        raise LeakSuspected(f"{model.name}: {found} Whoever has looked and found them honest {allow}")
    sentence = f"Perhaps a leak: {found} Whoever has looked and found them honest approves, and {allow}"
    return (f"{sentence} {UNTIL_WRITTEN}",)


def find_unwritten(model: Model, sentences: Sequence[str]) -> list[str]:
    """Of the features that such sentences ask a person to acknowledge, those that the model file does not so far, a line each."""
    asked = [pair for sentence in sentences if sentence.endswith(UNTIL_WRITTEN) for pair in ALLOWED.findall(sentence)]
    lines = [LINE.findall(listed) for listed in asked]
    return [
        f"{name} = {auc}"
        for name, auc in (pair for line in lines for pair in line)
        if max(model.training.max_feature_auc, model.training.acknowledged_auc.get(name, 0)) < float(auc)
    ]


def _say_found(model: Model, oracles: Mapping[str, tuple[Interval, float]]) -> str:
    named = ", ".join(f"{name} ({auc.estimate:.3f}, at least {least:.3f})" for name, (auc, least) in oracles.items())
    return (
        f"alone, these features reach {task_of(model).alone_named} over max_feature_auc = {model.training.max_feature_auc} "
        f"and over what was acknowledged: {named}. Does their SQL read facts at or after the as_of, or the label itself? "
        f"Then correct it, or leave them out by training.exclude = {json.dumps(list(oracles))}."
    )


def find_least(auc: Interval, limit: float, rows: TrainingRows) -> float:
    """The lower bound of an AUC, as wide as entities would spread one that lies on the limit, or as these rows do if wider."""
    return auc.estimate - CHANCE * max(auc.standard_error, rows.task.spread_alone(limit, rows.named))


def _read_estimate(auc: Interval, _limit: float, _rows: TrainingRows) -> float:
    return auc.estimate


def _sort(alone: Mapping[str, Interval]) -> list[str]:
    return sorted(alone, key=lambda name: (-alone[name].estimate, name))


def _name_strong(model: Model, alone: Mapping[str, Interval]) -> tuple[str, ...]:
    """Sentences about the features over the limit: those that somebody has looked at, and those that may be so by chance."""
    limit, acknowledged = model.training.max_feature_auc, model.training.acknowledged_auc
    strong = [name for name in _sort(alone) if alone[name].estimate > limit]
    known = [f"{name} ({alone[name].estimate:.3f}, up to {acknowledged[name]})" for name in strong if name in acknowledged]
    doubtful = [f"{name} ({alone[name].estimate:.3f})" for name in strong if alone[name].estimate > acknowledged.get(name, limit)]
    said = {"and acknowledged": known, "and not acknowledged, perhaps by chance": doubtful}
    return tuple(f"Alone over max_feature_auc = {limit} {how}: {', '.join(names)}." for how, names in said.items() if names)


def _round_up(auc: float) -> float:
    """A limit that the finding keeps with a little room: weeks differ by .01."""
    return min(1.0, math.ceil(auc * 100 + 1) / 100)


def find_alarms(model: Model, rows: TrainingRows, alone: Mapping[str, Interval]) -> tuple[str, ...]:
    """Sentences about what looks wrong but may be right, beside those of `find_suspicions`."""
    return (*_name_strong(model, alone), *_name_empty_columns(rows), *find_remarks(rows))


def find_remarks(rows: TrainingRows) -> tuple[str, ...]:
    """Those that people should read who decide nothing by them: features of which next to nothing can be learned."""
    shares = {feature.name: _share_pooled(rows.inputs.column(place), feature) for place, feature in enumerate(rows.features)}
    return tuple(
        f"Nearly every entity has a value of its own in {feature.name}: {len(feature.categories) + feature.pooled:,} values, and "
        f"{shares[feature.name]:.0%} of the rows hold one that hardly anybody shares. Such values are one to the model. Give a "
        f"coarser one (the town of a street), or leave {feature.name} out under training.exclude."
        for feature in rows.features
        if shares[feature.name] > IDENTIFYING
    )


def _share_pooled(column: Floats, feature: Feature) -> float:
    known = column[~np.isnan(column)]
    return float((known == len(feature.categories)).mean()) if feature.pooled and len(known) else 0.0


def find_suspicions(model: Model, rows: TrainingRows) -> tuple[str, ...]:
    """Those of the sentences that speak of a leak which nobody has looked at."""
    return _name_separating_columns(model, rows)


def _name_empty_columns(rows: TrainingRows) -> tuple[str, ...]:
    empty = [feature.name for place, feature in enumerate(rows.features) if np.isnan(rows.inputs.column(place)).all()]
    return (f"Null in every training row: {', '.join(empty)}.",) if empty else ()


def _name_separating_columns(model: Model, rows: TrainingRows) -> tuple[str, ...]:
    """Can the first as_of be told from the last? Then something counts time, or was delivered differently."""
    expected = set(model.features.no_drift_trigger.columns)
    places = [place for place, feature in enumerate(rows.features) if feature.name not in expected]
    days = rows.index.get_level_values("as_of")
    if not places or days.min() == days.max():
        return ()
    auc, gains = _separate(rows, places, np.asarray(days == days.min()), np.asarray(days == days.max()), model.training.seed)
    if auc <= SEPARABLE_AUC:
        return ()
    strongest = [places[place] for place in np.argsort(-gains, kind="stable")[:SHOWN] if gains[place] > FEW * gains.max()]
    moved = "; ".join(
        _say_moved(rows, place, np.asarray(days == days.min()), np.asarray(days == days.max())) for place in strongest
    )
    named = ", ".join(rows.features[place].name for place in strongest)
    sentence = (
        f"Rows of {days.min():%Y-%m-%d} and {days.max():%Y-%m-%d} can be told apart (AUC {auc:.2f}), mostly by {named}. From the "
        f"first to the last: {moved}. Look at their SQL and at how their source is filled. A column that counts time stands "
        f"under [features.no_drift_trigger] of models/{model.name}.toml; one that was delivered differently is mended at its "
        "source, or left out under training.exclude."
    )
    return (sentence,)


def _say_moved(rows: TrainingRows, place: int, first: Mask, last: Mask) -> str:
    """How a column of the last as_of differs from that of the first: its mean, its most moved value, its nulls."""
    feature, column = rows.features[place], rows.inputs.column(place)
    before, after = column[first], column[last]
    empty = [float(np.isnan(column).mean()) for column in (before, after)]
    said = [f"null in {empty[0]:.0%}, then in {empty[1]:.0%}"] if abs(empty[1] - empty[0]) > FEW else []
    if feature.kind != "category" and max(empty) < 1:
        said.append(f"mean {write_amount(float(np.nanmean(before)))}, then {write_amount(float(np.nanmean(after)))}")
    elif feature.kind == "category" and feature.categories:
        codes = range(len(feature.categories))
        shares = [(float((before == code).mean()), float((after == code).mean())) for code in codes]
        code = max(codes, key=lambda one: abs(shares[one][1] - shares[one][0]))
        said.append(f"'{feature.categories[code]}' in {shares[code][0]:.0%}, then in {shares[code][1]:.0%}")
    return f"{feature.name} ({'; '.join(said) or 'in combination with others'})"


def _separate(
    rows: TrainingRows,
    places: list[int],
    first: Mask,
    last: Mask,
    seed: int,
) -> tuple[float, Floats]:
    """AUC of telling last from first, learned on one half of the entities and assessed on the other; gain per column."""
    both, half = first | last, halve_entities(rows.index)
    learn, assess = both & half, both & ~half
    if len(np.unique(last[learn])) == 1 or len(np.unique(last[assess])) == 1:
        return 0.5, np.zeros(len(places))
    parameters = {**LIGHTGBM_BINNING, "objective": "binary", "num_leaves": 7, "seed": seed}
    inputs = rows.inputs.pick(places)
    data = lightgbm.Dataset(inputs.take(learn).matrix(), label=last[learn].astype(float), params=LIGHTGBM_BINNING)
    booster = lightgbm.train(parameters, data, num_boost_round=SEPARATING_ROUNDS)
    guessed = np.asarray(booster.predict(inputs.take(assess).matrix(), num_threads=1))
    # One pooled "as_of": here the day is what is guessed, so that it cannot be what is averaged over.
    pooled = pd.MultiIndex.from_arrays([np.zeros(len(guessed)), np.arange(len(guessed))], names=["as_of", "entity_id"])
    auc = mean_auc(pd.Series(guessed, index=pooled), pd.Series(last[assess].astype(float), index=pooled))
    return auc, np.asarray(booster.feature_importance("gain"), dtype=np.float64)
