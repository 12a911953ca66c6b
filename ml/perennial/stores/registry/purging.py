"""Runs that nobody needs any more: their files go through the server that keeps them, and in the end the runs themselves.

Over HTTP MLflow only hides a run; for good it is deleted by whoever reaches MLflow's database, as `mlflow gc` does. That command
is not called: besides the runs that it is given it deletes every experiment that somebody has hidden, with all of its runs, and
one that was hidden by mistake is to be restored (`experiments.refuse_deleted`).

A version loses its files first, and its run much later or in the same purge: without the run it could not be registered again
under its number, and without files nobody wants that. Its number stays used in MLflow.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from perennial.config.logins import hide_login
from perennial.errors import ConfigError, RegistryUnavailable
from perennial.stores.registry.numbers import GONE
from perennial.stores.registry.server import Registry
from perennial.stores.registry.trainings import TRAINING

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

PURGED = "perennial.purged"
"""Tag of a run whose files were taken away: when, on the clock of the purge."""
TRAINED_FOR = "trained_for"
VARIABLE = "PERENNIAL_MLFLOW_DATABASE_URL"


@dataclass(frozen=True)
class OldRuns:
    """The runs of one model, for whoever takes old ones away. What is gone already is passed over.

    Every method raises RegistryUnavailable when MLflow does not do what it is asked.

    Attributes:
        database_url: MLflow's own database, without which runs are hidden and not deleted.
    """

    registry: Registry
    model: str
    database_url: str = field(default="", repr=False)

    def measure_files(self, mlflow_run_id: str, path: str | None = None) -> int:
        """Bytes of one file of a run, or of all of its files; 0 of what is not there."""
        uri = self.registry.uri
        return self.registry.ask(
            f"list the files of run {mlflow_run_id}", lambda client: _measure_files(client, uri, mlflow_run_id, path)
        )

    def delete_files(self, mlflow_run_id: str, path: str | None, when: datetime) -> None:
        """Delete one file of a run, or all of its files, which a tag of the run then says; its figures stay."""

        def delete(client: MlflowClient) -> None:
            run = _find_run(client, mlflow_run_id)
            if run is None:
                return
            if _measure_files(client, self.registry.uri, mlflow_run_id, path):
                _open_repository(run, self.registry.uri).delete_artifacts(path)  # type: ignore[no-untyped-call]  # MLflow's
            if path is None and run.info.lifecycle_stage == "active":
                client.set_tag(mlflow_run_id, PURGED, when.isoformat())

        self.registry.ask(f"delete files of run {mlflow_run_id}", delete)

    def find_strays(self, before: date, known: Collection[str]) -> Mapping[date, tuple[str, ...]]:
        """Day of a training before a day -> its runs of which no version came, as of one that was killed.

        Runs that people made, have hidden or have registered are none.

        Args:
            known: the runs of which the ledger has versions.
        """
        strays = defaultdict[date, list[str]](list)

        def look(client: MlflowClient) -> None:
            for run in _list_runs(client, self.model):
                if TRAINING not in run.data.tags or run.info.run_id in known:
                    continue
                day = date.fromisoformat(run.data.tags[TRAINED_FOR])
                if day < before and not client.search_model_versions(f"run_id = '{run.info.run_id}'"):
                    strays[day].append(run.info.run_id)

        self.registry.ask(f"list the runs of {self.model}", look)
        return {day: tuple(sorted(found)) for day, found in sorted(strays.items())}

    def is_led_to(self, mlflow_run_id: str) -> bool:
        """Whether people lead to a run: by an alias in MLflow, or by a registered model of another name."""

        def look(client: MlflowClient) -> bool:
            found = client.search_model_versions(f"run_id = '{mlflow_run_id}'")
            aliased = {
                (name, str(number))
                for name in {version.name for version in found}
                for number in client.get_registered_model(name).aliases.values()
            }
            return any(version.name != self.model or (version.name, str(version.version)) in aliased for version in found)

        return self.registry.ask(f"say who leads to run {mlflow_run_id}", look)

    def delete_run(self, mlflow_run_id: str) -> None:
        """Delete a run and the version of the model that was registered of it; for good where MLflow's database is known.

        Raises:
            ConfigError: what PERENNIAL_MLFLOW_DATABASE_URL names is not the database of this MLflow; nothing was deleted.
        """

        def hide(client: MlflowClient) -> None:
            run = _find_run(client, mlflow_run_id)
            for version in client.search_model_versions(f"run_id = '{mlflow_run_id}'"):
                if version.name == self.model:
                    client.delete_model_version(version.name, version.version)
            if run is not None and run.info.lifecycle_stage == "active":
                client.delete_run(mlflow_run_id)

        if self.registry.ask(f"find run {mlflow_run_id}", lambda client: _find_run(client, mlflow_run_id)) is None:
            return
        if not self.database_url:
            self.registry.ask(f"delete run {mlflow_run_id}", hide)
            return
        with _open_store(self.database_url) as store:
            self.registry.ask(f"find run {mlflow_run_id} in its database", lambda _: _require(store, mlflow_run_id))
            self.registry.ask(f"delete run {mlflow_run_id}", hide)
            self.registry.ask(f"delete run {mlflow_run_id} for good", lambda _: store._hard_delete_run(mlflow_run_id))  # noqa: SLF001 - by it `mlflow gc` deletes a run, and nothing else does


def _list_runs(client: MlflowClient, model: str) -> Iterator[Run]:
    experiment = client.get_experiment_by_name(model)
    token = None
    while experiment is not None:
        page = client.search_runs([experiment.experiment_id], max_results=1000, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _measure_files(client: MlflowClient, uri: str, mlflow_run_id: str, path: str | None) -> int:
    run = _find_run(client, mlflow_run_id)
    if run is None:
        return 0
    repository = _open_repository(run, uri)
    if path is not None:
        folder = path.rpartition("/")[0]
        return sum(file.file_size or 0 for file in repository.list_artifacts(folder or None) if file.path == path)
    return _measure_folder(repository, None)


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


@contextmanager
def _open_store(database_url: str) -> Iterator[Any]:
    """MLflow's store on its own database, which is looked at first: of an empty one the store would make MLflow's."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - see prepare_mlflow
    from sqlalchemy import NullPool, create_engine, inspect  # noqa: PLC0415 - only here
    from sqlalchemy.exc import SADeprecationWarning, SQLAlchemyError  # noqa: PLC0415 - only here

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SADeprecationWarning)  # of how MLflow declares its tables
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore  # noqa: PLC0415 - see prepare_mlflow

    shown = hide_login(database_url)
    try:
        if not inspect(create_engine(database_url, poolclass=NullPool)).has_table("runs"):
            raise ConfigError(f"{VARIABLE} is {shown}, which holds no runs of MLflow: name MLflow's own database, or none.")
        store = SqlAlchemyStore(database_url, "mlflow-artifacts:/")  # type: ignore[no-untyped-call]  # MLflow's
        try:
            yield store
        finally:
            store.engine.dispose()
    except (SQLAlchemyError, MlflowException) as error:
        raise RegistryUnavailable(
            f"MLflow's database at {shown} ({VARIABLE}) did not delete a run for good: {type(error).__name__}. Is it running, "
            "and may this login write there? What went before stands; run the same command again."
        ) from error


def _require(store: Any, mlflow_run_id: str) -> None:
    """Stop where a run that the server shows is not in this database."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - see prepare_mlflow

    try:
        store.get_run(mlflow_run_id)
    except MlflowException as error:
        if error.error_code != GONE:
            raise
        raise ConfigError(
            f"{VARIABLE} is {hide_login(store.db_uri)}, which lacks run {mlflow_run_id} of the server at PERENNIAL_MLFLOW_URI: "
            "it is another MLflow's. Correct it, or unset it: runs are then hidden, and `mlflow gc` deletes them. Nothing went."
        ) from error
