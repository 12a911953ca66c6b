"""Courses of stages in which nothing goes wrong: what a stage that is killed or overtaken must come to as well."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import make_url

from perennial.config import Smtp
from tests.conftest import TestPostgres
from tests.integration.stage_process import run_stage
from tests.world import MODEL, World, end_state

DAILY = ("refresh", "validate", "score", "monitor", "decide", "report", "mail")
LEARNING = ("train", "compare", "promote")
REFITTING = ("refresh", "validate", "refit")


@dataclass(frozen=True)
class Life:
    """One course: the database before each of its stages, and what stands after it."""

    day: date
    smtp: Smtp
    befores: dict[str, str] = field(default_factory=dict)
    afters: dict[str, dict] = field(default_factory=dict)


@contextmanager
def live(postgres: TestPostgres, world: World, life: Life, stages: tuple[str, ...]) -> Iterator[Life]:
    """Live a course in a world; the databases are gone after the block."""
    name = make_url(world.settings.warehouse_url).database
    for stage in stages:
        life.befores[stage] = f"{name}_before_{stage}"
        postgres.make(life.befores[stage], template=name)
        run_stage(stage, world.with_smtp(life.smtp).settings, world.run(life.day))
        life.afters[stage] = end_state(world)
    yield life
    for before in life.befores.values():
        postgres.drop(before)


def forget_training(world: World, day: date | None) -> None:
    """Take from MLflow what was trained for a day, and set the alias as the world's ledger says."""
    client = world.stores.registry._client
    for version in client.search_model_versions(f"name = '{MODEL}' and tags.trained_for = '{day}'"):
        client.delete_model_version(MODEL, version.version)
    for run in find_runs(world, day):
        client.delete_run(run.info.run_id)
    champion = world.ask_one("select max(version) from ledger.promotions where status = 'applied'")
    world.stores.registry.set_champion(MODEL, champion)


def find_runs(world: World, day: date | None) -> list:
    """MLflow's runs of the trainings for a day."""
    client = world.stores.registry._client
    return client.search_runs([client.get_experiment_by_name(MODEL).experiment_id], f"tags.trained_for = '{day}'")


def find_versions(world: World, day: date) -> set[tuple[int, str]]:
    """MLflow's versions for a day, each with its run."""
    found = world.stores.registry._client.search_model_versions(f"name = '{MODEL}' and tags.trained_for = '{day}'")
    return {(int(version.version), version.run_id) for version in found}


def read_versions(world: World, day: date) -> set[tuple[int, str]]:
    """The ledger's versions for a day, each with its run."""
    rows = world.ask("select version, mlflow_run_id from ledger.versions where trained_for = :day", day=day)
    return {(row["version"], row["mlflow_run_id"]) for row in rows}
