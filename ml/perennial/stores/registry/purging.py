"""Files of runs that nobody needs any more: deleted through the server that keeps them; what was measured of a run stays.

Runs are not deleted: MLflow would hide them and keep their files until an administrator runs `mlflow gc`, and a version whose
run is gone could not be registered again under its number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from perennial.stores.registry.numbers import GONE

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

PURGED = "perennial.purged"
"""Tag of a run whose files were taken away: when, on the clock of the purge."""


def delete_files(client: MlflowClient, uri: str, mlflow_run_id: str, *, path: str | None = None) -> None:
    """Delete what stands at a path of a run, or all of its files; what is gone already is passed over."""
    run = _find_run(client, mlflow_run_id)
    if run is None:
        return
    repository = _open_repository(run, uri)
    if measure_files(client, uri, mlflow_run_id, path=path):
        repository.delete_artifacts(path)  # type: ignore[no-untyped-call]  # MLflow says nothing of its types there


def measure_files(client: MlflowClient, uri: str, mlflow_run_id: str, *, path: str | None = None) -> int:
    """Bytes of what stands at a path of a run, or of all of its files; 0 of what is not there."""
    run = _find_run(client, mlflow_run_id)
    if run is None:
        return 0
    repository = _open_repository(run, uri)
    if path is not None:
        folder = path.rpartition("/")[0]
        return sum(file.file_size or 0 for file in repository.list_artifacts(folder or None) if file.path == path)
    return _measure_folder(repository, None)


def note_purge(client: MlflowClient, mlflow_run_id: str, when: str) -> None:
    """Tell whoever looks at the run in MLflow why it has no files."""
    run = _find_run(client, mlflow_run_id)
    if run is not None and run.info.lifecycle_stage == "active":
        client.set_tag(mlflow_run_id, PURGED, when)


def _measure_folder(repository: ArtifactRepository, folder: str | None) -> int:
    found = repository.list_artifacts(folder)
    return sum(_measure_folder(repository, each.path) if each.is_dir else each.file_size or 0 for each in found)


def _open_repository(run: Run, uri: str) -> ArtifactRepository:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository  # noqa: PLC0415 - see prepare_mlflow

    return get_artifact_repository(run.info.artifact_uri, tracking_uri=uri)


def _find_run(client: MlflowClient, mlflow_run_id: str) -> Run | None:
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - see prepare_mlflow

    try:
        return client.get_run(mlflow_run_id)
    except MlflowException as error:
        if error.error_code == GONE:
            return None
        raise
