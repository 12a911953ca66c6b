"""Each DAG lives one day by `dag.test`, on real PostgreSQL and MLflow, with a metadata database of its own."""

import json
import os
import subprocess
import sys
import warnings
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from perennial import operate, pipeline
from perennial.config import Settings
from perennial.demo.data import load_tables
from perennial.local.cleaning import write_command
from perennial.records import Run
from perennial.stores import warehouse
from perennial.stores.sessions import Database
from perennial.stores.warehouse.publishing.shards import is_staged
from tests.dags.events import FACETS, Told
from tests.otlp import collect
from tests.paths import ROOT
from tests.world import BACKFILLED_TO, FIRST_AS_OF, FIRST_DAY, QUICK, copy_home, prepare_households

RUNNER = Path(__file__).parent / "run_dags.py"
MODEL = "small"  # a name of its own: other tests' versions of `lapse` live in the same MLflow
DATABASE = "warehouse_of_dags"
UNKNOWN_DAY = "2017-06-19"  # nobody has built its snapshot


@pytest.fixture(scope="module")
def small_home(tmp_path_factory):
    """The files of one model: a quick copy of lapse under another name."""
    home = copy_home(tmp_path_factory.mktemp("home") / "files", QUICK)
    text_of_lapse = (home / "models" / "lapse.toml").read_text(encoding="utf-8")
    for file in (home / "models").glob("*.toml"):
        file.unlink()
    (home / "models" / f"{MODEL}.toml").write_text(
        text_of_lapse.replace('name = "lapse"', f'name = "{MODEL}"').replace("shards = 1", "shards = 2"), encoding="utf-8"
    )
    for folder in ("sql", "expectations"):
        (home / folder / "lapse").rename(home / folder / MODEL)
    return home


@pytest.fixture(scope="module")
def settings(postgres, migrated_template, mlflow_server, small_home, session_smtp_sink):
    """An installation with history, and no champion yet."""
    postgres.make(DATABASE, template=migrated_template)
    load_tables(postgres.url(DATABASE, "loader"), prepare_households())
    settings = Settings(
        warehouse_url=postgres.url(DATABASE, "pipeline"),
        owner_url=postgres.url(DATABASE, "owner"),
        mlflow_uri=mlflow_server,
        smtp=session_smtp_sink.settings,
        home=small_home,
        artifacts=small_home / "artifacts",
        trials=2,
    )
    with warnings.catch_warnings(), pipeline.open_stores(settings) as stores:
        warnings.simplefilter("ignore")  # of libraries; unit tests of each stage are strict
        operate.sync(stores, MODEL)
        list(operate.backfill(stores, MODEL, FIRST_AS_OF, BACKFILLED_TO))
    return settings


@pytest.fixture(scope="module")
def events_file(tmp_path_factory):
    """Where OpenLineage's events go, one a line."""
    return tmp_path_factory.mktemp("lineage") / "events.jsonl"


@pytest.fixture(scope="module")
def publication_of_a_row(lived, settings):
    """As it stands with a scored row, before a test publishes the day again."""
    with Database(settings.owner_url).transaction() as session:
        row = session.execute(text(f"select publication_id from scores.{MODEL} where as_of = '{FIRST_DAY}' limit 1"))
        return row.scalar_one()


@pytest.fixture(scope="module")
def told(lived, events_file):
    """What was told by then."""
    return Told.read(events_file)


@pytest.fixture(scope="module")
def collector():
    with collect() as collector:
        yield collector


