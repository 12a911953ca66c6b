"""The figures of classes: log-loss, macro AUC, how often the likeliest is right, and calibration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property, partial

import numpy as np
import pandas as pd

from perennial import metrics
from perennial.config import Model
from perennial.metrics.classes import FEWEST_ENTITIES, Classes
from perennial.records import Interval
from perennial.tasks.measure import Guarded, Headline, Measure, Ranker, Single
from perennial.tasks.scores import find_likeliest, find_published
from perennial.tasks.top import guard_value
from perennial.tasks.watching import say_weighed
from perennial.tasks.widening import (
    by_names,
    by_published,
    code_classes,
    days_by_names,
    name_classes,
    pair_by_names,
    prepare,
    single_by_names,
)

MOST_NAMED = 5


def code_rows(labels: pd.Series) -> Classes:
    """The rows of these labels as metrics read them."""
    classes = name_classes(labels)
    return metrics.make_classes(code_classes(labels, classes), len(classes))


def find_unknown(scores: pd.DataFrame, labels: pd.Series) -> Mapping[str, int]:
    """Rows of every class that the scores do not know, the commonest first."""
    return {str(name): int(count) for name, count in labels[~labels.isin(scores.columns)].value_counts().items()}


def mention_unknown(scores: pd.DataFrame, labels: pd.Series) -> tuple[str, ...]:
    """A sentence about rows of classes that the scores do not know, where there are such."""
    unknown = find_unknown(scores, labels)
    if not unknown:
        return ()
    rows = f"Of {len(labels)} unseen rows {sum(unknown.values())} came out as classes that no fit had seen"
    return (f"{rows}: {list_classes(unknown)}. Their probability counts as 0.",)


def mention_rare(labels: pd.Series) -> tuple[str, ...]:
    """A sentence about classes that the macro AUC leaves out, where there are such."""
    rare = find_rare(labels)
    if not rare:
        return ()
    fewer = f"classes with fewer than {FEWEST_ENTITIES} entities on either side"
    return (f"The macro AUC leaves out {fewer}: {list_classes(rare)}.",)


def advise_names(labels: pd.Series) -> str:
    """To give classes that few entities of a day carry a name together; nothing where there are none."""
    counts = labels.value_counts()
    rare = {str(name): int(count) for name, count in counts[counts < FEWEST_ENTITIES].items()}
    if not rare:
        return ""
    named = list_classes(rare)
    return f"fewer than {FEWEST_ENTITIES} entities have {named}: give such classes one name together in labels.sql"


def find_right(scores: pd.DataFrame, labels: pd.Series) -> pd.Series:
    """1 where the likeliest class is what came, else 0."""
    said, came = (each.to_numpy(dtype=object) for each in (find_likeliest(scores), labels.reindex(scores.index)))
    return pd.Series(np.equal(said, came).astype(np.int64), index=scores.index)


def list_classes(named: Mapping[str, int]) -> str:
    """`fuel (12 rows), deli (3 rows)`."""
    shown = [f"{name} ({count} rows)" for name, count in list(named.items())[:MOST_NAMED]]
    return ", ".join(shown) + (f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else "")


def share_classes(labels: pd.Series) -> pd.Series:
    """How often each class came, weighted where the index says what rows weigh; by name."""
    weights = metrics.read_weights(labels.index)
    weighs = np.ones(len(labels)) if weights is None else weights
    shares: pd.Series = pd.Series(weighs).groupby(labels.to_numpy(dtype=object)).sum() / weighs.sum()
    return shares


def describe_shares(labels: pd.Series) -> str:
    """The classes that came, the commonest first."""
    shares = share_classes(labels).sort_values(ascending=False, kind="stable")
    shown = ", ".join(f"{name} {share:.1%}" for name, share in shares.head(MOST_NAMED).items())
    rest = f" and {len(shares) - MOST_NAMED} more" if len(shares) > MOST_NAMED else ""
    return f"{len(labels)} labels of {len(shares)} classes{say_weighed(labels)}: {shown}{rest}"


def open_ranker(labels: pd.Series) -> Ranker:
    """Measures the highest AUC that a column has for any class against the others, of those that enough entities carry."""
    classes = name_classes(labels)
    compared = [classes.index(name) for name in _choose_classes(labels)]
    return metrics.AloneOfClasses(code_rows(labels), compared).rank


def spread_alone(strength: float, labels: pd.Series) -> float:
    """The standard error of such an AUC by the entities of the class of which most speak.

    That of a rarer class is larger, and counts by its influence values, which thirty entities give: with the largest of all a
    feature that knows the answer would pass for chance wherever one class is rare. Where all are rare it is the largest.
    """
    spreads = [metrics.spread_of_auc(strength, (labels == name).astype(np.int64)) for name in _choose_classes(labels)]
    return max(spreads) if len(find_rare(labels)) == len(name_classes(labels)) else min(spreads)


def find_rare(labels: pd.Series) -> Mapping[str, int]:
    """Rows of the classes that too few entities carry for an AUC of their own, or that nearly all carry."""
    classes = name_classes(labels)
    if not classes:
        return {}
    kept = {classes[code] for code in metrics.keep_codes(code_rows(labels), len(classes))}
    return {str(name): int(count) for name, count in labels.value_counts().items() if name not in kept}


def _choose_classes(labels: pd.Series) -> list[str]:
    """Those that enough entities carry, or all where that is none."""
    rare = find_rare(labels)
    return [name for name in name_classes(labels) if name not in rare] or name_classes(labels)


class Figures:
    """What can be measured of the classes of one model."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.confidence = model.promotion.confidence
        self.capacity = model.promotion.capacity
        self.seed = model.training.seed

    def _measure(self, name: str, value: Callable[..., float], difference: Callable[..., Interval], *, lower: bool) -> Measure:
        return Measure(name, by_names(value), pair_by_names(difference), is_lower_better=lower)

    @property
    def headline(self) -> Headline:
        """What `training.metric` names."""
        return self.log_loss if self.model.metric == "log_loss" else self.macro_auc

    @cached_property
    def log_loss(self) -> Headline:
        """Of the probability given to what came."""
        return Headline(
            "log_loss",
            by_names(metrics.class_log_loss),
            pair_by_names(partial(metrics.paired_class_loss_difference, confidence=self.confidence)),
            is_lower_better=True,
            title="log-loss",
            verb="predicted",
            by_day=days_by_names(metrics.paired_class_loss_by_day),
            single=single_by_names(metrics.class_log_loss_with_interval),
        )

    @cached_property
    def macro_auc(self) -> Headline:
        """Of each class against the others, averaged."""
        return Headline(
            "macro_auc",
            by_names(lambda scores, codes: metrics.macro_auc(scores, codes).auc.estimate),
            pair_by_names(partial(metrics.paired_macro_auc_difference, confidence=self.confidence)),
            title="macro AUC",
            by_day=days_by_names(lambda ours, theirs, codes: metrics.paired_macro_auc_by_day(ours, theirs, codes)[0]),
            single=single_by_names(lambda scores, codes, confidence: metrics.macro_auc(scores, codes, confidence=confidence).auc),
        )

    @cached_property
    def accuracy(self) -> Measure:
        """How often the likeliest class is right."""
        difference = partial(metrics.paired_accuracy_difference, confidence=self.confidence)
        return self._measure("accuracy", metrics.accuracy, difference, lower=False)

    @cached_property
    def at_the_top(self) -> Measure:
        """The same of the first `capacity` of a day."""
        first = self.capacity
        difference = partial(metrics.paired_accuracy_difference, confidence=self.confidence, capacity=first)
        return self._measure("accuracy_at_capacity", partial(metrics.accuracy, capacity=first), difference, lower=False)

    @cached_property
    def calibration_error(self) -> Measure:
        """Of each class, averaged."""
        difference = partial(metrics.paired_class_calibration_difference, confidence=self.confidence, seed=self.seed)
        return self._measure("calibration_error", metrics.class_calibration_error, difference, lower=True)

    @property
    def measures(self) -> tuple[Measure, ...]:
        """All that is shown beside the headline, which is one of the first two."""
        return (self.log_loss, self.macro_auc, self.accuracy, *self.at_capacity, self.calibration_error)

    @cached_property
    def at_capacity(self) -> tuple[Measure, ...]:
        """Those of the first `capacity` of a day."""
        return () if self.capacity is None else (self.at_the_top, *(each.measure for each in self.worth))

    @cached_property
    def worth(self) -> tuple[Guarded, ...]:
        """What these are worth, where `label.value` says so: a class itself is worth nothing."""
        guarded = guard_value(self.model) if self.model.label.value else ()
        return tuple(replace(each, measure=by_published(each.measure)) for each in guarded)

    @property
    def guarded(self) -> tuple[Guarded, ...]:
        """The other of log-loss and macro AUC, what the probabilities say, and who is at the top."""
        borne = self.model.promotion.tolerated
        other = (
            Guarded("macro_auc", self.macro_auc, "The macro AUC goes", borne.macro_auc)
            if self.headline is self.log_loss
            else Guarded("log_loss", self.log_loss, "Log-loss goes", borne.log_loss)
        )
        fact = "The calibration error, averaged over classes, goes"
        shown = (other, Guarded("calibration", self.calibration_error, fact, borne.calibration))
        if self.capacity is None:
            return shown
        fact = f"Of the {self.capacity} that are acted on in a day, the share whose likeliest class is right goes"
        return (*shown, Guarded("accuracy", self.at_the_top, fact, borne.precision), *self.worth)

    @property
    def singles(self) -> Mapping[str, Single]:
        """Each of them by itself, with its interval."""
        top = single_by_names(partial(metrics.accuracy_with_interval, capacity=self.capacity))
        return {
            "log_loss": self.log_loss.single,
            "macro_auc": self.macro_auc.single,
            "accuracy": single_by_names(metrics.accuracy_with_interval),
            **({} if self.capacity is None else {"accuracy_at_capacity": top}),
            "calibration_error": single_by_names(partial(metrics.class_calibration_with_interval, seed=self.seed)),
        }

    def cut_classes(self, scores: pd.DataFrame, labels: pd.Series) -> tuple[metrics.ClassReliability, ...]:
        """Does the probability of each mean what it says?"""
        codes, (widened,) = prepare(labels, scores)
        return metrics.reliability_by_class(widened, codes, confidence=self.confidence)


def find_sure(scores: pd.DataFrame, labels: pd.Series) -> tuple[pd.Series, pd.Series]:
    """The probability of the likeliest class, and whether it came; nothing where nobody was scored."""
    if scores.empty:
        return pd.Series(dtype=float, index=scores.index), pd.Series(dtype=float, index=scores.index)
    return find_published(scores), find_right(scores, labels)


def can_rank(labels: pd.Series) -> bool:
    """Is there an as_of that holds every class of which enough entities speak, and is there such a class?"""
    kept = set(name_classes(labels)) - set(find_rare(labels))
    return bool(kept) and any(kept <= set(day) and len(set(day)) > 1 for _, day in labels.groupby(level="as_of"))
