"""What we ask of the MLflow server, in our words; its failures in our words too."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from perennial.config import Declaration
from perennial.config.logins import hide_login, read_login
from perennial.errors import RegistryUnavailable, VersionMissing
from perennial.records import Run, Trained, Verdict, Version, dump_json
from perennial.records.cards import LoggedTraining
from perennial.records.markdown import escape_markdown
from perennial.stores.registry.artifacts import name_report, read_artifact
from perennial.stores.registry.cards import fetch_training, upload_card
from perennial.stores.registry.environment import lend_login, prepare_mlflow
from perennial.stores.registry.experiments import ensure_experiment, refuse_deleted
from perennial.stores.registry.keeping import fetch_into, find_kept
from perennial.stores.registry.numbers import (
    FOLDER,
    GONE,
    NOTHING_KNOWN,
    Runs,
    list_versions,
    refuse_others,
    register_run,
    restore_deleted,
)
from perennial.stores.registry.trainings import (
    TRAINING,
    describe_run,
    identify_training,
    list_metrics,
    list_parameters,
    list_texts,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

ALIAS = "champion"
BASELINES = "baselines"
Told = TypeVar("Told")


class Registry:
    """One MLflow server, at an address that may hold a login; nothing is contacted, or even imported, before it is needed.

    Every method raises RegistryUnavailable when the server does not do what it is asked.
    """

    def __init__(self, mlflow_uri: str, public_url: str | None = None) -> None:
        self.uri = hide_login(mlflow_uri)
        self._login = read_login(mlflow_uri)
        self._address = mlflow_uri
        self.public_url = (public_url or self.uri).rstrip("/")

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
            experiment_id = ensure_experiment(self._client, run.model)
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
        sentence = escape_markdown(f"{verdict.outcome}: {' '.join(verdict.reasons)}")
        self.tag_run(mlflow_run_id, {"verdict": verdict.outcome.value, "mlflow.note.content": sentence})
        with self._asking(f"describe version {version} of {verdict.model}"):
            self._client.log_text(mlflow_run_id, dump_json(verdict), "verdict.json")
            self._client.set_model_version_tag(verdict.model, str(version), "verdict", verdict.outcome.value)
            self._client.update_model_version(verdict.model, str(version), sentence)

    def keep_report(self, mlflow_run_id: str, run: Run, page: bytes) -> None:
        """Keep what is of one day's drift report alone with the run of the version it is about."""
        path = Path(name_report(run.as_of))
        with self._asking(f"keep the report of {run}"), tempfile.TemporaryDirectory(prefix="perennial-report-") as folder:
            (Path(folder) / path.name).write_bytes(page)
            self._client.log_artifact(mlflow_run_id, str(Path(folder) / path.name), str(path.parent))

    def keep_profile(self, mlflow_run_id: str, file: str, content: str) -> None:
        """Keep what checks compare a version with; the newest stands."""
        with self._asking(f"keep the profile of run {mlflow_run_id}"):
            self._client.log_text(mlflow_run_id, content, file)

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
            return read_artifact(self._address, mlflow_run_id, path)
        except VersionMissing:
            return None

    def run_url(self, mlflow_run_id: str) -> str:
        """The page of a training; MLflow is not asked, so that whoever tells of work that is done waits for nobody."""
        return f"{self.public_url}/#/runs/{mlflow_run_id}"

    # Versions
    def register(self, model: str, mlflow_run_id: str, known: Runs) -> int:
        """Make a logged training a version; the same training becomes one version only.

        Args:
            known: the versions of the ledger, whose numbers no other run gets.

        Raises:
            VersionMissing: another run has the number of one of them.
        """
        with self._asking(f"register a version of {model}"):
            refuse_others(self.uri, model, list_versions(self._client, model), known)
            if not self._find_versions_of(model, mlflow_run_id):
                register_run(self._client, model, self._client.get_run(mlflow_run_id), known)
            first, *doubles = self._find_versions_of(model, mlflow_run_id)
            for double in doubles:  # of a request that was sent twice because nobody heard the first answer
                self._client.delete_model_version(model, str(double))
        return first

    def _find_versions_of(self, model: str, mlflow_run_id: str) -> list[int]:
        return sorted(number for number, run_id in list_versions(self._client, model).items() if run_id == mlflow_run_id)

    def check(self, model: str, known: Runs) -> None:
        """Make sure that a training could be kept, before it is made; a registered model that was deleted is registered again.

        Raises:
            VersionMissing: its experiment was deleted, or another run has the number of a version that the ledger knows.
        """
        with self._asking(f"say whether it can keep a training of {model}"):
            refuse_deleted(self.uri, model, self._client.get_experiment_by_name(model))
            restore_deleted(self._client, model, known)
            refuse_others(self.uri, model, list_versions(self._client, model), known)

    def fetch(self, version: Version, into: Path) -> Path:
        """The folder of a version's files under `into`, fetched anew, whole or not at all; what stood there is discarded.

        The files are not to be trusted before their hashes are checked (`perennial.predictor.load_predictor`).

        Raises:
            VersionMissing: the registry has no such version, another run under its number, or has lost its files.
        """
        model, number = version.model, version.version
        found = self._find_version(model, number, {number: version.mlflow_run_id})
        source, folder = str(found.source), find_kept(version, into)
        fetch_into(folder, lambda staging: self._download(source, staging, f"version {number} of {model}"))
        return folder

    def _find_version(self, model: str, version: int, known: Runs) -> ModelVersion:
        with self._asking(f"find version {version} of {model}", missing=f"no version {version} of {model}"):
            found = self._client.get_model_version(model, str(version))
        refuse_others(self.uri, model, {version: str(found.run_id)}, known)
        return found

    def _download(self, source: str, staging: str, what: str) -> Path:
        prepare_mlflow()
        from mlflow import artifacts  # noqa: PLC0415 - see prepare_mlflow

        with self._asking(f"hand out the files of {what}", missing=f"no files of {what}"):
            if not artifacts.list_artifacts(source, tracking_uri=self.uri):
                raise VersionMissing(f"MLflow at {self.uri} has lost the files of {what}: restore them, or roll back.")
            return Path(artifacts.download_artifacts(source, dst_path=staging, tracking_uri=self.uri))

    # The alias
    def get_champion(self, model: str, known: Runs = NOTHING_KNOWN) -> int | None:
        """The version that the alias names; None when there is no alias, or no such model.

        A registered model that was deleted is registered again first, as far as its runs are there.

        Raises:
            VersionMissing: it names a number of the ledger that is another run's here.
        """
        with self._asking(f"read the alias {ALIAS} of {model}"):
            if (found := self._find_alias(model)) is None:
                restore_deleted(self._client, model, known)
        if found is None:
            return None
        refuse_others(self.uri, model, {int(found.version): str(found.run_id)}, known)
        return int(found.version)

    def read_alias(self, model: str) -> int | None:
        """What the alias names, and nothing is restored; None when there is no alias, or no such model."""
        with self._asking(f"read the alias {ALIAS} of {model}"):
            found = self._find_alias(model)
        return None if found is None else int(found.version)

    def _find_alias(self, model: str) -> ModelVersion | None:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - see prepare_mlflow

        try:
            return self._client.get_model_version_by_alias(model, ALIAS)
        except MlflowException as error:
            if error.error_code == GONE or f"alias {ALIAS} not found" in str(error):  # as an address of others may say
                return None
            raise

    def set_champion(self, model: str, version: int | None, known: Runs = NOTHING_KNOWN) -> None:
        """Let the alias name a version; None takes it away.

        The first set of a new alias can fail when two race for it: it is tried again if the alias reads differently.

        Raises:
            VersionMissing: there is no such version, or it is another run than the ledger's.
        """
        if version is not None and version in known:
            self._find_version(model, version, known)
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
    def ask(self, request: str, question: Callable[[MlflowClient], Told]) -> Told:
        """What the client says to a question that has no method here."""
        with self._asking(request):
            return question(self._client)

    @contextmanager
    def _asking(self, request: str, missing: str | None = None) -> Iterator[None]:
        """Say in our words what went wrong; `missing` is what a "does not exist" of the server means."""
        prepare_mlflow()
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - see prepare_mlflow

        lend_login(self._login)
        try:
            yield
        except (MlflowException, OSError) as error:
            if missing and getattr(error, "error_code", "") == GONE:
                raise VersionMissing(f"MLflow at {self.uri} has {missing}: was it deleted there?") from error
            raise RegistryUnavailable(
                f"MLflow at {self.uri} did not {request}: {error}. Is it running (`perennial status`), and is "
                "PERENNIAL_MLFLOW_URI right? Nothing was changed in the ledger; run the same command again."
            ) from error
