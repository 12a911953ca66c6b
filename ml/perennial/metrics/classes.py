"""Probabilities of several classes: log-loss by row, and the AUC of each class against the rest, averaged over classes.

Labels are codes of classes, counted from 0, indexed by (as_of, entity_id), or (as_of, entity_id, cluster). Scores are a frame
with the same rows and one column per class, in the order of the codes. A class that too few entities carry, or too few do not,
has an AUC that is a guess: it is left out and named.

Sources: as in `losses` and `auc`; D. J. Hand, R. J. Till, Machine Learning 45 (2001), 171-186, for averaging over classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from perennial.errors import MetricNotFinite, MisalignedScores, OneClassLabels
from perennial.metrics.amounts import average_by_day, compare_losses
from perennial.metrics.auc import estimate_auc
from perennial.metrics.clustered import clustered_interval
from perennial.metrics.daily import DailyGain, paired_auc_by_day
from perennial.metrics.panel import AlignedRows, Floats, Ints, check_same_rows, code_rows
from perennial.metrics.rates import Estimated
from perennial.records import Interval

SMALLEST_PROBABILITY = 1e-4  # one row costs 9.2 at most: without a bound one sure mistake outweighs thousands of rows
FEWEST_ENTITIES = 30  # on either side of a class, as the sequential test asks it of two classes
ROUNDING = 1e-4  # of probabilities in single precision that should add up to 1


@dataclass(frozen=True, eq=False)
class Classes(AlignedRows):
    """Rows whose label is one of several classes: its code, counted from 0."""

    codes: Ints


@dataclass(frozen=True)
class MacroAuc:
    """The mean AUC over classes; `dropped` are the columns of those that too few entities carry, or do not."""

    auc: Interval
    dropped: tuple[str, ...]


def class_log_loss(scores: pd.DataFrame, labels: pd.Series) -> float:
    """-log(probability given to what happened), clipped, within each as_of, averaged.

    Raises:
        MisalignedScores: both do not cover the same rows.
        MetricNotFinite: a label is no code of a column, or a row of probabilities does not add up to 1.
    """
    rows = make_classes(labels, scores.shape[1])
    return average_by_day(rows, _row_losses(rows, scores)).value


def class_log_loss_with_interval(scores: pd.DataFrame, labels: pd.Series, *, confidence: float = 0.95) -> Interval:
    """`class_log_loss` with its interval, clustered by entity."""
    rows = make_classes(labels, scores.shape[1])
    return _interval(average_by_day(rows, _row_losses(rows, scores)), rows, confidence)


def paired_class_loss_difference(
    challenger: pd.DataFrame, champion: pd.DataFrame, labels: pd.Series, *, confidence: float = 0.95
) -> Interval:
    """`class_log_loss` of the challenger minus that of the champion, clustered by entity: below 0 is better; raises as by day."""
    _check_same_classes(challenger, champion)
    rows = make_classes(labels, champion.shape[1])
    ours, theirs = (average_by_day(rows, _row_losses(rows, scores)) for scores in (challenger, champion))
    return _interval(ours - theirs, rows, confidence)


def paired_class_loss_by_day(challenger: pd.DataFrame, champion: pd.DataFrame, labels: pd.Series) -> DailyGain:
    """The champion's log-loss minus the challenger's within each as_of: positive is better.

    Raises:
        MisalignedScores: the three do not cover the same rows, or both have other classes.
        MetricNotFinite: as `class_log_loss`.
    """
    _check_same_classes(challenger, champion)
    rows = make_classes(labels, champion.shape[1])
    return compare_losses(rows, _row_losses(rows, challenger), _row_losses(rows, champion))


def macro_auc(scores: pd.DataFrame, labels: pd.Series, *, confidence: float = 0.95) -> MacroAuc:
    """The AUC of each class against the rest (see `mean_auc`), averaged over classes that enough entities carry.

    Raises:
        MisalignedScores: both do not cover the same rows.
        MetricNotFinite: as `class_log_loss`.
        OneClassLabels: no class has enough entities on either side.
    """
    rows = make_classes(labels, scores.shape[1])
    kept = _keep_classes(rows, scores)
    return MacroAuc(_interval(_average_aucs(scores, labels, kept), rows, confidence), _name_dropped(scores, kept))


def paired_macro_auc_difference(
    challenger: pd.DataFrame, champion: pd.DataFrame, labels: pd.Series, *, confidence: float = 0.95
) -> Interval:
    """`macro_auc` of the challenger minus that of the champion, on the same rows, clustered by entity; raises as by day."""
    _check_same_classes(challenger, champion)
    rows = make_classes(labels, champion.shape[1])
    kept = _keep_classes(rows, champion)
    ours, theirs = (_average_aucs(scores, labels, kept) for scores in (challenger, champion))
    return _interval(ours - theirs, rows, confidence)


def paired_macro_auc_by_day(
    challenger: pd.DataFrame, champion: pd.DataFrame, labels: pd.Series
) -> tuple[DailyGain, tuple[str, ...]]:
    """The challenger's macro AUC minus the champion's on each as_of that has all classes kept, and the columns dropped.

    Raises:
        MisalignedScores: the three do not cover the same rows, or both have other classes.
        MetricNotFinite: as `class_log_loss`.
        OneClassLabels: no class has enough entities on either side, or no as_of has all those that have.
    """
    _check_same_classes(challenger, champion)
    rows = make_classes(labels, champion.shape[1])
    kept = _keep_classes(rows, champion)
    gains = [paired_auc_by_day(challenger.iloc[:, code], champion.iloc[:, code], _is_class(labels, code)) for code in kept]
    days = sorted(set.intersection(*(set(gain.as_ofs) for gain in gains)))
    if not days:
        raise OneClassLabels(f"None of the as_ofs holds all of the {len(kept)} classes that enough entities carry.")
    places = [[gain.as_ofs.index(day) for day in days] for gain in gains]
    both = list(zip(gains, places, strict=True))
    groups = {
        f"{group} of class {champion.columns[code]}": count
        for code, gain in zip(kept, gains, strict=True)
        for group, count in gain.entities_by_group.items()
    }
    mean = np.mean([gain.gains[place] for gain, place in both], axis=0)
    influence = np.mean([gain.influence[:, place] for gain, place in both], axis=0)
    return DailyGain(tuple(days), mean, influence, groups), _name_dropped(champion, kept)


def make_classes(labels: pd.Series, count: int) -> Classes:
    """Read codes of so many classes.

    Raises:
        MisalignedScores: the index is not (as_of, entity_id), with or without a cluster, or a row occurs twice.
        MetricNotFinite: there is no label, or one is not a code.
    """
    index, days, entities = code_rows(labels)
    values = labels.to_numpy(dtype=np.float64)
    is_code = np.isin(values, np.arange(count))
    if not is_code.all() or not len(values):
        raise MetricNotFinite(
            f"{int((~is_code).sum())} of {len(values)} labels are no codes from 0 to {count - 1}: a class that the model does "
            "not know cannot be compared. Name it before, or train on it."
        )
    return Classes(index, days, entities, values.astype(np.intp))


def keep_codes(rows: Classes, count: int) -> list[int]:
    """The codes, of so many, that enough entities carry and enough do not."""
    carried = [rows.codes == code for code in range(count)]
    fewest = [min(rows.count_entities(members), rows.count_entities(~members)) for members in carried]
    return [code for code, found in enumerate(fewest) if found >= FEWEST_ENTITIES]


def _average_aucs(scores: pd.DataFrame, labels: pd.Series, kept: list[int]) -> Estimated:
    parts = [estimate_auc(scores.iloc[:, code], _is_class(labels, code)) for code in kept]
    return Estimated(float(np.mean([part.value for part in parts])), np.mean([part.influence for part in parts], axis=0))


def _interval(found: Estimated, rows: Classes, confidence: float) -> Interval:
    return clustered_interval(found.value, found.influence, rows, confidence=confidence)


def _row_losses(rows: Classes, scores: pd.DataFrame) -> Floats:
    given = align_classes(rows, scores)[np.arange(rows.rows), rows.codes]
    losses: Floats = -np.log(np.clip(given, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY))
    return losses


def align_classes(rows: Classes, scores: pd.DataFrame) -> Floats:
    """The probabilities in the order of the rows.

    Raises:
        MisalignedScores: both do not cover the same rows.
        MetricNotFinite: a row of probabilities does not add up to 1.
    """
    check_same_rows(scores.index, rows.index)
    values = scores.reindex(rows.index).to_numpy(dtype=np.float64)
    is_sound: npt.NDArray[np.bool_] = np.abs(values.sum(axis=1) - 1) <= ROUNDING
    is_sound &= (values >= 0).all(axis=1)
    if not is_sound.all():
        raise MetricNotFinite(f"{int((~is_sound).sum())} of {len(values)} rows are no probabilities that add up to 1.")
    return values


def _is_class(labels: pd.Series, code: int) -> pd.Series:
    return (labels == code).astype(np.int64)


def _keep_classes(rows: Classes, scores: pd.DataFrame) -> list[int]:
    """The codes that enough entities carry and enough do not."""
    align_classes(rows, scores)
    kept = keep_codes(rows, scores.shape[1])
    if not kept:
        raise OneClassLabels(f"No class has {FEWEST_ENTITIES} entities that carry it and as many that do not.")
    return kept


def _name_dropped(scores: pd.DataFrame, kept: list[int]) -> tuple[str, ...]:
    return tuple(str(name) for code, name in enumerate(scores.columns) if code not in kept)


def _check_same_classes(challenger: pd.DataFrame, champion: pd.DataFrame) -> None:
    if list(challenger.columns) != list(champion.columns):
        raise MisalignedScores(
            f"The challenger has the classes {list(challenger.columns)}, the champion {list(champion.columns)}: "
            "only models of the same classes can be compared."
        )
