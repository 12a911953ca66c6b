"""What was judged out of fold, put side by side, measured and written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from ml.metrics import mean_auc, paired_auc_difference
from ml.predictor import IDENTITY, Predictor
from ml.records import Baseline, Interval
from ml.train.candidates import Candidate, is_booster_ahead, write_candidate
from ml.train.rows import FoldRows, Rows
from ml.train.search import Searched


@dataclass(frozen=True, eq=False)
class Judged:
    """The tuned booster and the baselines on the same out-of-fold rows; which of them is the challenger follows."""

    booster: Candidate
    logistic: Candidate
    recency: Candidate
    confidence: float

    @cached_property
    def is_boosted(self) -> bool:
        return is_booster_ahead(self.booster, self.logistic, self.confidence)

    @property
    def challenger(self) -> Candidate:
        return self.booster if self.is_boosted else self.logistic


@dataclass(frozen=True, eq=False)
class Written:
    """The fitted challenger with the manifest of its files, and the baselines beside it."""

    challenger: Predictor
    manifest: Mapping[str, str]
    baselines: Mapping[str, Baseline]


def write_all(judged: Judged, rows: Rows, golden: pd.DataFrame, folder: Path) -> Written:
    """Fit and write challenger/, logistic/ and recency/, each a predictor in a folder of its own.

    The baselines are plain: a logistic regression states probabilities by itself, and a calibrated one is what the
    challenger becomes where it wins.
    """
    challenger, manifest = write_candidate(judged.challenger, rows, golden, folder / "challenger")
    baselines = {
        "logistic": _write_baseline(judged.logistic, rows, golden, folder / "logistic"),
        "recency": _write_baseline(judged.recency, rows, golden, folder / "recency"),
    }
    return Written(challenger, manifest, baselines)


def _write_baseline(candidate: Candidate, rows: Rows, golden: pd.DataFrame, folder: Path) -> Baseline:
    predictor, manifest = write_candidate(replace(candidate, calibrator=IDENTITY), rows, golden, folder)
    names = predictor.contract.names
    return Baseline(folder, manifest, names[0] if folder.name == "recency" else None, candidate.metrics)


def measure_out_of_fold(judged: Judged) -> dict[str, float]:
    """The challenger's own metrics, and those of all that were judged under their names."""
    named = {"booster": judged.booster, "logistic": judged.logistic, "recency": judged.recency}
    each = {f"{name}_{metric}": value for name, one in named.items() for metric, value in one.metrics.items()}
    return {**judged.challenger.metrics, **each}


def measure_fold(judged: Judged, fold: FoldRows, number: int) -> dict[str, float]:
    """One row for a fold: its size, and what each candidate achieved there."""
    rows = fold.validation.index
    labels = judged.booster.labels.loc[rows]
    aucs = {
        f"{name}_auc": mean_auc(candidate.scores.loc[rows], labels)
        for name, candidate in (
            ("challenger", judged.challenger),
            ("booster", judged.booster),
            ("logistic", judged.logistic),
            ("recency", judged.recency),
        )
    }
    sizes = {"training_rows": float(len(fold.training.labels)), "validation_rows": float(len(rows))}
    return {"fold": float(number), **sizes, **aucs}


def measure_search(searched: Searched) -> dict[str, float]:
    """What the search found and cost."""
    return {
        "tuned_auc": searched.best.auc,
        "default_auc": searched.default.auc,
        "trials": float(searched.trials),
        "pruned_trials": float(searched.pruned),
        "fold_fits": float(searched.fold_fits),
    }


def compare_to_default(searched: Searched, judged: Judged) -> Interval:
    """Out-of-fold AUC of the best trial minus that of the better regularised default, on the same rows.

    The best of many trials flatters itself on the rows it was chosen by, so that this is an upper hope, not a promise.
    """
    labels = judged.booster.labels
    return paired_auc_difference(searched.best.raw, searched.default.raw, labels, confidence=judged.confidence)
