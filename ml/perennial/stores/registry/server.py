"""What we ask of the MLflow server, in our words; its failures in our words too."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from perennial.config import Declaration
from perennial.errors import RegistryUnavailable, VersionMissing
from perennial.records import Run, Trained, Verdict, Version, dump_json
from perennial.records.cards import LoggedTraining
from perennial.stores.registry.artifacts import name_report, read_artifact
from perennial.stores.registry.cards import fetch_training, upload_card
from perennial.stores.registry.environment import prepare_mlflow
from perennial.stores.registry.trainings import describe_run, identify_training, list_metrics, list_parameters, list_texts

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

ALIAS = "champion"
FOLDER = "model"
BASELINES = "baselines"
TRAINING = "perennial.training"
"""Tag that says which training a run holds; see `identify_training`."""
VERSION_TAGS = ("data_hash", "algorithm", "trained_for")


class Registry:
    """One MLflow server; nothing is contacted, or even imported, before it is needed.

    Every method raises RegistryUnavailable when the server does not do what it is asked.
    """

    def __init__(self, mlflow_uri: str, public_url: str | None = None) -> None:
        self.uri = mlflow_uri
        self.public_url = (public_url or mlflow_uri).rstrip("/")

    @cached_property
    def _client(self) -> MlflowClient:
        prepare_mlflow()
        from mlflow import MlflowClient  # noqa: PLC0415 - see prepare_mlflow

        return MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    # Trainings
    def log_training(self, trained: Trained, declaration: Declaration, run: Run) -> str:
        """Log a training with everything needed to understand it; returns its mlflow_run_id.

        The same training (day, rows and bytes of the files) is logged once: after a crash a rerun finds it.
        """
        training = identify_training(trained, run)
        with self._asking(f"keep the training of {run}"):
            experiment_id = self._ensure_experiment(run.model)
            known = self._client.search_runs([experiment_id], f"tags.`{TRAINING}` = '{training}'")
            if finished := [run for run in known if run.info.status == "FINISHED"]:
                return str(finished[-1].info.run_id)  # the first: newest come first
            for killed in known:
                self._client.set_terminated(killed.info.run_id, "KILLED")  # else it would seem to run for ever
            tags = {**describe_run(trained, run), TRAINING: training}
            run_id = self._client.create_run(experiment_id, run_name=f"{run.model} {run.as_of}", tags=tags).info.run_id
            self._log_numbers(run_id, trained, run)
            self._log_files(run_id, trained, declaration)
            self._client.set_terminated(run_id, "FINISHED")
        return str(run_id)

    def _log_numbers(self, run_id: str, trained: Trained, run: Run) -> None:
        self._client.log_batch(run_id, metrics=list_metrics(trained, run), params=list_parameters(trained))

    def _log_files(self, run_id: str, trained: Trained, declaration: Declaration) -> None:
        for name in trained.manifest:
            self._client.log_artifact(run_id, str(trained.folder / name), FOLDER)
        for name, baseline in trained.baselines.items():
            for file in baseline.manifest:
                self._client.log_artifact(run_id, str(baseline.folder / file), f"{BASELINES}/{name}")
        for picture in trained.pictures.values():
            self._client.log_artifact(run_id, str(picture), "pictures")
        for file, content in list_texts(trained, declaration).items():
            self._client.log_text(run_id, content, file)

    def tag_run(self, mlflow_run_id: str, tags: Mapping[str, str]) -> None:
        """Add searchable words to a logged training."""
        with self._asking(f"tag run {mlflow_run_id}"):
            for name, value in tags.items():
                self._client.set_tag(mlflow_run_id, name, value)

    def log_verdict(self, version: int, mlflow_run_id: str, verdict: Verdict) -> None:
        """Let people who look at the run or the version in MLflow see how it was assessed."""
        sentence = f"{verdict.outcome}: {' '.join(verdict.reasons)}"
        self.tag_run(mlflow_run_id, {"verdict": verdict.outcome.value, "mlflow.note.content": sentence})
        with self._asking(f"describe version {version} of {verdict.model}"):
            self._client.log_text(mlflow_run_id, dump_json(verdict), "verdict.json")
            self._client.set_model_version_tag(verdict.model, str(version), "verdict", verdict.outcome.value)
            self._client.update_model_version(verdict.model, str(version), sentence)

    def keep_report(self, mlflow_run_id: str, run: Run, html: str) -> None:
        """Keep the drift report of a day with the run of the version it is about."""
        with self._asking(f"keep the report of {run}"):
            self._client.log_text(mlflow_run_id, html, name_report(run.as_of))

    def log_card(self, version: Version, files: Mapping[str, bytes], description: str) -> None:
        """Keep the model card with the version's run, and describe the version by it; the same card is kept once."""
        with self._asking(f"keep the card of version {version.version} of {version.model}"):
            upload_card(self._client, version, files, description)

    def read_training(self, mlflow_run_id: str) -> LoggedTraining:
        """The figures of a logged training; its files come by `read_file`."""
        with self._asking(f"read run {mlflow_run_id}", missing=f"no run {mlflow_run_id}"):
            return fetch_training(self._client, mlflow_run_id)

    def read_file(self, mlflow_run_id: str, path: str) -> bytes | None:
        """One file of a run; None when it has no such file."""
        try:
            return read_artifact(self.uri, mlflow_run_id, path)
        except VersionMissing:
            return None

    def run_url(self, mlflow_run_id: str) -> str:
        """The page of a training."""
        with self._asking(f"find run {mlflow_run_id}"):
            experiment_id = self._client.get_run(mlflow_run_id).info.experiment_id
        return f"{self.public_url}/#/experiments/{experiment_id}/runs/{mlflow_run_id}"

    # Versions
    def register(self, model: str, mlflow_run_id: str) -> int:
        """Make a logged training a version; the same training becomes one version only."""
        with self._asking(f"register a version of {model}"):
            self._ensure_registered_model(model)
            if not (known := self._find_versions_of(model, mlflow_run_id)):
                self._create_version(model, mlflow_run_id)
                known = self._find_versions_of(model, mlflow_run_id)
            first, *doubles = known
            for double in doubles:  # of a request that was sent twice because nobody heard the first answer
                self._client.delete_model_version(model, str(double))
        return first

    def _find_versions_of(self, model: str, mlflow_run_id: str) -> list[int]:
        found = self._client.search_model_versions(f"name = '{model}' and run_id = '{mlflow_run_id}'")
        return sorted(int(version.version) for version in found)

    def _create_version(self, model: str, mlflow_run_id: str) -> None:
        run = self._client.get_run(mlflow_run_id)
        self._client.create_model_version(
            model,
            source=f"{run.info.artifact_uri}/{FOLDER}",
            run_id=mlflow_run_id,
            tags={name: run.data.tags[name] for name in VERSION_TAGS},
            await_creation_for=0,  # a version of plain artifacts is ready at once
        )

    def fetch(self, model: str, version: int, into: Path) -> Path:
        """A local folder with the files of a version; fetched once, whole or not at all.

        The files are not to be trusted before their hashes are checked (`perennial.predictor.load_predictor`).

        Raises:
            VersionMissing: the registry has no such version, or has lost its files.
        """
        found = self._find_version(model, version)
        assert found.source is not None
        folder = into / model / f"{version}-{found.run_id or 'by-hand'}"
        return self._fetch_folder(found.source, folder, f"version {version} of {model}")

    def fetch_baseline(self, mlflow_run_id: str, name: str, into: Path) -> Path:
        """A local folder with the files of a baseline, as little to be trusted as those of a version.

        Raises:
            VersionMissing: the registry has lost them.
        """
        source = f"runs:/{mlflow_run_id}/{BASELINES}/{name}"
        return self._fetch_folder(source, into / f"{name}-{mlflow_run_id}", f"the baseline {name} of run {mlflow_run_id}")

    def _fetch_folder(self, source: str, folder: Path, what: str) -> Path:
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetching-") as staging:
                _settle(self._download(source, staging, what), folder)
        return folder

    def _find_version(self, model: str, version: int) -> ModelVersion:
        with self._asking(f"find version {version} of {model}", missing=f"no version {version} of {model}"):
            return self._client.get_model_version(model, str(version))

    def _download(self, source: str, staging: str, what: str) -> Path:
        prepare_mlflow()
        from mlflow import artifacts  # noqa: PLC0415 - see prepare_mlflow

        with self._asking(f"hand out the files of {what}", missing=f"no files of {what}"):
            if not artifacts.list_artifacts(source, tracking_uri=self.uri):
                raise VersionMissing(f"MLflow at {self.uri} has lost the files of {what}: restore them, or roll back.")
            return Path(artifacts.download_artifacts(source, dst_path=staging, tracking_uri=self.uri))

    # The alias
    def get_champion(self, model: str) -> int | None:
        """The version that the alias names; None when there is no alias, or no such model."""
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - see prepare_mlflow

        with self._asking(f"read the alias {ALIAS} of {model}"):
            try:
                return int(self._client.get_model_version_by_alias(model, ALIAS).version)
            except MlflowException as error:
                if error.error_code == "RESOURCE_DOES_NOT_EXIST" or "not found" in str(error):
                    return None
                raise

    def set_champion(self, model: str, version: int | None) -> None:
        """Let the alias name a version; None takes it away.

        The first set of a new alias can fail when two race for it: it is tried again if the alias reads differently.
        """
        try:
            self._point_alias(model, version)
        except RegistryUnavailable:
            if self.get_champion(model) != version:
                self._point_alias(model, version)

    def _point_alias(self, model: str, version: int | None) -> None:
        with self._asking(f"move the alias {ALIAS} of {model}", missing=f"no version {version} of {model}"):
            if version is None:
                self._client.delete_registered_model_alias(model, ALIAS)
            else:
                self._client.set_registered_model_alias(model, ALIAS, str(version))

    # What every request needs
    def _ensure_experiment(self, model: str) -> str:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - see prepare_mlflow

        found = self._client.get_experiment_by_name(model)
        if found is None:
            try:
                return str(self._client.create_experiment(model))
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
                found = self._client.get_experiment_by_name(model)
        assert found is not None
        return str(found.experiment_id)

    def _ensure_registered_model(self, model: str) -> None:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - see prepare_mlflow

        try:
            self._client.create_registered_model(model)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    @contextmanager
    def _asking(self, request: str, missing: str | None = None) -> Iterator[None]:
        """Say in our words what went wrong; `missing` is what a "does not exist" of the server means."""
        prepare_mlflow()
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - see prepare_mlflow

        try:
            yield
        except (MlflowException, OSError) as error:
            if missing and getattr(error, "error_code", "") == "RESOURCE_DOES_NOT_EXIST":
                raise VersionMissing(f"MLflow at {self.uri} has {missing}: was it deleted there?") from error
            raise RegistryUnavailable(
                f"MLflow at {self.uri} did not {request}: {error}. Is it running (`perennial status`), and is "
                "PERENNIAL_MLFLOW_URI right? Nothing was changed in the ledger; run the same command again."
            ) from error


@dataclass(frozen=True)
class ChampionAlias:
    """The alias of one model, for the protocol in `perennial.promote`."""

    registry: Registry
    model: str

    def get(self) -> int | None:
        return self.registry.get_champion(self.model)

    def set(self, version: int | None) -> None:
        self.registry.set_champion(self.model, version)


def _settle(fetched: Path, folder: Path) -> None:
    """Move whole files to their place; if somebody else was faster, theirs are as good."""
    try:
        fetched.rename(folder)
    except OSError:
        if not folder.is_dir():
            shutil.rmtree(fetched, ignore_errors=True)
            raise
