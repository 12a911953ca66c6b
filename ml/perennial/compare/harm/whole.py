"""Guards over all rows: log-loss, calibration, and precision where people act."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pandas as pd

from perennial import metrics
from perennial.compare.harm.evidence import Sampled
from perennial.compare.harm.guards import HarmTest, ask, not_assessed
from perennial.compare.harm.pair import ScoredPair
from perennial.compare.measures import MIN_ENTITIES, MIN_POSITIVES
from perennial.metrics.bootstrap import paired_bootstrap_difference
from perennial.metrics.capacity import precision_at_capacity, prepare_precision_at_capacity
from perennial.records import Guard, Interval

LOG_LOSS, CALIBRATION, PRECISION = "log_loss", "calibration", "precision"


def guard_whole(pair: ScoredPair) -> Iterator[HarmTest | Guard]:
    """One question each, or none of them assessed when too few positives were seen."""
    borne = pair.model.promotion.tolerated
    positives = int(pair.panel.is_positive.sum())
    carriers = pair.count_carriers(pair.panel.is_positive)
    if positives < MIN_POSITIVES or carriers < MIN_ENTITIES:
        counts = f"{positives} positives from {carriers} entities"
        for name, tolerated in ((LOG_LOSS, borne.log_loss), (CALIBRATION, borne.calibration), (PRECISION, borne.precision)):
            yield not_assessed(name, tolerated, f"Not assessed: {name}, on {counts}; {say_fewest()}.")
        return
    yield _ask_log_loss(pair, carriers)
    yield _ask_calibration(pair, carriers)
    yield _ask_precision(pair, carriers)


def say_fewest() -> str:
    """What assessing takes."""
    return f"{MIN_POSITIVES} from {MIN_ENTITIES} entities are the fewest"


def _ask_log_loss(pair: ScoredPair, carriers: int) -> HarmTest:
    ours, theirs, labels = _series(pair)
    fact = f"Log-loss goes from {metrics.log_loss(theirs, labels):.4f} to {metrics.log_loss(ours, labels):.4f}"
    rise = metrics.paired_loss_difference(ours, theirs, labels)
    return ask(LOG_LOSS, fact, _turn(rise, pair.model.promotion.tolerated.log_loss, carriers))


def _ask_calibration(pair: ScoredPair, carriers: int) -> HarmTest:
    ours, theirs, labels = _series(pair)
    before, after = metrics.calibration_error(theirs, labels), metrics.calibration_error(ours, labels)
    rise = _draw(pair, metrics.prepare_calibration_error)
    fact = f"The calibration error goes from {before:.4f} to {after:.4f}"
    return ask(CALIBRATION, fact, _turn(rise, pair.model.promotion.tolerated.calibration, carriers))


def _ask_precision(pair: ScoredPair, carriers: int) -> HarmTest:
    """Where people act on the first k of a day, what matters is how many positives stand among them."""
    rules = pair.model.promotion
    ours, theirs, labels = _series(pair)
    if rules.capacity is None:
        measure = partial(metrics.precision_at_recall, labels=labels, recall=rules.precision_at_recall)
        rise = _draw(pair, metrics.prepare_precision_at_recall(rules.precision_at_recall))
        where = f"Precision at {rules.precision_at_recall:.0%} recall goes"
    else:
        measure = partial(precision_at_capacity, labels=labels, capacity=rules.capacity)
        rise = _draw(pair, prepare_precision_at_capacity(rules.capacity))
        where = f"Of the {rules.capacity} that are acted on in a day, the share of positives goes"
    fact = f"{where} from {measure(theirs):.4f} to {measure(ours):.4f}"
    return ask(PRECISION, fact, Sampled(rise.estimate, rise.standard_error, rules.tolerated.precision, carriers))


def _turn(rise: Interval, tolerated: float, carriers: int) -> Sampled:
    """Less is better."""
    return Sampled(-rise.estimate, rise.standard_error, tolerated, carriers)


def _series(pair: ScoredPair) -> tuple[pd.Series, pd.Series, pd.Series]:
    index = pair.panel.index
    return (
        pd.Series(pair.ours.scores, index=index),
        pd.Series(pair.theirs.scores, index=index),
        pd.Series(pair.panel.is_positive.astype(float), index=index),
    )


def _draw(pair: ScoredPair, metric: metrics.Metric) -> Interval:
    ours, theirs, labels = _series(pair)
    rules = pair.model.promotion
    return paired_bootstrap_difference(metric, (ours, theirs), labels, confidence=rules.confidence, seed=pair.model.training.seed)
