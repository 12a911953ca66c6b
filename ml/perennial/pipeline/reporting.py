"""The page of a checked day, for people who want to look closer. Nobody waits for it: the decision has been made."""

from __future__ import annotations

import logging
from dataclasses import replace

import pandas as pd

from perennial.errors import NothingToDo, RegistryUnavailable
from perennial.monitor import MOST_ROWS, PAGE_COLUMNS, SCORE, render_report
from perennial.pipeline.champion import load_version, score_frame
from perennial.pipeline.opening import Stores, recorded
from perennial.pipeline.promised import read_promised
from perennial.pipeline.walking import Walk
from perennial.predictor import Predictor
from perennial.records import DriftCheck, Run, Version
from perennial.records.pages import split_page
from perennial.stores import ledger, warehouse
from perennial.tasks import find_published

log = logging.getLogger(__name__)


@recorded
def report(stores: Stores, run: Run, *, all_columns: bool = False) -> DriftCheck:
    """Draw Evidently's page of the day's check: the score and the columns that moved most, or all of them.

    A rerun draws it again and replaces it.

    Raises:
        NothingToDo: the day was not checked.
        RegistryUnavailable: MLflow cannot keep it; run it again.
    """
    with stores.warehouse.transaction() as session:
        checks = ledger.last_checks(session, run.model, run.as_of, limit=1)
    if not checks or checks[0].as_of != run.as_of:
        raise NothingToDo(f"{run}: no drift check of this day stands in the ledger, so there is nothing to draw.")
    return draw_report(stores, run, checks[0], all_columns=all_columns)


def draw_page(stores: Stores, run: Run) -> None:
    """`report`, for whoever lives many days: one page that is missing holds up nothing."""
    try:
        report(stores, run)
    except RegistryUnavailable as error:
        log.warning("%s: the page is missing until `perennial report` runs. %s", run, error)


def draw_report(stores: Stores, run: Run, check: DriftCheck, *, all_columns: bool = False) -> DriftCheck:
    """Keep the page with the MLflow run of the version that was checked, and its address with the check.

    Its parts are there before the page is, and once more when the ledger says that it wants them: a purge may have taken
    them meanwhile.
    """
    with stores.warehouse.transaction() as session:
        version = ledger.get_version(session, run.model, check.version)
    moved = sorted(check.features, key=lambda feature: feature.psi, reverse=True)
    exclude = stores.declaration(run.model).model.training.exclude  # a picture costs more than the check, which has them
    limits = {feature.column: feature.limit for feature in moved if feature.column not in exclude}
    shown = limits if all_columns else dict(list(limits.items())[:PAGE_COLUMNS])
    own, parts = split_page(_draw(stores, run, version, shown))
    with stores.warehouse.transaction() as session:
        ledger.keep_parts(session, parts)
    stores.registry.keep_report(version.mlflow_run_id, run, own)
    address = f"{stores.settings.airflow_pages}/perennial/reports/{run.model}/{run.as_of}"
    with stores.warehouse.transaction() as session:
        ledger.lock_parts(session, shared=True)
        ledger.keep_parts(session, parts)
        ledger.record_report(session, check, address, parts)
    return replace(check, report=address)


def _draw(stores: Stores, run: Run, version: Version, limits: dict[str, float | None]) -> str:
    declaration = stores.declaration(run.model)
    walk = Walk(stores, declaration, run, version.training_as_ofs)
    predictor = load_version(stores, version)
    with stores.warehouse.transaction() as session:
        current = warehouse.read_snapshot(session, declaration, run.as_of)
        columns = list(limits) if version.holdout_as_ofs else None  # else the sample is scored, which takes every feature
        training = warehouse.read_training_sample(session, declaration, version.training_as_ofs, most=MOST_ROWS, columns=columns)
        entry = ledger.get_recipe(session, run.model, version.recipe)
    names = [name for name in limits if name in training and name in current]  # one may be gone since the check
    return render_report(
        training[names],
        current[names],
        scores=(find_published(read_promised(walk, entry, version, training)), _score(predictor, current)),
        limits={SCORE: None} | {name: limits[name] for name in names},
        model=declaration.model,
    )


def _score(predictor: Predictor, current: pd.DataFrame) -> pd.Series:
    return find_published(score_frame(predictor, current))
