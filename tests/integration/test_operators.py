"""Our operators and Airflow's connections at work in this process, with an Airflow context of the test's own."""

import os
import sys
from types import SimpleNamespace

import pytest
from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowFailException

from perennial.airflow import stage
from perennial.airflow.connections import write_warehouse_url
from perennial.airflow.nightly import MarkLostOperator, PurgeOperator
from perennial.airflow.stage import AssembleOperator, MailOperator, PromoteOperator, StageOperator
from perennial.errors import RegistryUnavailable, WarehouseUnavailable
from perennial.local.ports import find_free_port
from perennial.stores import ledger
from perennial.stores.sessions import Database
from tests.world import MODEL

NEXT_DAY = "2017-06-19"
COUNTS = "select (select count(*) from ledger.runs) as runs, (select count(*) from ledger.events) as events"


@pytest.fixture
def context(world, monkeypatch):
    """A task of a run for the next day, in an installation that is the world's but for its MLflow: nobody answers there."""
    settings = world.settings
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", settings.warehouse_url.replace("postgresql+psycopg2", "postgres"))
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", "smtp://127.0.0.1:1/?disable_tls=true&disable_ssl=true")
    monkeypatch.setenv("PERENNIAL_HOME", str(settings.home))
    monkeypatch.setenv("PERENNIAL_ARTIFACTS", str(settings.artifacts))
    monkeypatch.setenv("PERENNIAL_MLFLOW_URI", f"http://127.0.0.1:{find_free_port()}")
    monkeypatch.setenv("PERENNIAL_SIMULATED_UNTIL", "2018-01-03")
    return {
        "partition_key": NEXT_DAY,
        "params": {},
        "dag_run": SimpleNamespace(run_id="manual__1", run_type="manual"),
        "triggering_asset_events": {},
    }


def test_work_that_is_done_does_not_ask_mlflow_for_the_buttons_of_its_task(context, world):
    refresh = StageOperator(task_id="refresh", stages=("refresh", "validate"), model=MODEL)
    assert refresh.live(context, refresh.work)["passed"]
    assert refresh.links["mlflow_run"].endswith(f"/#/runs/{world.ask_one('select mlflow_run_id from ledger.versions')}")


class Beside:
    """A clock that sleeping moves on, and a task instance whose run holds a page that is drawn for so many seconds."""

    def __init__(self, seconds: float, ends: str):
        self.now, self.seconds, self.ends = 0.0, seconds, ends

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def get_task_states(self, **_: object) -> dict[str, dict[str, str]]:
        return {"manual__1": {"monitor": "success", "report": "running" if self.now < self.seconds else self.ends}}


@pytest.mark.parametrize(
    ("beside", "waits"),
    [(Beside(0, "success"), 0), (Beside(5, "success"), 5), (Beside(5, "failed"), 5), (Beside(3600, "success"), 60)],
    ids=["drawn before", "drawn meanwhile", "red", "slow"],
)
def test_the_mail_waits_a_minute_at_most_for_the_page_beside_it_which_fails_nothing(context, world, monkeypatch, beside, waits):
    monkeypatch.setattr(stage, "time", beside)
    mail = MailOperator(task_id="mail", model=MODEL, waits_for="report")
    mail.live(context | {"ti": beside, "dag": SimpleNamespace(dag_id=f"{MODEL}.monitor")}, mail.work)
    assert (waits, 0) == (beside.now, world.ask_one("select count(*) from ledger.outbox where as_of = :day", day=NEXT_DAY))


def test_the_purge_of_a_night_takes_old_logs_where_airflow_keeps_them_though_mlflow_is_silent(context, tmp_path, monkeypatch):
    log = tmp_path / f"dag_id={MODEL}.score" / "run_id=1" / "task_id=score" / "attempt=1.log"
    log.parent.mkdir(parents=True)
    log.write_text("long ago", encoding="utf-8")
    os.utime(log, (1.47e9, 1.47e9))  # 2016
    monkeypatch.setenv("AIRFLOW__LOGGING__BASE_LOG_FOLDER", str(tmp_path))
    with pytest.raises(RegistryUnavailable):
        PurgeOperator(task_id="purge").execute(context)
    assert [] == list(tmp_path.iterdir())


def test_a_connection_that_asks_for_what_the_warehouse_does_not_offer_is_refused(warehouse_urls, monkeypatch):
    """What stands in the extras of a connection reaches libpq."""
    monkeypatch.setenv(
        "AIRFLOW_CONN_WAREHOUSE", warehouse_urls.pipeline.replace("postgresql+psycopg2", "postgres") + "?sslmode=require"
    )
    database = Database(write_warehouse_url(Connection.get("warehouse")))
    with pytest.raises(WarehouseUnavailable, match="SSL"), database.transaction():
        pass


def test_without_the_provider_of_openlineage_an_operator_runs_as_ever(context, monkeypatch):
    """Nothing of it can be imported, and nothing asks for it: only that provider calls the methods that tell of lineage."""
    for name in ("openlineage", "openlineage.client", "airflow.providers.openlineage", "perennial.airflow.lineage"):
        monkeypatch.setitem(sys.modules, name, None)
    refresh = StageOperator(task_id="refresh", stages=("refresh", "validate"), model=MODEL)
    assert refresh.live(context, refresh.work)["passed"]
    with pytest.raises(ImportError):
        refresh.get_openlineage_facets_on_start()


def test_every_night_an_attempt_whose_process_is_gone_is_marked(context, world):
    with world.stores.warehouse.transaction() as session:
        ledger.start_run(session, world.run(NEXT_DAY), "score")
    assert {"lost": [f"{MODEL}, as_of {NEXT_DAY}: score"]} == MarkLostOperator(task_id="mark_lost").execute(context)
    assert "lost" == world.ask_one("select status from ledger.runs order by run_id desc limit 1")


@pytest.mark.attack("an older program works on the ledger of a newer one")
@pytest.mark.parametrize(
    "work",
    [
        *(StageOperator(task_id=stage, stages=(stage,), model=MODEL) for stage in ("refresh", "score", "train", "monitor")),
        AssembleOperator(task_id="assemble", model=MODEL),
        PromoteOperator(task_id="promote", model=MODEL),
        MailOperator(task_id="mail", model=MODEL),
        MarkLostOperator(task_id="mark_lost"),
        PurgeOperator(task_id="purge"),
    ],
    ids=lambda work: work.task_id,
)
def test_an_older_program_does_no_work_on_the_ledger_of_a_newer_one(context, world, work):
    with world.database.transaction() as session:
        session.exec_driver_sql("insert into ledger.migrations (number, name, checksum) values (999, '999_newer', '')")
    before = world.ask(COUNTS)
    with pytest.raises(AirflowFailException, match="has the migration 999_newer, which this program does not know"):
        work.execute(context)
    assert before == world.ask(COUNTS)
