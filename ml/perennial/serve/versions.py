"""A version that this process has loaded: what it says about rows, as the scores of a day would say it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import cast

import numpy as np

from perennial.errors import RegistryUnavailable
from perennial.predictor import (
    Matrix,
    Predictor,
    QuickScorer,
    RowEncoder,
    RowsRefused,
    loading_alone,
    make_quick,
    make_row_encoder,
)
from perennial.records import Version
from perennial.stores.registry import Registry
from perennial.stores.registry.loading import CACHE, load_kept

Prediction = dict[str, object]
LARGEST_SCORE = 1e100
MOST_PROBLEMS = 20
THREADS = 1  # of the libraries: workers are how a server uses cores


@dataclass(frozen=True, eq=False)
class LoadedVersion:
    """Safe in several threads: scores set nothing, and reasons are found by one at a time."""

    version: Version
    predictor: Predictor
    encoder: RowEncoder
    scorer: QuickScorer
    explaining: Lock = field(default_factory=Lock)

    def encode(self, rows: Sequence[object]) -> Matrix:
        """Rows of named values as this version reads them.

        Raises:
            RowsRefused: they are not what it reads.
        """
        return self.encoder.encode(rows)

    def predict(self, matrix: Matrix, reasons: int) -> list[Prediction]:
        """For every row what would be published of it, ranks aside: `score`, of classes `class` and `probabilities`, reasons.

        Numbers may be so large that a score is none: `is_score` says so.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            scores = self.scorer.score(matrix)
        classes = self.predictor.contract.classes
        found = [{"score": score} for score in scores.tolist()] if classes is None else _name_classes(scores, classes)
        if reasons:
            with self.explaining, np.errstate(over="ignore", invalid="ignore"):
                texts = self.predictor.explain_matrix(matrix, reasons)
            for prediction, row in zip(found, texts, strict=True):
                prediction["reasons"] = list(row)
        return found


def is_score(prediction: Prediction) -> bool:
    """Whether it holds a number, and one whose square is a number too: sums of both are kept."""
    return abs(cast("float", prediction["score"])) <= LARGEST_SCORE


def refuse_no_scores(predictions: Sequence[Prediction], places: Sequence[int] | None = None) -> None:
    """Args: their places in the request, if they are not all of it.

    Raises:
        RowsRefused: a version has no score for one of these rows, because of numbers of a size that nobody means.
    """
    wrong = [place for place, prediction in enumerate(predictions) if not is_score(prediction)]
    if wrong:
        named = wrong if places is None else [places[place] for place in wrong]
        raise RowsRefused([f"row {place}: its numbers are too large for a score" for place in named[:MOST_PROBLEMS]])


def load(version: Version, mlflow_uri: str, artifacts: Path) -> LoadedVersion:
    """Open a version as scoring does: hash, first load in a child, golden rows; its reasons are made ready too.

    Raises:
        ArtifactCorrupt: its files are not what the training wrote.
        VersionMissing: MLflow has lost them.
        RegistryUnavailable: this machine keeps none, and MLflow does not answer.
    """
    cache = artifacts / CACHE
    with loading_alone():
        predictor = load_kept(version, cache, lambda: _fetch_beside(mlflow_uri, version, cache), threads=THREADS)
    loaded = LoadedVersion(version, predictor, make_row_encoder(predictor.contract), make_quick(predictor))
    if predictor.golden is not None:
        loaded.predict(predictor.golden, 1)
    return loaded


def _fetch_beside(mlflow_uri: str, version: Version, cache: Path) -> Path:
    """In a process that ends: MLflow's client takes more memory than a server does, and stays once it is loaded."""
    if not mlflow_uri:
        raise RegistryUnavailable(
            f"{version.model}: the files of version {version.version} are not kept under {cache}, and PERENNIAL_MLFLOW_URI, from "
            "where they would be fetched, is not set."
        )
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(fetch_files, mlflow_uri, version, cache).result()


def fetch_files(mlflow_uri: str, version: Version, cache: Path) -> Path:
    """The folder of its files, fetched from MLflow."""
    return Registry(mlflow_uri).fetch(version, cache)


def _name_classes(scores: Matrix, classes: tuple[str, ...]) -> list[Prediction]:
    """Of equally likely ones the first by name, as in what is published."""
    likeliest = np.argmax(scores, axis=1)
    return [
        {"score": row[place], "class": classes[place], "probabilities": dict(zip(classes, row, strict=True))}
        for row, place in zip(scores.tolist(), likeliest.tolist(), strict=True)
    ]


def describe(loaded: LoadedVersion) -> Mapping[str, object]:
    """What a caller may know of a version."""
    version, contract = loaded.version, loaded.predictor.contract
    return {
        "version": version.version,
        "recipe": version.recipe,
        "algorithm": version.algorithm,
        "trained_for": version.trained_for.isoformat(),
        "features": list(contract.names),
        **({} if contract.classes is None else {"classes": list(contract.classes)}),
    }