@pytest.fixture(scope="module")
def environment(postgres, settings, tmp_path_factory, events_file, collector):
    """Airflow's environment, with a migrated metadata database; it tells of what happens wherever it can."""
    variables = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": postgres.url("airflow", "airflow"),
        "AIRFLOW_CONN_WAREHOUSE": settings.warehouse_url.replace("postgresql+psycopg2", "postgres"),
        "AIRFLOW_CONN_SMTP_DEFAULT": f"smtp://{settings.smtp.host}:{settings.smtp.port}/?disable_tls=true&disable_ssl=true",
        "PERENNIAL_HOME": str(settings.home),
        "PERENNIAL_ARTIFACTS": str(settings.artifacts),
        "PERENNIAL_MLFLOW_URI": settings.mlflow_uri,
        "PERENNIAL_TRIALS": "2",
        "PERENNIAL_SIMULATED_UNTIL": "2018-01-03",
        "PYTHONPATH": str(ROOT),
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps({"type": "file", "log_file_path": str(events_file), "append": True}),
        "AIRFLOW__OPENLINEAGE__EXECUTION_TIMEOUT": "600",  # on a busy machine ten seconds are soon over, and the event is lost
        "AIRFLOW__TRACES__OTEL_ON": "True",
        "AIRFLOW__METRICS__OTEL_ON": "True",
        "OTEL_METRIC_EXPORT_INTERVAL": "5000",
        "OTEL_TRACES_EXPORTER": "otlp_proto_http",
        **collector.variables,
    }
    subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"], env=variables, capture_output=True, check=True, timeout=180
    )
    return variables


@pytest.fixture(scope="module")
def lived(environment):
    """One run of each DAG for the day of the first champion, and one without any day."""
    days = (f"{verb}={FIRST_DAY}" for verb in ("refresh", "retrain", "score", "monitor", "retrain_weekly", "approve"))
    asked = (
        "retrain_weekly=",
        *days,
        f"score={UNKNOWN_DAY}",
        "perennial.nightly=",
    )  # without a day first: `dag.test` leaves the parameters of a run with its DAG
    command = [sys.executable, str(RUNNER), str(ROOT / "dags"), MODEL, *asked]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=1200)
    assert 0 == done.returncode, done.stdout[-3000:] + done.stderr[-3000:]
    (printed,) = (
        line for line in done.stdout.splitlines() if line.startswith('{"')
    )  # the listener of OpenLineage goes on talking
    return json.loads(printed)


@pytest.mark.parametrize(
    ("verb", "tasks"),
    [
        ("refresh", {"refresh": "success", "validate": "success", "mail": "success"}),
        (
            "retrain",
            {
                "assemble": "success",
                "refit": "skipped",  # nobody serves yet
                "train": "success",
                "compare": "success",
                "promote": "success",
                "ask_for_approval": "skipped",  # nobody has to be asked
                "mail": "success",
            },
        ),
        ("approve", {"ask": "skipped", "promote": "skipped", "mail": "success"}),
        (
            "score",
            {
                "plan_shards": "success",
                "score_shard": "success",
                "score": "success",
                "ask_for_first_training": "skipped",
                "mail": "success",
            },
        ),
        ("monitor", {"monitor": "success", "report": "success", "ask_for_retraining": "skipped", "mail": "success"}),
        ("retrain_weekly", {"ask_for_retraining": "success", "mail": "success"}),
    ],
)
def test_a_dag_lives_its_day_by_parameter(lived, verb, tasks):
    assert {"state": "success", "tasks": tasks} == lived[f"{verb}={FIRST_DAY}"]


def test_the_nightly_dag_finds_all_well_after_these(lived):
    tasks = {"mark_lost": "success", "purge": "success", "check": "success", "mail": "success", "all_well": "success"}
    assert {"state": "success", "tasks": tasks} == lived["perennial.nightly="]


