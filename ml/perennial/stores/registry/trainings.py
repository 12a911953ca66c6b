"""What is kept of a training: tags, parameters, metrics and texts."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from perennial.config import Declaration
from perennial.records import Run, Trained, dump_json

if TYPE_CHECKING:
    from mlflow.entities import Metric, Param

TRAINING = "perennial.training"
"""Tag that says which training a run holds; see `identify_training`."""


def identify_training(trained: Trained, run: Run) -> str:
    """What makes two trainings the same: the day, the rows, and every byte of the files, the baselines' included."""
    baselines = {name: baseline.manifest for name, baseline in trained.baselines.items()}
    content = dump_json(
        {"trained_for": run.as_of, "data_hash": trained.data_hash, "manifest": trained.manifest, "baselines": baselines}
    )
    return hashlib.sha256(content.encode()).hexdigest()


def describe_run(trained: Trained, run: Run) -> dict[str, str]:
    """The tags: what people search for, and what a version takes over."""
    return {
        "mlflow.user": run.actor,
        "mlflow.source.name": "perennial",
        "data_hash": trained.data_hash,
        "algorithm": trained.algorithm,
        "trained_for": run.as_of.isoformat(),
        "purpose": run.purpose,
        "dag_run_id": run.dag_run_id or "",
        "tuning": trained.tuning.sentence if trained.tuning else "",
        "alarms": " ".join(trained.alarms),
    }


def list_metrics(trained: Trained, run: Run) -> list[Metric]:
    """Metrics of the holdout; per fold (step = fold) and per number of as_ofs (step = as_ofs)."""
    from mlflow.entities import Metric  # noqa: PLC0415 - see prepare_mlflow

    stamp = int(run.clock.timestamp() * 1000)
    single = {**trained.metrics, "seconds": trained.seconds, "knowledge_lag_days": trained.plan.knowledge_lag_days}
    if trained.tuning is not None:
        gain = trained.tuning.gain
        single |= {
            "tuned_minus_default": gain.estimate,
            "tuned_minus_default_low": gain.low,
            "tuned_minus_default_high": gain.high,
        }
    worth = trained.choice.current_state if trained.choice else None
    if worth is not None and worth.gain is not None and worth.headline_without is not None:
        single |= {
            "headline_without_current_state": worth.headline_without,
            "current_state_gain": worth.gain.estimate,
            "current_state_gain_low": worth.gain.low,
            "current_state_gain_high": worth.gain.high,
        }
    return [
        *(Metric(name, float(value), stamp, 0) for name, value in single.items()),
        *(
            Metric(f"fold/{name}", float(value), stamp, fold)
            for fold, metrics in enumerate(trained.fold_metrics, start=1)
            for name, value in metrics.items()
        ),
        *(
            Metric(f"baseline/{baseline}/{name}", float(value), stamp, 0)
            for baseline, fitted in trained.baselines.items()
            for name, value in fitted.metrics.items()
        ),
        *(Metric("learning_curve", float(value), stamp, as_ofs) for as_ofs, value in trained.learning_curve.items()),
    ]


def list_parameters(trained: Trained) -> list[Param]:
    """What the library was given, and which days it learned from."""
    from mlflow.entities import Param  # noqa: PLC0415 - see prepare_mlflow

    parameters = {
        **trained.parameters,
        "algorithm": trained.algorithm,
        "rounds": trained.rounds,
        "trials": trained.trials,
        "training_as_ofs": " ".join(day.isoformat() for day in trained.plan.training),
        "holdout_as_ofs": " ".join(day.isoformat() for day in trained.plan.holdout),
    }
    return [Param(name, str(value)) for name, value in parameters.items()]


def list_texts(trained: Trained, declaration: Declaration) -> dict[str, str]:
    """File name -> content: the queries and the configuration that made it, and what it leans on."""
    return {
        "features.sql": declaration.features_sql,
        "labels.sql": declaration.labels_sql,
        "configuration.json": declaration.model.model_dump_json(indent=2),
        "importances.json": dump_json(trained.importances),
        "manifest.json": dump_json(trained.manifest),
    }
