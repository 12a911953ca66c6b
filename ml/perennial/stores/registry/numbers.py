"""The numbers of versions: MLflow gives them, and the ledger knows of each the run that it is of.

When a registered model was deleted MLflow begins again at 1, and after a restore at an older number. A version is therefore a
number and a run. What the ledger knows and MLflow has lost is registered again, each run under its number, before a new one is;
where another run has taken a number, nothing is done until a person has cleared the name.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from perennial.errors import VersionMissing

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

FOLDER = "model"
VERSION_TAGS = ("data_hash", "algorithm", "trained_for")
GONE = "RESOURCE_DOES_NOT_EXIST"
Runs = Mapping[int, str]
"""Number of a version -> mlflow_run_id, as the ledger knows them."""
NOTHING_KNOWN: Runs = MappingProxyType({})
log = logging.getLogger(__name__)


def refuse_others(uri: str, model: str, found: Runs, known: Runs) -> None:
    """Stop where another run stands under a number of the ledger.

    Raises:
        VersionMissing: says which, and how to go on.
    """
    taken = [number for number in sorted(found) if known.get(number, found[number]) != found[number]]
    if taken:
        number = taken[0]
        raise VersionMissing(
            f"MLflow at {uri} has another run under the number of version {number} of {model}: there it is run {found[number]}, "
            f"in the ledger run {known[number]}. Was the registered model {model} deleted, so that its numbers began again? "
            f"Nothing was changed. Rename or delete the registered model {model} in MLflow (runs and their files stay) and run "
            "the same command again: every version of the ledger is then registered anew under its number."
        )


def list_versions(client: MlflowClient, model: str) -> dict[int, str]:
    """Every version that MLflow shows, with its run."""
    found: dict[int, str] = {}
    token = None
    while True:
        page = client.search_model_versions(f"name = '{model}'", page_token=token)
        found |= {int(version.version): str(version.run_id) for version in page}
        token = page.token
        if not token:
            return found


def restore_deleted(client: MlflowClient, model: str, known: Runs) -> None:
    """Register the versions of the ledger again where the registered model as a whole is gone."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - see prepare_mlflow

    if not known:
        return
    try:
        client.get_registered_model(model)
    except MlflowException as error:
        if error.error_code != GONE:
            raise
        restore_lost(client, model, known)


def register_run(client: MlflowClient, model: str, run: Run, known: Runs) -> int:
    """Make a run a version under a number that the ledger does not know as another run's; what was lost comes back first."""
    _ensure_registered_model(client, model)
    found = list_versions(client, model)
    if max(found, default=0) < max(known, default=0):
        restore_lost(client, model, known, spare=run)
    while True:
        number = _create_version(client, model, run)
        if known.get(number, run.info.run_id) == run.info.run_id:
            return number
        client.delete_model_version(model, str(number))  # its number stays used, and the next one is higher


def restore_lost(client: MlflowClient, model: str, known: Runs, *, spare: Run | None = None) -> None:
    """Register again, under their numbers, the newest versions of the ledger that MLflow does not show.

    A number whose run is lost, or that the ledger does not know, is used up and left empty. A version that a person deleted
    keeps its number in MLflow and does not come back.

    Args:
        spare: stands in for a moment where a number is only used up; without it the newest run that is still there.
    """
    runs = {number: run for number, run_id in known.items() if (run := _find_run(client, run_id)) is not None}
    filler = spare or (runs[max(runs)] if runs else None)
    if filler is None:
        return
    _ensure_registered_model(client, model)
    last = max(list_versions(client, model), default=0)
    restored: list[int] = []
    while last < max(known):
        run = runs.get(last + 1, filler)
        last = _create_version(client, model, run)
        if known.get(last) == run.info.run_id:
            restored.append(last)
        else:
            client.delete_model_version(model, str(last))
    log.warning("%s: MLflow had lost versions that the ledger knows; registered again: %s", model, restored or "none")


def _find_run(client: MlflowClient, run_id: str) -> Run | None:
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - see prepare_mlflow

    try:
        return client.get_run(run_id)
    except MlflowException as error:
        if error.error_code != GONE:
            raise
        return None


def _create_version(client: MlflowClient, model: str, run: Run) -> int:
    made = client.create_model_version(
        model,
        source=f"{run.info.artifact_uri}/{FOLDER}",
        run_id=run.info.run_id,
        tags={name: run.data.tags[name] for name in VERSION_TAGS if name in run.data.tags},
        await_creation_for=0,  # a version of plain artifacts is ready at once
    )
    return int(made.version)


def _ensure_registered_model(client: MlflowClient, model: str) -> None:
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - see prepare_mlflow

    try:
        client.create_registered_model(model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
