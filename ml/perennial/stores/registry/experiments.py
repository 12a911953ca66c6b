"""The experiment of a model, in which its trainings are runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perennial.errors import VersionMissing

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment


def refuse_deleted(uri: str, model: str, experiment: Experiment | None) -> None:
    """Stop where no run can be kept; an experiment that is not there yet is made by the first.

    Raises:
        VersionMissing: the experiment was deleted, and how it comes back.
    """
    if experiment is not None and experiment.lifecycle_stage != "active":
        raise VersionMissing(
            f"The experiment {model} was deleted in MLflow at {uri}, and a training of {model} could not be kept: nothing was "
            f"trained. Restore it: MLFLOW_TRACKING_URI={uri} mlflow experiments restore --experiment-id "
            f"{experiment.experiment_id}. Then run the same command again."
        )


def ensure_experiment(client: MlflowClient, model: str) -> str:
    """The experiment's number; it is made when it is not there."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - see prepare_mlflow

    found = client.get_experiment_by_name(model)
    if found is None:
        try:
            return str(client.create_experiment(model))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(model)
    assert found is not None
    return str(found.experiment_id)
