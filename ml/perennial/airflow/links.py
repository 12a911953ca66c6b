"""Buttons on a task: its MLflow run and the drift report of its day. They belong to the operator class, not to the plugin."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperatorLink


class MlflowRunLink(BaseOperatorLink):
    """The MLflow run of the version that this task trained, compared or scored with."""

    name = "MLflow run"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002 - Airflow's signature
        return str(getattr(operator, "links", {}).get("mlflow_run", ""))


class DriftReportLink(BaseOperatorLink):
    """Evidently's report on the snapshot of this task's as_of."""

    name = "Drift report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002 - Airflow's signature
        return str(getattr(operator, "links", {}).get("drift_report", ""))
