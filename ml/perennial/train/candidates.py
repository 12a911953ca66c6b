"""What may become the challenger: each with its out-of-fold scores and a way to fit it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pandas as pd

from perennial.predictor import Calibrator, Predictor, apply_calibrator, write_files
from perennial.records import Recipe
from perennial.tasks import Scores, Task, frame_scores, stack_scores
from perennial.train.baselines import INVERSE_PENALTY, fit_linear, fit_single_feature, score_fold
from perennial.train.calibration import carry_calibrator, choose_calibrator
from perennial.train.engine import Engine
from perennial.train.inputs import Floats
from perennial.train.rows import FoldRows, TrainingRows
from perennial.train.search import Tried

Fit = Callable[[TrainingRows], Predictor]


@dataclass(frozen=True, eq=False)
class Candidate:
    """A recipe assessed out of fold.

    Attributes:
        fit: fits it on any rows; not calibrated.
        raw: out-of-fold probabilities, amounts, or probabilities of classes, indexed by (as_of, entity_id); `scores` are the
            calibrated ones.
    """

    task: Task
    fit: Fit
    raw: Scores
    labels: pd.Series
    calibrator: Calibrator

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Of those rows; None where a score is one number."""
        return None if isinstance(self.raw, pd.Series) else tuple(self.raw.columns)

    @cached_property
    def scores(self) -> Scores:
        """Calibrated out-of-fold scores."""
        return frame_scores(apply_calibrator(self.calibrator, self.raw.to_numpy()), self.raw.index, self.classes)

    @cached_property
    def metrics(self) -> dict[str, float]:
        """Out-of-fold metrics of the calibrated scores."""
        found = {measure.name: measure.try_value(self.scores, self.labels) for measure in self.task.out_of_fold}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def loss(self) -> float:
        """By which the challenger is chosen."""
        return self.metrics[self.task.loss.name]


def assess_booster(tried: Tried, folds: Sequence[FoldRows], seed: int, engine: Engine) -> Candidate:
    """The trial's recipe, with the median of its early stops as number of rounds."""
    return _assess(partial(engine.fit, tried.recipe, tried.median_rounds, seed), tried.raw, folds)


def assess_linear(folds: Sequence[FoldRows], inverse_penalty: float = INVERSE_PENALTY) -> Candidate:
    """The linear recipe of the task, fitted on each fold's training rows."""
    fit = partial(fit_linear, inverse_penalty=inverse_penalty)
    return _assess(fit, _score_folds(fit, folds), folds)


def assess_single_feature(recipe: Recipe, folds: Sequence[FoldRows]) -> Candidate:
    """The single-feature rule, fitted on each fold's training rows."""
    fit = partial(fit_single_feature, recipe)
    return _assess(fit, _score_folds(fit, folds), folds)


def _score_folds(fit: Fit, folds: Sequence[FoldRows]) -> Scores:
    return stack_scores([fold.validation.frame(score_fold(fit(fold.training), fold.validation)) for fold in folds])


def lose_by_constant(folds: Sequence[FoldRows]) -> float:
    """What one score for all costs out of fold: the best constant of each fold's training rows, of classes their shares."""
    labels = pd.concat([fold.validation.named for fold in folds])
    return folds[0].training.task.loss.value(stack_scores([_score_alike(fold) for fold in folds]), labels)


def _score_alike(fold: FoldRows) -> Scores:
    said = np.atleast_1d(fold.training.task.fitting.constant(fold.training.labels, fold.training.weights))
    rows, classes = len(fold.validation.labels), fold.validation.classes
    if classes is None:
        return fold.validation.frame(np.repeat(said, rows))
    shares = np.pad(said, (0, len(classes) - len(said)))  # the last by name may be missing among the rows that train
    return fold.validation.frame(np.tile(shares, (rows, 1)))


def _assess(fit: Fit, raw: Scores, folds: Sequence[FoldRows]) -> Candidate:
    labels = pd.concat([fold.validation.named for fold in folds])
    learned = np.concatenate([fold.validation.labels for fold in folds])
    sizes = [len(fold.validation.labels) for fold in folds]
    fold_of_row: Floats = np.repeat(np.arange(len(folds), dtype=np.float64), sizes)
    task = folds[0].training.task
    parts = [fold.validation.weights for fold in folds]
    weights = None if parts[0] is None else np.concatenate([part for part in parts if part is not None])
    calibrator = choose_calibrator(task.fitting, raw.to_numpy(), learned, fold_of_row, weights)
    return Candidate(task, fit, raw, labels, calibrator)


def fit_candidate(candidate: Candidate, rows: TrainingRows) -> Predictor:
    """Fit on all the given rows, and calibrate as was found out of fold."""
    fitted = candidate.fit(rows)
    calibrator = carry_calibrator(candidate.calibrator, candidate.classes, rows.classes)
    contract = fitted.contract.model_copy(update={"calibrator": calibrator})
    return Predictor(contract, fitted.booster, fitted.threads)


def write_candidate(
    candidate: Candidate, rows: TrainingRows, golden: pd.DataFrame, folder: Path
) -> tuple[Predictor, Mapping[str, str]]:
    """Fit on all training rows, calibrate, and write the predictor's files; the manifest comes with it."""
    predictor = fit_candidate(candidate, rows)
    manifest = write_files(folder, predictor.booster, predictor.contract, golden)
    _remove_foreign(folder, manifest)
    return predictor, manifest


def _remove_foreign(folder: Path, manifest: Mapping[str, str]) -> None:
    """What an earlier attempt left would be foreign to the manifest, and the predictor would refuse to load.

    The folder is not emptied first: a surviving attempt beside this one may be reading the very same bytes.
    """
    for path in folder.iterdir():
        if path.name not in manifest:
            path.unlink(missing_ok=True)


def draw_learning_curve(candidate: Candidate, fold: FoldRows) -> dict[int, float]:
    """The headline on the last fold when only the newest quarter, half, or all of its training as_ofs are fitted.

    A part whose labels are all alike teaches nothing and has no point.
    """
    days = fold.fold.training
    sizes = sorted({max(1, len(days) // 4), max(1, len(days) // 2), len(days)})
    labels = fold.validation.named
    parts = {size: fold.training.on(days[-size:]) for size in sizes}
    task = candidate.task
    return {
        size: task.headline.value(fold.validation.frame(score_fold(candidate.fit(part), fold.validation)), labels)
        for size, part in parts.items()
        if task.can_learn(part.named)
    }
