"""What Prometheus is told of a world that has lived through its stages is what these stages recorded."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import make_url

from perennial.stores import ledger
from perennial.stores.watching import LedgerWatch
from perennial.watch import Exporter
from tests.world import FIRST_DAY, MODEL


@pytest.fixture(scope="module")
def world(copy_world):
    with copy_world() as world:
        yield world


@pytest.fixture(scope="module")
def told(world, postgres):
    """(name, the labels beside the model) -> value, of the model that lived."""
    url = postgres.url(make_url(world.settings.warehouse_url).database, "watcher")
    text = Exporter(world.settings.home, LedgerWatch(url, 600.0)).write().decode()
    return {
        (
            sample.name.removeprefix("perennial_"),
            *sorted((key, value) for key, value in sample.labels.items() if key != "model"),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels.get("model") == MODEL
    }


def test_the_champion_and_its_promise_are_those_of_its_version(world, told):
    with world.stores.warehouse.transaction() as session:
        version = ledger.get_version(session, MODEL, ledger.champion(session, MODEL))
    labels = (("algorithm", version.algorithm), ("recipe", str(version.recipe)), ("version", str(version.version)))
    assert told["champion_info", *labels] == 1
    assert told["promised_metric",] == version.holdout_headline
    assert told["champion_fitted_timestamp_seconds",] == world.run(FIRST_DAY).clock.timestamp()


def test_scores_are_those_that_were_published(world, told):
    with world.stores.warehouse.transaction() as session:
        rows = session.exec_driver_sql(f"select count(*), avg(score) from analytics.{MODEL}_scores_latest").one()
    assert (told["scores_rows",], told["scores_mean",]) == (rows[0], pytest.approx(float(rows[1])))
    assert told["scores_as_of_timestamp_seconds",] == world.stores.declaration(MODEL).model.start(FIRST_DAY).timestamp()


def test_a_decision_says_under_these_names_what_is_watched(world):
    """The view of the watcher reads them by name."""
    keys = "select evidence ?& array['auc_loss', 'loss_rise', 'calibration'] from ledger.decisions"
    with world.stores.warehouse.transaction() as session:
        assert set(session.exec_driver_sql(keys).scalars()) == {True}


def test_every_stage_that_ran_is_counted(world, told):
    with world.stores.warehouse.transaction() as session:
        counted = session.exec_driver_sql(
            "select stage, status, count(*) from ledger.runs where model = %(model)s group by 1, 2", {"model": MODEL}
        )
        recorded = {(("stage", row[0]), ("status", row[1])): row[2] for row in counted}
    assert {key[1:]: value for key, value in told.items() if key[0] == "stage_attempts_total" and value} == recorded