def test_airflow_takes_what_is_old_out_of_its_own_database_and_keeps_no_copy_of_it(environment):
    airflow = Database(environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"], "test")
    with airflow.transaction() as session:
        session.exec_driver_sql("insert into log (dttm, event) values ('2020-01-01', 'old'), (clock_timestamp(), 'new')")
        runs = session.exec_driver_sql("select count(*) from dag_run").scalar_one()
    subprocess.run(write_command(datetime.now(UTC).timestamp()), env=environment, capture_output=True, check=True, timeout=600)
    with airflow.transaction() as session:
        left = session.exec_driver_sql("select event from log where event in ('old', 'new')").scalars().all()
        assert (["new"], runs) == (left, session.exec_driver_sql("select count(*) from dag_run").scalar_one())
        assert [] == session.exec_driver_sql("select relname from pg_class where relname ~ '_airflow_deleted'").scalars().all()


def test_a_day_that_cannot_be_scored_leaves_the_run_red(lived):
    """The last task decides the colour of a run: were it skipped, a failed day would look like a good one."""
    tasks = {
        "plan_shards": "failed",
        "score_shard": "upstream_failed",
        "score": "upstream_failed",
        "ask_for_first_training": "upstream_failed",
        "mail": "success",
    }
    assert {"state": "failed", "tasks": tasks} == lived[f"score={UNKNOWN_DAY}"]


def test_the_ledger_knows_which_dag_run_did_what(lived, settings):
    with Database(settings.owner_url).transaction() as session:
        stages = (
            session.execute(
                text("select stage from ledger.runs where dag_run_id like 'manual__%' and status = 'ok' order by run_id")
            )
            .scalars()
            .all()
        )
    # Of the day that is scored in two shards the plan, each of them, and the publication.
    day = ["refresh", "validate", "assemble", "train", "compare", "promote", *["score"] * 4, "monitor", "decide", "report"]
    assert day == list(stages)


def test_processes_of_a_shell_come_to_the_scores_of_mapped_tasks(lived, publication_of_a_row, settings, monkeypatch):
    """One process for each shard; this one finds their work done."""
    staged, publish_shard = [], warehouse.publish_shard

    def look(database, attempt, job, number):
        with database.transaction() as session:
            staged.append(is_staged(session, attempt, number))
        publish_shard(database, attempt, job, number)

    monkeypatch.setattr(warehouse, "publish_shard", look)
    scores = f"""
        select count(*), md5(string_agg(concat_ws('|', entity_id, score, rank, decile, reason_1), ';' order by entity_id))
        from scores.{MODEL} where as_of = '{FIRST_DAY}'"""
    with pipeline.open_stores(settings) as stores, stores.warehouse.transaction() as session:
        before = session.execute(text(scores)).one()
    with pipeline.open_stores(settings) as stores:
        model = stores.declaration(MODEL).model
        pipeline.score(stores, Run(MODEL, FIRST_DAY, model.known_until(FIRST_DAY), "simulation"))
    with pipeline.open_stores(settings) as stores, stores.warehouse.transaction() as session:
        assert ([True, True], before) == (staged, session.execute(text(scores)).one())


def test_the_mail_task_has_sent_what_waited(lived, session_smtp_sink):
    """The verdict, the decision, and what failed on the unknown day."""
    messages = [message for message in session_smtp_sink.messages if MODEL in str(message["Subject"])]
    assert 3 == len(messages)
    assert 1 == sum(f"perennial/reports/{MODEL}/{FIRST_DAY}" in message.as_string() for message in messages)


def test_a_run_without_an_as_of_fails_at_once_and_stays_red(lived):
    run = lived["retrain_weekly="]
    assert ("failed", "failed") == (run["state"], run["tasks"]["ask_for_retraining"])


def test_every_attempt_of_the_ledger_has_a_span(lived, settings, collector):
    """Sent over HTTP by the provider that Airflow makes of its own settings; a task of `dag.test` has no span around it."""
    with Database(settings.owner_url).transaction() as session:
        query = "select stage, run_id, status, as_of::text from ledger.runs where dag_run_id like 'manual__%'"
        attempts = {tuple(row) for row in session.execute(text(query))}
    spans = [span.attributes for span in collector.of_stages()]
    told = [tuple(span[f"perennial.{name}"] for name in ("stage", "attempt", "ending", "as_of")) for span in spans]
    assert attempts == set(told)
    assert len(attempts) == len(told)
    assert {MODEL} == {span["perennial.model"] for span in spans}


def test_airflows_own_spans_come_to_the_same_collector(lived, collector):
    assert {f"dag_run.{MODEL}.refresh", "task_run.refresh"} <= {span.name for span in collector.spans}


def test_so_do_its_metrics(lived, collector):
    """Of what a task without a scheduler counts; the rest is for services."""
    ended = {f"airflow.ti.finish.{MODEL}__refresh.mail.success", f"airflow.ti.finish.{MODEL}__score.mail.success"}
    assert ended <= collector.metrics


def table(name):
    return f"{DATABASE}.{name}"


def test_a_scored_row_is_followed_to_its_sources_by_events_alone(told, publication_of_a_row):
    """From what an analyst holds: a row names its publication; the rest is asked of nobody but the events."""
    published = {"datasetVersion": str(publication_of_a_row)}
    scoring, scores = told.writer_of(table(f"scores.{MODEL}"), version=published)
    inputs = {given["name"]: given["facets"] for given in scoring["inputs"]}
    checksum = inputs[table(f"features.{MODEL}")]["version"]["datasetVersion"]
    version = f"{MODEL}/{scores['facets']['perennial_publication']['model_version']}"

    # What the version was fitted on, and what serves.
    fitting, fit = told.writer_of(version)
    days = {given["name"]: given["facets"]["perennial_training_set"]["days"] for given in fitting["inputs"]}
    assert {table(f"features.{MODEL}"), table(f"labels.{MODEL}")} == set(days)
    assert fit["facets"]["perennial_version"]["training_as_ofs"] == [day["as_of"] for day in days[table(f"labels.{MODEL}")]]
    labelled = told.writer_of(table(f"labels.{MODEL}"))[1]["facets"]["perennial_labels"]["days"]
    assert [day for day in days[table(f"labels.{MODEL}")] if day not in labelled] == []
    assert version in told.sources_of(f"{MODEL}@champion")

    # What was scored: the very rows that came from the sources and passed the suites.
    validating, _ = told.writer_of(table(f"features.{MODEL}"), version={"datasetVersion": checksum})
    assert f"{MODEL}.refresh.validate" == validating["job"]["name"]
    built = told.of_task(f"{MODEL}.refresh.refresh")
    declared = {table(f"source.{name}") for name in ("orders", "order_items", "products", "customers", "campaigns")}
    assert declared <= {given["name"] for given in built["inputs"]}
    assert declared <= told.sources_of(table(f"scores.{MODEL}"))

    # And column by column: a score is made of recency among others, and that of the times of orders.
    (snapshot,) = built["outputs"]
    of_score = {(field["name"], field["field"]) for field in scores["facets"]["columnLineage"]["fields"]["score"]["inputFields"]}
    recency = snapshot["facets"]["columnLineage"]["fields"]["recency_days"]["inputFields"]
    assert (table(f"features.{MODEL}"), "recency_days") in of_score
    assert (table("source.orders"), "ordered_at") in {(field["name"], field["field"]) for field in recency}


def test_events_count_rows_and_tell_what_the_suites_found(lived, told):
    validating = told.of_task(f"{MODEL}.refresh.validate")
    (features,) = (given for given in validating["inputs"] if given["name"] == table(f"features.{MODEL}"))
    (kept,) = validating["outputs"]
    rows = kept["outputFacets"]["outputStatistics"]["rowCount"]
    assert rows == kept["facets"]["perennial_snapshot"]["rows"] > 400
    assertions = features["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert {True} == {found["success"] for found in assertions}
    assert "expect_column_values_to_not_be_null" in {found["assertion"] for found in assertions}
    orders = next(given for given in validating["inputs"] if given["name"] == table("source.orders"))
    assert {"ordered_at", "known_at"} <= {field["name"] for field in orders["facets"]["schema"]["fields"]}


def test_a_task_that_failed_or_had_nothing_to_do_tells_of_no_data(lived, told):
    nothing = [told.of_task(f"{MODEL}.score.plan_shards", "FAIL"), told.of_task(f"{MODEL}.retrain.refit")]
    assert [([], []), ([], [])] == [(event["inputs"], event["outputs"]) for event in nothing]


def test_our_own_facets_are_as_their_schema_has_them(lived, told):
    assert [] == told.faults_of_facets()
    assert set(FACETS["$defs"]) == told.own_facets
