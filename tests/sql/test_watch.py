"""What Prometheus is told of a ledger, and what the role that reads it may not see."""

import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.exc import ProgrammingError

from perennial.config import PLATFORM_SQL
from perennial.errors import WarehouseUnavailable
from perennial.stores import queries
from perennial.stores.sessions import Database
from perennial.stores.warehouse.rights import compare_rights
from perennial.stores.watching import LedgerWatch
from perennial.watch import METRICS, Exporter
from tests.watched import MODEL, make_watched_home, write_life

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
PATIENT = 600.0  # seconds: no test hangs on how busy a machine is


@pytest.fixture
def home(tmp_path):
    return make_watched_home(tmp_path / "home")


def read(url, home, limit_seconds=PATIENT):
    """Every sample: (name, its labels but the model's, the model) -> value."""
    families = text_string_to_metric_families(Exporter(home, LedgerWatch(url, limit_seconds)).write().decode())
    return {
        (sample.name.removeprefix("perennial_"), labels.pop("model", ""), *sorted(labels.items())): sample.value
        for family in families
        for sample in family.samples
        for labels in [dict(sample.labels)]
    }


@pytest.fixture(scope="module")
def lived(postgres, migrated_template, tmp_path_factory):
    """What is told of two weeks, and of a model that has never lived."""
    postgres.make("watched", template=migrated_template)
    write_life(postgres.url("watched", "pipeline"), NOW)
    yield read(postgres.url("watched", "watcher"), make_watched_home(tmp_path_factory.mktemp("watched") / "home"))
    postgres.drop("watched")


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("scores_rows", {}, 1000),
        ("scores_mean", {}, 0.25),
        ("scores_version", {}, 7),
        ("scores_blocked", {}, 1),
        ("scores_as_of_timestamp_seconds", {}, datetime(2026, 3, 9, tzinfo=BERLIN).timestamp()),
        ("scores_published_timestamp_seconds", {}, NOW.timestamp()),
        ("scores_due_timestamp_seconds", {}, datetime(2026, 3, 10, 6, 30, tzinfo=BERLIN).timestamp()),
        ("snapshot_rows", {}, 1010),
        ("snapshot_valid", {}, 1),
        ("snapshot_quarantined_rows", {}, 12),
        ("champion_info", {"version": "7", "recipe": "1", "algorithm": "xgboost"}, 1),
        ("champion_fitted_timestamp_seconds", {}, (NOW - timedelta(days=14)).timestamp()),
        ("champion_trained_until_timestamp_seconds", {}, datetime(2026, 2, 18, tzinfo=BERLIN).timestamp()),
        ("champion_fit_age_limit_seconds", {}, 35 * 86400),
        ("champion_movements_total", {"kind": "promote"}, 1),
        ("promised_metric", {}, 0.80),
        ("realised_metric", {"metric": "auc", "position": "1"}, 0.70),
        ("realised_metric_high", {"metric": "auc", "position": "1"}, 0.74),
        ("realised_metric", {"metric": "log_loss", "position": "2"}, 0.4),
        ("realised_loss_points", {}, 0.06),
        ("realised_loss_points_limit", {}, 0.03),
        ("drifted_columns_ratio", {}, 0.4),
        ("drifted_columns_limit_ratio", {}, 0.3),
        ("prediction_shift_ratio", {}, -0.05),
        ("drifted", {}, 1),
        ("decisions_total", {"choice": "TRAIN"}, 1),
        ("decision_info", {"choice": "TRAIN", "rule": "realised_loss"}, 1),
        ("rested_as_ofs", {}, 1),
        ("open_questions", {}, 1),
        ("waiting_mails", {}, 1),
        ("waiting_mail_attempts", {}, 3),
        ("oldest_waiting_mail_timestamp_seconds", {}, (NOW - timedelta(days=14)).timestamp()),
        ("waiting_deliveries", {"destination": "card"}, 1),
        ("stage_attempts_total", {"stage": "score", "status": "ok"}, 2),
        ("stage_attempts_total", {"stage": "score", "status": "failed"}, 1),
        ("stage_attempts_total", {"stage": "train", "status": "failed"}, 0),  # so that `increase` sees the first
        ("stage_attempts_total", {"stage": "score", "status": "lost"}, 0),
        ("stage_duration_seconds_sum", {"stage": "score"}, 60),
        ("stage_duration_seconds_count", {"stage": "score"}, 2),
        ("stage_running_attempts", {"stage": "train"}, 1),
        ("stage_last_failed", {"stage": "score"}, 1),
        ("stage_last_duration_seconds", {"stage": "score"}, 2),
        ("error_account_budget_ratio", {}, 0.05),
        ("error_account_drawn_ratio", {}, 0.003),
        ("open_tests", {}, 2),
        ("scores_canary_ratio", {}, 0.1),
        ("challengers_without_test", {}, 1),
        ("purged_bytes_total", {"kind": "scores"}, 4096),
        ("purged_bytes_total", {"kind": "snapshots"}, 0),
        ("events_total", {"kind": "rest"}, 1),
        ("model_file_valid", {}, 1),
    ],
)
def test_a_figure_of_the_ledger_is_told(lived, name, labels, value):
    assert lived[(name, MODEL, *sorted(labels.items()))] == pytest.approx(value)


