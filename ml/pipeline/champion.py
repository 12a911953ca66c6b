"""What serves: the files of a version, fetched once and opened only when they match, and the throne of the alias."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from ml import promote as promoting
from ml.pipeline.opening import Stores
from ml.predictor import Predictor, load_predictor
from ml.records import Run, TrainingSet, Version
from ml.stores import ledger
from ml.stores.registry import ChampionAlias

CACHE = "versions"


def load_version(stores: Stores, version: Version) -> Predictor:
    """A version ready to score.

    Raises:
        ArtifactCorrupt: a file differs from what the training wrote.
    """
    return load_predictor(
        stores.registry.fetch(version.model, version.version, stores.settings.artifacts / CACHE), version.manifest
    )


def load_baseline(stores: Stores, version: Version, name: str) -> Predictor:
    """A baseline that was fitted on the rows of a version.

    Raises:
        ArtifactCorrupt: a file differs from what the training wrote.
    """
    manifest: Mapping[str, str] = version.baselines[name]
    folder = stores.registry.fetch_baseline(version.mlflow_run_id, name, stores.settings.artifacts / CACHE / version.model)
    return load_predictor(folder, manifest)


def score_rows(predictor: Predictor, rows: TrainingSet) -> pd.Series:
    """Scores of the rows, with their index."""
    return pd.Series(predictor.score(rows.features), index=rows.features.index, name="score")


def open_throne(stores: Stores, run: Run) -> promoting.Throne:
    """The ledger's and the registry's side of one model's champion."""

    def check(number: int) -> None:
        with stores.warehouse.transaction() as session:
            version = ledger.get_version(session, run.model, number)
        load_version(stores, version)

    return promoting.Throne(
        book=ledger.PromotionBook(stores.warehouse, run), alias=ChampionAlias(stores.registry, run.model), check=check
    )


def settle(stores: Stores, run: Run) -> None:
    """Bring ledger and alias together before anything relies on them; a backfill only reads the ledger."""
    if run.purpose != "backfill":
        promoting.reconcile(open_throne(stores, run))
