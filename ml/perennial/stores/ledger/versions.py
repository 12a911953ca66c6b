"""Registered versions, and the verdicts on them."""

from __future__ import annotations

import math
from dataclasses import astuple
from datetime import date

from perennial.errors import MetricNotFinite, VersionMissing
from perennial.records import Evaluation, Origin, Run, Verdict, Version, dump_json, to_json
from perennial.stores.ledger.statements import execute, fetch_all, fetch_one
from perennial.stores.sessions import Session

VERSION_COLUMNS = (
    "model",
    "version",
    "recipe",
    "algorithm",
    "mlflow_run_id",
    "data_hash",
    "trained_for",
    "holdout_mean_score",
    "holdout_headline",
    "newest_mean_score",
    "config_hash",
    "query_hash",
    "code_version",
    "origin",
    "effective_at",
)


def record_version(session: Session, version: Version) -> Version:
    """Keep a version; of two records of the same fit the first stands, and is returned.

    Raises:
        VersionMissing: the ledger knows its number as another run's.
    """
    execute(
        session,
        "record_version",
        **{name: getattr(version, name) for name in VERSION_COLUMNS},
        training_as_ofs=list(version.training_as_ofs),
        holdout_as_ofs=list(version.holdout_as_ofs),
        rested=list(version.rested),
        evidence=dump_json(_gather_evidence(version)),
    )
    kept = find_fit(session, version.model, version.trained_for, version.data_hash, recipe=version.recipe)
    kept = kept or get_version(session, version.model, version.version)
    if kept.version == version.version and kept.mlflow_run_id != version.mlflow_run_id:
        raise VersionMissing(
            f"{version.model}: version {version.version} is run {kept.mlflow_run_id} in the ledger, and run "
            f"{version.mlflow_run_id} cannot have its number too: nothing was recorded."
        )
    return kept


def runs_of_versions(session: Session, model: str) -> dict[int, str]:
    """The mlflow_run_id of every version of a model, by its number."""
    found = execute(session, "runs_of_versions", model=model)
    return {row.version: row.mlflow_run_id for row in found}


def _gather_evidence(version: Version) -> dict[str, object]:
    tuning = None if version.tuning is None else to_json(version.tuning)
    choice = None if version.choice is None else to_json(version.choice)
    return {
        "manifest": version.manifest,
        "parameters": version.parameters,
        "baselines": version.baselines,
        "tuning": tuning,
        "choice": choice,
        "distance": None if version.distance is None else to_json(version.distance),
    }


def get_version(session: Session, model: str, version: int) -> Version:
    """One version.

    Raises:
        VersionMissing: the ledger does not know it, so nobody can say what its files should hash to.
    """
    found = fetch_one(Version, session, "find_version", model=model, version=version)
    if found is None:
        raise VersionMissing(
            f"{model}: the ledger does not know version {version}: only versions that `perennial train {model}` made can serve."
        )
    return found


def fits_of_day(session: Session, model: str, trained_for: date) -> tuple[Version, ...]:
    """Every version that was fitted for this day, oldest first."""
    return fetch_all(Version, session, "fits_of_day", model=model, trained_for=trained_for)


def find_fit(session: Session, model: str, trained_for: date, data_hash: str, *, recipe: int) -> Version | None:
    """The fit of a recipe for this day on exactly these rows: a second fit would give the same."""
    fits = fits_of_day(session, model, trained_for)
    return next((fit for fit in fits if (fit.data_hash, fit.recipe) == (data_hash, recipe)), None)


def trained_on_day(session: Session, model: str, trained_for: date, *, origin: Origin = "training") -> Version | None:
    """The newest version that was trained for this very day."""
    return fetch_one(Version, session, "trained_on_day", model=model, trained_for=trained_for, origin=origin)


def last_training(session: Session, model: str, *, before: date) -> Version | None:
    """The newest training for a day before this one: a rerun of a day decides as it did the first time."""
    return fetch_one(Version, session, "last_training", model=model, before=before)


def last_search(session: Session, model: str, *, before: date) -> Version | None:
    """The newest training for a day before this one that searched: a rerun of a day does not see its own."""
    return fetch_one(Version, session, "last_search", model=model, before=before)


def record_evaluation(session: Session, run: Run, verdict: Verdict) -> int:
    """Keep a verdict with all its evidence; returns its number.

    Raises:
        MetricNotFinite: JSON has no word for NaN, so that a figure that decided would be missing from the evidence.
    """
    _check_finite(verdict)
    return int(
        execute(
            session,
            "record_evaluation",
            model=verdict.model,
            as_of=verdict.as_of,
            challenger_version=verdict.challenger_version,
            champion_version=verdict.champion_version,
            verdict=verdict.outcome.value,
            evidence=dump_json(verdict),
            purpose=run.purpose,
            effective_at=run.clock,
        ).scalar_one()
    )


def _check_finite(verdict: Verdict) -> None:
    for comparison in (*verdict.metrics, *verdict.baselines):
        figures = (comparison.champion, comparison.challenger, *(astuple(comparison.gain) if comparison.gain else ()))
        if not all(math.isfinite(figure) for figure in figures if figure is not None):
            raise MetricNotFinite(
                f"{verdict.model}, as_of {verdict.as_of}: the {comparison.metric} of version {verdict.challenger_version} is not "
                f"finite ({comparison}): no verdict was recorded, and nothing is promoted. Look for NaN in its scores."
            )


def latest_evaluation(session: Session, model: str, challenger_version: int) -> Evaluation | None:
    """The newest verdict on a challenger."""
    return fetch_one(Evaluation, session, "latest_evaluation", model=model, challenger_version=challenger_version)


def latest_evaluation_of_recipe(session: Session, model: str, version: int) -> Evaluation | None:
    """The newest verdict on the recipe that a version is a fit of."""
    return fetch_one(Evaluation, session, "latest_evaluation_of_recipe", model=model, version=version)