def test_every_metric_of_the_list_has_a_series_once_all_has_happened(lived):
    rare = {"realised_loss_ratio"}  # of amounts and classes, instead of points
    told = {name.removesuffix("_sum").removesuffix("_count") for name, *_ in lived}
    assert {metric.name for metric in METRICS} - told == rare


def test_a_model_that_has_never_lived_has_zeros_and_limits_and_nothing_else(lived):
    own = {name: value for (name, model, *_), value in lived.items() if model == "young"}
    limits = {metric.name for metric in METRICS if metric.query == "declared"}
    assert {name for name in own if name not in limits} == {metric.name for metric in METRICS if metric.default is not None}
    assert {value for name, value in own.items() if name not in limits} == {0}


def test_without_a_model_there_is_the_exporter_alone(warehouse_urls, tmp_path):
    (tmp_path / "models").mkdir()
    told = read(warehouse_urls.watcher, tmp_path)
    assert {name for name, *_ in told} == {"warehouse_up", "ledger_migration", "exporter_read_duration_seconds", "build_info"}
    assert told["warehouse_up", ""] == 1


def test_a_broken_model_file_is_a_metric_and_harms_no_other(warehouse_urls, home):
    write_life(warehouse_urls.pipeline, NOW)
    (home / "models" / "young.toml").write_text("name = 3", encoding="utf-8")
    told = read(warehouse_urls.watcher, home)
    assert (told["model_file_valid", "young"], told["scores_rows", MODEL]) == (0, 1000)


def test_a_warehouse_that_is_down_is_a_metric(home):
    told = read("postgresql+psycopg2://watcher:x@127.0.0.1:1/warehouse", home)
    assert told["warehouse_up", ""] == 0
    assert {name for name, model, *_ in told if model} == {m.name for m in METRICS if m.query == "declared"}


def test_a_ledger_that_takes_too_long_is_said_to_and_the_scrape_goes_on(warehouse_urls, home):
    holder = Database(warehouse_urls.owner)
    with holder.transaction() as session:
        session.exec_driver_sql("lock table ledger.runs in access exclusive mode")
        assert read(warehouse_urls.watcher, home, limit_seconds=0.2)["warehouse_up", ""] == 0
        with pytest.raises(WarehouseUnavailable, match="does not show the ledger: "):
            LedgerWatch(warehouse_urls.watcher, 0.2).read([MODEL])


def test_a_quiet_day_is_not_waited_for(warehouse_urls, home):
    """Nobody was there to score on the newest day: the day after it is the next that is due."""
    write_life(warehouse_urls.pipeline, NOW)
    with Database(warehouse_urls.pipeline).transaction() as session:
        session.exec_driver_sql("update ledger.snapshots set rows = 0")
    due = read(warehouse_urls.watcher, home)["scores_due_timestamp_seconds", MODEL]
    assert due == datetime(2026, 3, 11, 6, 30, tzinfo=BERLIN).timestamp()


def test_what_two_models_have_lived_is_told_apart(warehouse_urls, home):
    later = timedelta(days=3)
    write_life(warehouse_urls.pipeline, NOW)
    alone = read(warehouse_urls.watcher, home)
    write_life(warehouse_urls.pipeline, NOW - later, "young")
    both = read(warehouse_urls.watcher, home)
    of = {model: {key[:1] + key[2:]: both[key] for key in both if key[1] == model} for model in (MODEL, "young")}
    assert of[MODEL] == {key[:1] + key[2:]: value for key, value in alone.items() if key[1] == MODEL}
    is_instant = {key: key[0].endswith("_timestamp_seconds") for key in of[MODEL]}
    moved = {key: value - is_instant[key] * later.total_seconds() for key, value in of[MODEL].items()}
    assert of["young"] == pytest.approx(moved)


