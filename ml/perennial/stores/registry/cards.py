"""A model card beside the version it is about: files of its run, and its description in the list of versions."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from perennial.records import Version
from perennial.records.cards import LoggedTraining
from perennial.stores.registry.artifacts import CARD

if TYPE_CHECKING:
    from mlflow import MlflowClient

DIGEST = "card"
"""Tag of a version: SHA-256 of the card's files, so that a card that says the same is not sent again."""
FOLDS = "fold/challenger_"
"""Before the name of the headline, fold by fold."""


def upload_card(client: MlflowClient, version: Version, files: Mapping[str, bytes], description: str) -> None:
    """Keep the files under card/ of the version's run; the tag comes last, so that a crash in between sends them again."""
    name, number = version.model, str(version.version)
    known, digest = client.get_model_version(name, number), _digest(files)
    if known.tags.get(DIGEST) != digest:
        with tempfile.TemporaryDirectory(prefix="perennial-card-") as folder:
            for file, content in files.items():
                (Path(folder) / file).write_bytes(content)
            client.log_artifacts(version.mlflow_run_id, folder, CARD)
        client.set_model_version_tag(name, number, DIGEST, digest)
    if known.description != description:
        client.update_model_version(name, number, description)


def fetch_training(client: MlflowClient, mlflow_run_id: str) -> LoggedTraining:
    """What a training logged about itself; nothing for a run that somebody else made."""
    logged = client.get_run(mlflow_run_id).data
    folds = [name for name in logged.metrics if name.startswith(FOLDS)]
    return LoggedTraining(
        metrics=dict(logged.metrics),
        fold_headlines=_series(client, mlflow_run_id, folds[0]) if folds else {},
        learning_curve=_series(client, mlflow_run_id, "learning_curve"),
        alarms=logged.tags.get("alarms", ""),
    )


def _series(client: MlflowClient, mlflow_run_id: str, metric: str) -> dict[int, float]:
    return {int(point.step): float(point.value) for point in client.get_metric_history(mlflow_run_id, metric)}


def _digest(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(name.encode() + b"\0" + hashlib.sha256(files[name]).digest())
    return digest.hexdigest()