STOPPED_SINCE = {
    "the decision says so, too": """
        insert into ledger.decisions (model, as_of, choice, rule, sentence, evidence, purpose, effective_at)
        select model, as_of, 'BLOCK', 'blocked', 's', '{}', 'live', effective_at
        from ledger.publications where as_of = '2026-03-10'""",
    "it is tried again": "update ledger.publications set status = 'replaced' where as_of = '2026-03-10'",
    "it is published": """
        insert into ledger.publications (
            model, as_of, version, attempt, status, rows, mean_score, snapshot_checksum, manifest_hash, config_hash, query_hash,
            code_version, purpose, effective_at, published_at
        )
        select model, as_of, version, 2, 'live', 1010, .2, 's', 'm', 'c', 'q', '1', 'live', effective_at, effective_at
        from ledger.publications where as_of = '2026-03-10'""",
}


def test_a_day_that_was_stopped_is_told_until_it_is_published(warehouse_urls, home):
    write_life(warehouse_urls.pipeline, NOW)
    told = {}
    for what, statement in STOPPED_SINCE.items():
        with Database(warehouse_urls.pipeline).transaction() as session:
            session.exec_driver_sql(statement)
        told[what] = read(warehouse_urls.watcher, home)["scores_blocked", MODEL]
    assert told == {"the decision says so, too": 1, "it is tried again": 1, "it is published": 0}


# The role
READ = re.compile(r"grant select (?:\((?P<columns>[^)]+)\) )?on (?P<table>ledger\.\w+)\s+to watcher")
GRANTED = {
    found["table"]: found["columns"].split(", ")
    for found in READ.finditer((PLATFORM_SQL / "install" / "watcher.sql").read_text(encoding="utf-8"))
    if found["columns"]
}


@pytest.mark.parametrize("table", sorted(GRANTED))
def test_the_watcher_reads_no_column_beside_those_of_its_figures(warehouse_urls, table):
    with Database(warehouse_urls.superuser).transaction() as session:
        rows = session.exec_driver_sql(
            "select attname from pg_attribute where attrelid = %(table)s::regclass and attnum > 0 "
            "and has_column_privilege('watcher', attrelid, attnum, 'select')",
            {"table": table},
        )
        assert sorted(rows.scalars()) == sorted(GRANTED[table])


@pytest.mark.parametrize(
    "statement",
    [
        "select message from ledger.runs",
        "select notice from ledger.outbox",
        "select salt from ledger.canaries",
        "select sentence from ledger.decisions",
        "select * from ledger.quarantine",
        "select * from analytics.run_log",
        "insert into ledger.runs (model) values ('x')",
        "update ledger.runs set status = 'ok'",
        "create table ledger.mine ()",
        "create temporary table mine ()",
        "select pg_advisory_lock(1)",
    ],
)
def test_the_watcher_reads_no_text_and_writes_nothing(warehouse_urls, statement):
    with (
        pytest.raises(ProgrammingError, match=r"permission denied|does not exist"),
        Database(warehouse_urls.watcher).transaction() as session,
    ):
        session.exec_driver_sql(statement)


def test_no_text_that_somebody_wrote_is_told(warehouse_urls, home):
    write_life(warehouse_urls.pipeline, NOW)
    assert b"secret" not in Exporter(home, LedgerWatch(warehouse_urls.watcher, PATIENT)).write()


def test_the_rights_of_the_watcher_are_no_finding(warehouse_urls):
    with Database(warehouse_urls.pipeline).transaction() as session:
        assert compare_rights(session) == ()
    with Database(warehouse_urls.owner).transaction() as session:
        session.exec_driver_sql("grant select on ledger.outbox to watcher")
    with Database(warehouse_urls.pipeline).transaction() as session:
        assert [each.said for each in compare_rights(session)] == ["watcher may select ledger.outbox"]


def test_a_role_without_its_rights_is_told_what_to_do(warehouse_urls):
    with Database(warehouse_urls.owner).transaction() as session:
        session.exec_driver_sql("revoke select (number) on ledger.migrations from watcher")
    with pytest.raises(WarehouseUnavailable, match=r"permission denied for .* migrations: let the owner run `perennial migrate`"):
        LedgerWatch(warehouse_urls.watcher, PATIENT).read([])


def test_every_figure_is_of_a_query_of_the_file():
    derived = {"account", "clocks", "declared", "derived", "ended", "purged", "stages"}
    assert {metric.query for metric in METRICS} - set(queries.load("watch")) == derived


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian: the package prometheus) is not installed")
def test_promtool_finds_nothing_in_the_text(warehouse_urls, home):
    write_life(warehouse_urls.pipeline, NOW)
    text = Exporter(home, LedgerWatch(warehouse_urls.watcher, PATIENT)).write()
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert (done.stdout.decode(), done.stderr.decode(), done.returncode) == ("", "", 0)
