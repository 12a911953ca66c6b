"""A year of a small model, drawn: what is old and needed by nothing goes, once, whatever kills the purge, and the rest stays."""

import multiprocessing
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count

import optuna
import pytest
from mlflow.exceptions import MlflowException
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from perennial import invariants, pipeline
from perennial.backup import restoring
from perennial.config import Settings
from perennial.errors import ConfigError, VersionMissing, WarehouseBusy
from perennial.pipeline import champion, purging
from perennial.records import Run
from perennial.stores import ledger
from perennial.stores.registry import OldRuns
from perennial.stores.registry.experiments import ensure_experiment
from perennial.stores.registry.trainings import TRAINING
from perennial.stores.sessions import FILES_FENCE, Database, hold_lock
from perennial.stores.warehouse import build_labels, build_snapshot
from perennial.train.study import Search, state_limits
from tests.drawn import declare, open_drawn, rolled_forward
from tests.integration.stage_process import PRELOADED, Halt
from tests.world import MODEL, QUICK, World, copy_home, edit_model

FIRST, LAST = date(2016, 9, 5), date(2017, 9, 4)  # Mondays
CLOCK = datetime(2017, 9, 4, 10, tzinfo=UTC)
LATER = datetime(2030, 1, 1, tzinfo=UTC)  # of the wall: ages count from the newest run
UNMEASURED, GIVEN_UP, LEARNED = date(2017, 5, 30), date(2016, 10, 4), date(2016, 10, 10)
MONDAYS = [FIRST + timedelta(days=7 * week) for week in range(53)]
TUESDAYS = [day + timedelta(days=1) for day in MONDAYS[:-1]]
FILES = ["model/model.json", "reports/2016-09-06.html.gz"]
RETENTION = {
    "snapshots_days = 1100": "snapshots_days = 60 ",
    "scores_days = 1100": "scores_days = 90 ",
    "quarantine_days = 400": "quarantine_days = 60 ",
    "mail_days = 400": "mail_days = 60 ",
    "reports_days = 400": "reports_days = 60 ",
    "files_days = 1100": "files_days = 60 ",
}
LEDGER = """
update ledger.snapshots set status = 'valid' where kind = 'features';
insert into ledger.runs (model, stage, as_of, purpose, actor, effective_at)
select model, 'refresh', as_of, 'simulation', 'tester', effective_at from ledger.snapshots where kind = 'features';
insert into ledger.recipes (model, recipe, algorithm, parameters, origin, because, purpose, effective_at)
select 'lapse', number, 'logistic', '{}', 'person', 'A test.', 'simulation', '2016-09-05' from generate_series(1, 2) as number;
insert into ledger.publications (
    model, as_of, version, attempt, status, rows, mean_score, snapshot_checksum, manifest_hash, config_hash, query_hash,
    code_version, purpose, effective_at, published_at
)
select model, as_of, case when as_of < '2017-08-01' then 4 else 5 end, 1, 'live', rows, .5, checksum, 'm', 'c', 'q', 'v',
    'simulation', effective_at, '2017-09-04'
from ledger.snapshots where kind = 'features';
insert into ledger.outcomes (model, as_of, version, publication_id, rows, positives, mean_score, base_rate, effective_at)
select model, as_of, version, publication_id, rows, 1, .5, .5, effective_at from ledger.publications
where as_of not in ('2016-10-04', '2017-05-30') and as_of < '2017-08-14';
insert into ledger.validations (model, as_of, passed, rows, quarantined, results, effective_at)
select model, as_of, as_of <> '2016-09-06', rows, 0, '[{"sentence": "Fine."}]', effective_at
from ledger.snapshots where kind = 'features';
insert into ledger.quarantine (model, as_of, entity_id, rule, row_content, effective_at)
select model, as_of, 'x', 'odd', '{}', effective_at from ledger.snapshots where kind = 'features';
insert into ledger.events (model, as_of, kind, effective_at)
select model, as_of, 'blocked', effective_at from ledger.publications;
insert into ledger.outbox (model, as_of, event, recipient, notice, message_id, effective_at, event_id, sent_at)
select model, as_of, kind, 'a@example.com', '{"headline": "Stopped", "summary": "For a reason."}', as_of::text, effective_at,
    event_id, case when as_of <> '2016-09-06' then effective_at end
from ledger.events;
insert into ledger.drift_checks (
    model, as_of, version, rows, drifted_share, prediction_shift, is_drifted, evidence, report, effective_at
)
select model, as_of, 4, rows, 0, 0, false, '{"report": "https://airflow.example.com/r"}', 'https://airflow.example.com/r',
    effective_at
from ledger.publications where as_of in ('2016-09-06', '2017-09-04');
"""
SCORES = """
create table scores."lapse${month:%Y_%m}" partition of scores.lapse for values from ('{month}') to ('{after}')"""
VERSION = """
insert into ledger.versions (
    model, version, recipe, algorithm, mlflow_run_id, manifest, data_hash, training_as_ofs, holdout_as_ofs, trained_for,
    parameters, config_hash, query_hash, code_version, origin, effective_at
)
values ('lapse', :version, :recipe, 'logistic', :run, '{}', :hash, cast(:training as date[]), '{}', :day, '{}', 'c', 'q', 'v',
    'training', :day)"""
MOVEMENT = """
with intended as (
    insert into ledger.promotions (model, version, previous_version, kind, reason, actor, purpose, effective_at)
    values ('lapse', :version, :previous, 'forced', 'A test.', 'tester', 'simulation', :day) returning promotion_id
)
select promotion_id from intended"""
STATE = """
select 'f' as kind, as_of, count(*) as rows from features.lapse group by as_of
union all select 'l', as_of, count(*) from labels.lapse group by as_of
union all select 's', as_of, count(*) from scores.lapse group by as_of
union all select 'q', as_of, count(*) from ledger.quarantine group by as_of
union all select 'v', as_of, count(*) from ledger.validations where results <> '[]' group by as_of
union all select 'm', as_of, count(*) from ledger.outbox where not notice ? 'purged' group by as_of
union all select 'r', as_of, count(*) from ledger.drift_checks where report is not null group by as_of
union all select 'status ' || status, as_of, count(*) from ledger.snapshots group by as_of, status
union all select 'gone ' || kind, as_of, sum(rows) from ledger.purges group by as_of, kind
order by 1, 2"""
CONTEST = """
update ledger.versions set recipe = 3 where version = 2;
insert into ledger.contests (
    model, challenger_recipe, champion_recipe, side, alpha, last_look, overlap, opened_for, purpose, effective_at
)
values ('lapse', 3, 2, 'superiority', .01, 12, 4, '2017-08-01', 'simulation', '2017-08-01')"""
QUESTION = """
update ledger.versions set recipe = 3 where version = 2;
insert into ledger.approvals (
    model, as_of, version, champion_version, evaluation_id, because, deadline, actor, purpose, effective_at
)
values ('lapse', '2017-08-01', 2, 5, 1, '{A test.}', '2018-01-01', 'tester', 'simulation', '2017-08-01')"""
CARD = """
insert into ledger.deliveries (event_id, destination, model, version)
select min(event_id), 'card', 'lapse', 2 from ledger.events"""
LEARNED_BY_IT = "version 2 learned from it or was assessed on it"
_NUMBERS = count(1)


@pytest.fixture(scope="module")
def drawn_year(postgres, migrated_template):
    """The database of a model that has lived daily for a year, twice a week; nothing was fitted yet."""
    with open_drawn(postgres, migrated_template):
        pass
    postgres.make("year", template="drawn")
    declaration = declare(MODEL)
    with rolled_forward(postgres, "year", "pipeline") as session:
        for day in sorted([*MONDAYS, *TUESDAYS]):
            run = Run(MODEL, day, declaration.model.known_until(day), "simulation")
            build_snapshot(session, declaration, run)
            if day in MONDAYS[:-3]:
                build_labels(session, declaration, run, day)
    return "year"


@pytest.fixture
def year(postgres, mlflow_server, drawn_year, tmp_path):
    """A copy of that year with versions whose files stand in MLflow, scores, mails and whatever else grows."""
    name = f"year_{next(_NUMBERS)}"
    postgres.make(name, template=drawn_year)
    home = copy_home(tmp_path / "home", QUICK)
    edit_model(home, RETENTION)
    settings = Settings(
        warehouse_url=postgres.url(name, "pipeline"),
        owner_url=postgres.url(name, "owner"),
        mlflow_uri=mlflow_server,
        home=home,
        artifacts=tmp_path / "artifacts",
    )
    superuser = Database(postgres.server.url(name, "postgres"), "test")
    with pipeline.open_stores(settings) as stores:
        world = World(stores, superuser, postgres.url(name, "loader"))
        fill(postgres, name, world)
        yield world
    superuser.dispose()
    postgres.drop(name)


def fill(postgres, name, world):
    client = world.stores.registry._client
    experiment = client.create_experiment(name)
    with rolled_forward(postgres, name, "pipeline") as session:
        for number in range(14):
            month, after = (date(2016 + (8 + each) // 12, (8 + each) % 12 + 1, 1) for each in (number, number + 1))
            session.exec_driver_sql(SCORES.format(month=month, after=after))
    with world.database.transaction() as session:
        session.exec_driver_sql(LEDGER.replace("%", "%%"))
        session.exec_driver_sql("""
            insert into scores.lapse (as_of, entity_id, score, rank, decile, publication_id)
            select as_of, entity_id, .5, 1, 1, publication_id from features.lapse join ledger.publications using (as_of)""")
        runs = {}
        for version, recipe, training, day in (
            (1, 1, f"{{{LEARNED}}}", date(2016, 10, 31)),
            (2, 1, "{2016-09-12}", date(2016, 11, 7)),
            (3, 1, f"{{{LEARNED}}}", date(2016, 12, 1)),
            (4, 2, "{2017-05-01}", date(2017, 6, 1)),
            (5, 2, "{2017-07-03}", date(2017, 8, 1)),
        ):
            runs[version] = client.create_run(experiment).info.run_id
            client.log_text(runs[version], "x" * 1000, "model/model.json")
            client.log_text(runs[version], "page", "reports/2016-09-06.html.gz")
            values = {"version": version, "recipe": recipe, "training": training, "day": day, "run": runs[version]}
            session.execute(text(VERSION), {**values, "hash": str(version)})
            number = session.execute(
                text(MOVEMENT), {"version": version, "previous": version - 1 or None, "day": day}
            ).scalar_one()
            session.execute(
                text("update ledger.promotions set status = 'applied', applied_at = now() where promotion_id = :number"),
                {"number": number},
            )


def list_files(world, version):
    run_id = world.ask_one("select mlflow_run_id from ledger.versions where version = :version", version=version)
    client = world.stores.registry._client
    return [file.path for folder in ("model", "reports") for file in client.list_artifacts(run_id, folder)]


def name_things(items):
    return {(item.kind, item.as_of, item.version) for item in items}


def set_room_aside(purged):
    """PostgreSQL may have cleaned up a table meanwhile, which then takes another room."""
    gone, kept = (tuple(replace(item, bytes=0) for item in items) for items in (purged.gone, purged.kept))
    return replace(purged, gone=gone, kept=kept)


def days_of(purged, kind):
    return sorted(item.as_of for item in purged.gone if item.kind == kind)


def test_what_is_old_and_needed_by_nothing_goes_and_a_dry_run_says_so_before(year):
    before = year.ask(STATE)
    _, overdue = invariants.check_installation(year.stores, LATER, invariants.Places(), only=["retention"])
    assert {"perennial purge lapse"} == {found.remedy for found in overdue.answer.findings}
    foretold = purging.purge(year.stores, MODEL, LATER, dry_run=True)
    assert before == year.ask(STATE)
    assert FILES == list_files(year, 2)
    purged = purging.purge(year.stores, MODEL, LATER, actor="tester")
    assert set_room_aside(foretold) == set_room_aside(purged)
    assert (datetime(2017, 9, 4, 10, tzinfo=UTC), ()) == (purged.until, purging.list_overdue(year.stores, MODEL, LATER))
    assert () == purging.purge(year.stores, MODEL, LATER).gone
    _, kept = invariants.check_installation(year.stores, LATER, invariants.Places(), only=["retention"])
    assert ("BROKEN", "ok") == (overdue.sign, kept.sign)

    # Mondays that the next training may read stay; of the days between them, those that are young.
    old = {day for day in (*MONDAYS, *TUESDAYS) if day < date(2017, 7, 6)}
    needed = set(MONDAYS[-31:])  # 28 have matured
    assert set(days_of(purged, "snapshots")) == old - needed - {UNMEASURED, LEARNED}
    reasons = {(item.kind, item.as_of): item.why for item in purged.kept}
    assert "what came true of its scores has not been measured" == reasons["snapshots", UNMEASURED]
    assert "version 3 learned from it or was assessed on it" == reasons["snapshots", LEARNED]
    assert "the next training, comparison or score may read it" == reasons["snapshots", MONDAYS[-20]]
    assert set(days_of(purged, "scores")) == {day for day in old if day < date(2017, 6, 6)} - needed - {UNMEASURED}

    # Whole months went as tables, and what analysts read stands.
    months = year.ask("select relname from pg_class where relname like 'lapse$%' and relkind = 'r' order by 1")
    assert {"lapse$2016_10", "lapse$2017_09"} <= {row["relname"] for row in months}
    assert not {"lapse$2016_09", "lapse$2016_11", "lapse$2016_12", "lapse$2017_01"} & {row["relname"] for row in months}
    assert year.ask_one("select count(*) from analytics.lapse_scores_history") == year.ask_one(
        "select count(*) from scores.lapse"
    )
    assert LAST == year.ask_one("select distinct as_of from analytics.lapse_scores_latest")

    # Texts of the ledger: what failed or waits is kept.
    assert [date(2016, 9, 6)] == [
        row["as_of"] for row in year.ask("select as_of from ledger.validations where results <> '[]' and as_of < '2017-07-06'")
    ]
    assert {"headline": "Stopped", "purged": True} == year.ask_one("select notice from ledger.outbox where as_of = '2016-09-13'")
    assert "For a reason." == year.ask_one("select notice ->> 'summary' from ledger.outbox where as_of = '2016-09-06'")
    assert [date(2016, 9, 6)] == days_of(purged, "reports")
    assert 1 == year.ask_one(
        "select count(*) from ledger.drift_checks where report is not null and evidence ->> 'report' = report"
    )

    # Every thing that went is recorded once.
    recorded = year.ask("select kind, as_of, version from ledger.purges where actor = 'tester'")
    assert name_things(purged.gone) == {tuple(row.values()) for row in recorded}
    assert len(recorded) == len(purged.gone)


def test_an_outcome_is_waited_for_no_longer_than_its_rows_are_kept_once_its_labels_have_matured(year):
    def list_waiting():
        with year.stores.warehouse.transaction() as session:
            return [each.as_of for each in ledger.without_outcome(session, MODEL, until=date(2017, 8, 1))]

    before = list_waiting()
    purged = purging.purge(year.stores, MODEL, LATER)
    gone = {kind for kind in ("snapshots", "scores") if GIVEN_UP in days_of(purged, kind)}
    assert ([GIVEN_UP, UNMEASURED], {"snapshots", "scores"}, [UNMEASURED]) == (before, gone, list_waiting())


def test_files_of_a_version_stay_as_long_as_anything_leads_back_to_it(year):
    purged = purging.purge(year.stores, MODEL, LATER)
    gone = [item for item in purged.gone if item.kind == "files"]
    assert [2] == [item.version for item in gone]
    assert gone[0].bytes >= 1000
    assert [FILES, [], FILES, FILES[:1], FILES] == [list_files(year, version) for version in range(1, 6)]
    reasons = {item.version: item.why for item in purged.kept if item.kind == "files"}
    assert "it serves, or a rollback leads to it" == reasons[3]  # the newest of another recipe
    assert "by it a recipe that serves, served before or is under test began to serve" == reasons[1]
    with year.stores.warehouse.transaction() as session:
        lost, kept = (ledger.get_version(session, MODEL, number) for number in (2, 3))
    with pytest.raises(VersionMissing, match=r"the files of version 2, fitted for 2016-11-07, were purged on 2030-01-01"):
        champion._check_files(year.stores, MODEL, 2)
    assert OldRuns(year.stores.registry, MODEL).measure_files(kept.mlflow_run_id) >= 1000
    tags = year.stores.registry._client.get_run(lost.mlflow_run_id).data.tags
    assert LATER.isoformat() == tags["perennial.purged"]


@pytest.fixture
def numbers_of_its_own(year):
    """In MLflow, which other worlds share, the model has no versions yet; afterwards theirs are there again, and no others."""
    client, aside = year.stores.registry._client, f"{MODEL}_aside"
    is_shared = is_registered(client)
    if is_shared:
        client.rename_registered_model(MODEL, aside)
    yield
    if is_registered(client):
        client.delete_registered_model(MODEL)
    if is_shared:
        client.rename_registered_model(aside, MODEL)


def is_registered(client):
    return bool(client.search_registered_models(f"name = '{MODEL}'"))


@pytest.mark.mltest("I7")
@pytest.mark.usefixtures("numbers_of_its_own")
def test_a_rollback_to_a_version_whose_files_went_is_refused_and_says_what_else_there_is(year):
    purging.purge(year.stores, MODEL, LATER)
    run = Run(MODEL, LAST, CLOCK, "simulation")
    with pytest.raises(VersionMissing, match=r"version 2, .* were purged on 2030-01-01.*perennial history lapse"):
        pipeline.rollback(year.stores, run, to=2)
    assert (5, 0) == (
        year.ask_one("select version from ledger.promotions order by promotion_id desc limit 1"),
        year.ask_one("select count(*) from ledger.promotions where status = 'intended'"),
    )


@pytest.mark.parametrize(
    ("statement", "why_files", "why_day"),
    [
        (CONTEST, "it is the newest fit of a recipe that serves, served before or is under test", LEARNED_BY_IT),
        (QUESTION, "a person is asked about it", LEARNED_BY_IT),
        (CARD, "its card waits to be written", LEARNED_BY_IT),
    ],
    ids=["an open contest", "an open question", "a waiting card"],
)
def test_what_waits_for_people_or_for_looks_keeps_its_version_and_its_days(year, statement, why_files, why_day):
    edit_model(year.settings.home, {"runs_days = 1100": "runs_days = 60 "})
    with year.database.transaction() as session:
        session.exec_driver_sql("set local session_replication_role = replica")  # version 2 is of a recipe of its own
        session.exec_driver_sql(statement)
    purged = purging.purge(year.stores, MODEL, LATER)
    reasons = {(item.kind, item.version or item.as_of): item.why for item in purged.kept}
    assert (why_files, why_files, why_day) == (reasons["files", 2], reasons["runs", 2], reasons["snapshots", date(2016, 9, 12)])
    assert FILES == list_files(year, 2)
    assert 0 < year.ask_one("select count(*) from features.lapse where as_of = '2016-09-12'")


def test_files_stay_while_a_backup_is_taken_and_the_rest_goes_later(year):
    superuser = Database(year.database.url, "test")
    with superuser.hold() as backup:
        hold_lock(backup, *FILES_FENCE)
        with pytest.raises(WarehouseBusy, match=r"a backup is being taken, .* `perennial purge lapse` takes away the rest then"):
            purging.purge(year.stores, MODEL, LATER)
        assert FILES == list_files(year, 2)
        assert {"files", "reports"} == {item.kind for item in purging.list_overdue(year.stores, MODEL, LATER)}
    purging.purge(year.stores, MODEL, LATER)
    assert ([], ()) == (list_files(year, 2), purging.list_overdue(year.stores, MODEL, LATER))


def test_the_days_that_an_open_contest_has_looked_at_stay(year):
    with year.database.transaction() as session:
        session.exec_driver_sql("set local session_replication_role = replica")
        session.exec_driver_sql(CONTEST)
        session.exec_driver_sql("""
            insert into ledger.looks (contest_id, as_ofs, estimate, standard_error, information, spent, boundary, effective_at)
            select contest_id, '{2016-09-13}', 0, 1, .5, 0, 2, effective_at from ledger.contests""")
    purged = purging.purge(year.stores, MODEL, LATER)
    reasons = {(item.kind, item.as_of): item.why for item in purged.kept}
    looked_at = "a contest that is open has looked at it"
    assert [looked_at, looked_at] == [reasons[kind, date(2016, 9, 13)] for kind in ("snapshots", "scores")]
    assert date(2016, 9, 20) in days_of(purged, "snapshots")


@pytest.fixture
def mlflow_database(postgres):
    """MLflow's own database, as a purge is told it."""
    return postgres.url("mlflow", "mlflow")


@pytest.fixture
def registered(year, mlflow_database, numbers_of_its_own):
    """The same year; MLflow's database is known, its model has the five versions, and runs grow old as files do."""
    edit_model(year.settings.home, {"runs_days = 1100": "runs_days = 60 "})
    client = year.stores.registry._client
    client.create_registered_model(MODEL)
    for row in year.ask("select mlflow_run_id from ledger.versions order by version"):
        client.log_metric(row["mlflow_run_id"], "auc", 0.7)
        client.log_param(row["mlflow_run_id"], "rounds", "7")
        source = f"{client.get_run(row['mlflow_run_id']).info.artifact_uri}/model"
        client.create_model_version(MODEL, source, row["mlflow_run_id"])
    return knowing(year, mlflow_database)


def knowing(world, mlflow_database):
    settings = replace(world.settings, mlflow_database_url=mlflow_database)
    return replace(world, stores=replace(world.stores, settings=settings))


def run_of(world, version):
    return world.ask_one("select mlflow_run_id from ledger.versions where version = :version", version=version)


def count_rows_of_run(url, run_id):
    """Rows of a run in every table of MLflow's database that has runs."""
    with Database(url, "test").transaction() as session:
        tables = session.exec_driver_sql(
            "select table_name from information_schema.columns where column_name = 'run_uuid' and table_schema = 'public'"
        ).scalars()
        return {
            table: count
            for table in list(tables)
            if (count := session.exec_driver_sql(f"select count(*) from {table} where run_uuid = '{run_id}'").scalar_one())
        }


def list_numbers(world):
    return sorted(int(version.version) for version in world.stores.registry._client.search_model_versions(f"name = '{MODEL}'"))


def test_the_run_of_a_version_goes_with_its_files_for_good_and_its_number_stays_used(registered, mlflow_database):
    run_id, kept = run_of(registered, 2), run_of(registered, 1)
    assert {"runs", "tags", "metrics", "latest_metrics", "params"} <= count_rows_of_run(mlflow_database, run_id).keys()
    foretold = purging.purge(registered.stores, MODEL, LATER, dry_run=True)
    assert count_rows_of_run(mlflow_database, run_id)
    purged = purging.purge(registered.stores, MODEL, LATER)
    assert set_room_aside(foretold) == set_room_aside(purged)
    assert [2] == [item.version for item in purged.gone if item.kind == "runs"]
    assert ({}, {"runs": 1, "metrics": 1, "latest_metrics": 1, "params": 1}) == (
        count_rows_of_run(mlflow_database, run_id),
        {name: rows for name, rows in count_rows_of_run(mlflow_database, kept).items() if name != "tags"},
    )
    assert ([1, 3, 4, 5], ()) == (list_numbers(registered), purging.list_overdue(registered.stores, MODEL, LATER))
    reasons = {item.version: item.why for item in purged.kept if item.kind == "runs"}
    assert "it serves, or a rollback leads to it" == reasons[3]
    assert () == purging.purge(registered.stores, MODEL, LATER).gone
    # A restore looks for the others alone, and the next version is a new one.
    looked_for = registered.ask(restoring.VERSIONS + restoring.KEPT)
    assert [1, 3, 4, 5] == sorted(row["version"] for row in looked_for)
    with registered.stores.warehouse.transaction() as session:
        known = ledger.runs_of_versions(session, MODEL)
    client = registered.stores.registry._client
    new = client.create_run(client.get_run(kept).info.experiment_id).info.run_id
    assert 6 == registered.stores.registry.register(MODEL, new, known)


def test_without_its_database_mlflow_hides_the_run_and_mlflow_gc_deletes_it(registered, mlflow_database):
    run_id = run_of(registered, 2)
    purging.purge(knowing(registered, "").stores, MODEL, LATER)
    assert "deleted" == registered.stores.registry._client.get_run(run_id).info.lifecycle_stage
    assert ([1, 3, 4, 5], ()) == (list_numbers(registered), purging.list_overdue(registered.stores, MODEL, LATER))


def test_a_run_to_which_people_lead_in_mlflow_stays(registered):
    registered.stores.registry._client.set_registered_model_alias(MODEL, "remembered", "2")
    purged = purging.purge(registered.stores, MODEL, LATER)
    reasons = {item.version: item.why for item in purged.kept if item.kind == "runs"}
    assert "an alias or another registered model in MLflow leads to it" == reasons[2]
    assert ([1, 2, 3, 4, 5], ()) == (list_numbers(registered), purging.list_overdue(registered.stores, MODEL, LATER))


def test_another_database_than_that_of_mlflow_is_refused_and_nothing_goes(registered):
    world = knowing(registered, registered.settings.warehouse_url)
    with pytest.raises(ConfigError, match=r"PERENNIAL_MLFLOW_DATABASE_URL is postgresql.* holds no runs of MLflow"):
        purging.purge(world.stores, MODEL, LATER)
    assert ([1, 2, 3, 4, 5], 0) == (
        list_numbers(registered),
        registered.ask_one("select count(*) from ledger.purges where kind = 'runs'"),
    )


@pytest.mark.attack("a process is killed, or goes on after it was given up")
@pytest.mark.parametrize("words", ["model-versions/delete", "DELETE FROM runs"])
def test_killed_while_a_run_goes_and_run_again_it_ends_as_if_it_had_run_once(registered, mlflow_database, processes, words):
    run_id = run_of(registered, 2)
    child = processes.Process(target=purge_in_process, args=(registered.settings, Halt(words, "after", signal.SIGKILL)))
    child.start()
    child.join()
    assert (-signal.SIGKILL, 0) == (
        child.exitcode,
        registered.ask_one("select count(*) from ledger.purges where kind = 'runs'"),
    )
    purging.purge(registered.stores, MODEL, LATER)
    assert ({}, [1, 3, 4, 5], 1) == (
        count_rows_of_run(mlflow_database, run_id),
        list_numbers(registered),
        registered.ask_one("select count(*) from ledger.purges where kind = 'runs' and version = 2"),
    )


@pytest.fixture
def strays(registered):
    """Runs of trainings of which no version came, an old and a young one, and a run that a person made; hidden at the end."""
    client = registered.stores.registry._client
    experiment = ensure_experiment(client, MODEL)
    marked = {
        "old": {TRAINING: "a", "trained_for": "2016-11-01"},
        "young": {TRAINING: "b", "trained_for": "2017-08-01"},
        "a person's": {"trained_for": "2016-11-01"},
    }
    runs = {name: client.create_run(experiment, tags=tags).info.run_id for name, tags in marked.items()}
    for run_id in runs.values():
        client.log_text(run_id, "x" * 1000, "model/model.json")
    yield runs
    for run_id in runs.values():
        with suppress(MlflowException):
            client.delete_run(run_id)


def test_the_run_of_a_training_that_was_killed_goes_when_it_is_old(registered, mlflow_database, strays):
    foretold = purging.purge(registered.stores, MODEL, LATER, dry_run=True)
    purged = purging.purge(registered.stores, MODEL, LATER)
    (gone,) = [item for item in purged.gone if item.kind == "runs" and item.as_of == date(2016, 11, 1)]
    assert (None, 1, 1000) == (gone.version, gone.rows, gone.bytes)
    assert gone in foretold.gone
    assert [False, True, True] == [bool(count_rows_of_run(mlflow_database, run_id)) for run_id in strays.values()]


STUDY = """
insert into ledger.runs (model, stage, as_of, purpose, actor, status, effective_at)
values ('lapse', 'train', :day, 'simulation', 'tester', :status, :day)"""


def keep_study(world, day, letter, trials=2):
    """A study as a search of a day keeps it."""
    storage = optuna.storages.RDBStorage(world.stores.warehouse.url_in_schema("tuning"))
    study = optuna.create_study(storage=storage, study_name=f"lapse-{12 * letter}", direction="maximize")
    state_limits(study, Search(("xgboost",), trials, 60, 7, trained_for=day))
    for value in range(trials):
        study.add_trial(optuna.create_trial(value=value, params={}, distributions={}, user_attrs={"number": value}))
    storage.remove_session()
    storage.engine.dispose()


def list_studies(world):
    return [row["study_name"][-1] for row in world.ask("select study_name from tuning.studies order by 1")]


def test_studies_go_once_their_training_or_a_later_one_has_ended(year):
    edit_model(year.settings.home, {"studies_days = 400": "studies_days = 60 "})
    days = {"a": date(2016, 11, 7), "b": date(2016, 12, 5), "c": date(2017, 6, 5), "d": date(2017, 8, 7)}
    for letter, day in days.items():
        keep_study(year, day, letter)
    year.tell(STUDY, day=days["a"], status="ok")
    year.tell(STUDY, day=days["c"], status="failed")
    foretold = purging.purge(year.stores, MODEL, LATER, dry_run=True)
    purged = purging.purge(year.stores, MODEL, LATER)
    assert set_room_aside(foretold) == set_room_aside(purged)
    assert [(days["a"], 2)] == [(item.as_of, item.rows) for item in purged.gone if item.kind == "studies"]
    assert {days[letter]: "its training was killed, and no later one has ended: it can be resumed" for letter in "bc"} == {
        item.as_of: item.why for item in purged.kept if item.kind == "studies"
    }
    assert ["b", "c", "d"] == list_studies(year)
    year.tell(STUDY, day=days["d"], status="ok")
    year.tell(STUDY, day=days["c"], status="running")
    assert [days["b"]] == days_of(purging.purge(year.stores, MODEL, LATER), "studies")
    assert ["c", "d"] == list_studies(year)
    assert 4 == year.ask_one("select count(*) from tuning.trials")
    assert () == purging.list_overdue(year.stores, MODEL, LATER)


def test_the_study_of_a_recipe_under_test_stays(year):
    edit_model(year.settings.home, {"studies_days = 400": "studies_days = 60 "})
    keep_study(year, date(2016, 11, 7), "a")
    year.tell(STUDY, day=date(2016, 11, 7), status="ok")
    with year.database.transaction() as session:
        session.exec_driver_sql("set local session_replication_role = replica")
        session.exec_driver_sql(CONTEST)
    purged = purging.purge(year.stores, MODEL, LATER)
    assert ["the recipe that it found is under test"] == [item.why for item in purged.kept if item.kind == "studies"]
    assert ["a"] == list_studies(year)


PART = "insert into ledger.page_parts (digest, content) values (:digest, :content)"
WANTS = "update ledger.drift_checks set parts = cast(:parts as text []) where as_of = :day"


def list_parts(world):
    return [row["digest"][0] for row in world.ask("select digest from ledger.page_parts order by 1")]


def test_parts_that_no_page_wants_any_more_go_with_the_last_one(year):
    for letter in "abc":
        year.tell(PART, digest=64 * letter, content=b"library")
    year.tell(WANTS, day=date(2016, 9, 6), parts=[64 * "a", 64 * "b"])
    assert () == tuple(item for item in purging.purge(year.stores, MODEL, LATER, dry_run=True).gone if item.kind == "parts")
    year.tell(WANTS, day=LAST, parts=[64 * "b"])  # before, nobody knew what this page wants
    foretold = purging.purge(year.stores, MODEL, LATER, dry_run=True)
    purged = purging.purge(year.stores, MODEL, LATER)
    assert set_room_aside(foretold) == set_room_aside(purged)
    assert [(2, 14)] == [(item.rows, item.bytes) for item in purged.gone if item.kind == "parts"]
    assert (["b"], ()) == (list_parts(year), purging.list_overdue(year.stores, MODEL, LATER))


@pytest.fixture
def task_logs(tmp_path):
    """Logs of two models and of the installation, written on the first and on the last day of the year."""
    root = tmp_path / "logs"
    for dag in ("lapse.score", "lapse2.score", "perennial.nightly"):
        for day in (FIRST, LAST):
            log = root / f"dag_id={dag}" / f"run_id={day}" / "task_id=score" / "attempt=1.log"
            log.parent.mkdir(parents=True)
            log.write_bytes(b"x" * 100)
            os.utime(log, 2 * (datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp(),))
    return root


def test_logs_of_the_tasks_of_a_model_go_as_its_file_says(year, task_logs):
    foretold = purging.purge(year.stores, MODEL, LATER, dry_run=True, logs=[task_logs])
    purged = purging.purge(year.stores, MODEL, LATER, logs=[task_logs])
    assert set_room_aside(foretold) == set_room_aside(purged)
    assert [(FIRST, 1, 100)] == [(item.as_of, item.rows, item.bytes) for item in purged.gone if item.kind == "logs"]
    left = sorted(path.relative_to(task_logs).as_posix() for path in task_logs.rglob("run_id=*"))
    assert [
        f"dag_id=lapse.score/run_id={LAST}",
        *(f"dag_id={dag}/run_id={day}" for dag in ("lapse2.score", "perennial.nightly") for day in (FIRST, LAST)),
    ] == left
    assert 1 == year.ask_one("select count(*) from ledger.purges where kind = 'logs'")
    assert () == purging.list_overdue(year.stores, MODEL, LATER, logs=[task_logs])


def test_two_purges_at_once_take_and_record_everything_once(registered, task_logs):
    edit_model(registered.settings.home, {"studies_days = 400": "studies_days = 60 "})
    keep_study(registered, date(2016, 11, 7), "a")
    registered.tell(STUDY, day=date(2016, 11, 7), status="ok")
    registered.tell(PART, digest=64 * "a", content=b"library")
    registered.tell(WANTS, day=LAST, parts=[])
    foretold = purging.purge(registered.stores, MODEL, LATER, dry_run=True, logs=[task_logs])
    with ThreadPoolExecutor(2) as pool:
        purges = [pool.submit(purging.purge, registered.stores, MODEL, LATER, logs=[task_logs]) for _ in range(2)]
        gone = [item for each in purges for item in each.result().gone]
    recorded = registered.ask("select kind, as_of, version from ledger.purges")
    assert {"runs", "studies", "parts", "logs", "files", "snapshots"} <= {item.kind for item in gone}
    assert name_things(foretold.gone) == {tuple(row.values()) for row in recorded}
    assert len(foretold.gone) == len(recorded) == len(gone)


def test_a_day_that_is_built_again_is_as_it_was(year):
    day = MONDAYS[0]
    before = year.ask_one("select checksum from ledger.snapshots where as_of = :day and kind = 'features'", day=day)
    purging.purge(year.stores, MODEL, LATER)
    assert 0 == year.ask_one("select count(*) from features.lapse where as_of = :day", day=day)
    with year.stores.warehouse.transaction() as session:
        run = Run(MODEL, day, year.stores.declaration(MODEL).model.known_until(day), "backfill")
        assert before == build_snapshot(session, year.stores.declaration(MODEL), run).checksum
    overdue = [item for item in purging.list_overdue(year.stores, MODEL, LATER) if item.as_of == day]
    assert ["snapshots"] == [item.kind for item in overdue]


def test_a_clock_that_goes_ahead_takes_nothing_that_is_young_by_the_clock_of_postgresql(year, caplog):
    young = (datetime.now(UTC) - timedelta(days=50)).date()
    year.tell(
        "insert into ledger.runs (model, stage, as_of, purpose, actor, effective_at) "
        "values ('lapse', 'refresh', '2029-12-31', 'simulation', 'tester', '2029-12-31')"
    )
    year.tell(
        "insert into ledger.quarantine (model, as_of, entity_id, rule, row_content, effective_at) "
        f"values ('lapse', '{young}', 'x', 'odd', '{{}}', '{young}')"
    )
    foretold = purging.purge(year.stores, MODEL, LATER, dry_run=True)
    purged = purging.purge(year.stores, MODEL, LATER)
    assert (name_things(foretold.gone), foretold.kept) == (name_things(purged.gone), purged.kept)
    assert {"quarantine", "findings", "mail"} <= {item.kind for item in purged.gone}
    assert [young] == [row["as_of"] for row in year.ask("select as_of from ledger.quarantine where as_of > '2018-01-01'")]
    assert "is ahead of PostgreSQL's" in caplog.text


def test_forever_keeps_everything(year):
    edit_model(
        year.settings.home, {f"{key.partition('_')[0]}_days": f'{key.partition("_")[0]}_days = "forever" #' for key in RETENTION}
    )
    before = year.ask(STATE)
    assert () == purging.purge(year.stores, MODEL, LATER).gone
    assert before == year.ask(STATE)


def test_the_command_says_what_goes_and_why_the_rest_stays(year, shell):
    settings = year.settings
    for name, value in {
        "WAREHOUSE_URL": settings.warehouse_url,
        "MLFLOW_URI": settings.mlflow_uri,
        "HOME": str(settings.home),
        "ARTIFACTS": str(settings.artifacts),
    }.items():
        shell.patch.setenv(f"PERENNIAL_{name}", value)
    foretold = shell.ask("purge", MODEL, "--dry-run")
    fates = {(row["kind"], row["what becomes of it"]): row for row in foretold}
    assert {"things": 1, "oldest": "2016-11-07"}.items() <= fates["files", "would go"].items()
    assert 1 == fates["snapshots", "stays: what came true of its scores has not been measured"]["things"]
    assert 1 == fates["mail", "stays: it was not sent"]["things"]
    assert fates["snapshots", "would go"]["bytes"] > 0
    done = shell.ask("purge", MODEL)
    counted = [[(row["kind"], row["things"], row["rows"]) for row in rows] for rows in (done, foretold)]
    assert counted[0] == counted[1]
    assert {"gone"} == {row["what becomes of it"] for row in done if not row["what becomes of it"].startswith("stays: ")}
    assert (0, 2) == (shell.perennial("purge")[0], shell.perennial("purge", "nobody")[0])


def purge_in_process(settings, halt):
    halt.install()
    with pipeline.open_stores(settings) as stores:
        purging.purge(stores, MODEL, LATER)


@pytest.fixture(scope="module")
def processes():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


@pytest.mark.attack("a process is killed, or goes on after it was given up")
@pytest.mark.parametrize(
    "words",
    [
        "DELETE",
        "insert into ledger.purges",
        "ledger.purge_day(",
        "drop table features",
        "delete from scores",
        "status = 'purged'",
    ],
)
def test_killed_anywhere_and_run_again_it_ends_as_if_it_had_run_once(year, processes, words):
    foretold = purging.purge(year.stores, MODEL, LATER, dry_run=True)
    child = processes.Process(target=purge_in_process, args=(year.settings, Halt(words, "after", signal.SIGKILL)))
    child.start()
    child.join()
    assert -signal.SIGKILL == child.exitcode
    left = purging.purge(year.stores, MODEL, LATER).gone
    assert name_things(left) <= name_things(foretold.gone)
    recorded = year.ask("select kind, as_of, version from ledger.purges")
    assert name_things(foretold.gone) == {tuple(row.values()) for row in recorded}
    assert len(recorded) == len(foretold.gone)
    assert () == purging.list_overdue(year.stores, MODEL, LATER)
    assert [] == list_files(year, 2)


@pytest.mark.attack("facts of the ledger are rewritten")
@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("update ledger.validations set results = '[]'", "permission denied|append-only"),
        ("delete from ledger.purges", "permission denied|append-only"),
        ("insert into ledger.purge_permits values (pg_current_xact_id())", "permission denied"),
        ("select ledger.purge_day('lapse', 'findings', '2017-08-29', 30, 'x', now())", "is not older than 30 days"),
        (
            "select ledger.purge_day('lapse', 'findings', '2016-09-13', 7, 'x', now())",
            r"is not older than 7 days \(at least 30\)",
        ),
        ("select ledger.purge_day('other', 'findings', '2016-09-13', 60, 'x', now())", "is not older than 60 days"),
        (
            "select ledger.purge_day('lapse', 'versions', '2016-09-13', 60, 'x', now())",
            "quarantine, findings, mail and requests",
        ),
    ],
)
def test_the_pipeline_takes_facts_away_by_the_function_alone_and_only_old_ones(year, statement, said):
    with pytest.raises(DBAPIError, match=said), year.stores.warehouse.transaction() as session:
        session.exec_driver_sql(statement)


@pytest.mark.attack("facts of the ledger are rewritten")
def test_the_owner_is_stopped_too_once_the_function_has_ended(year):
    with Database(year.settings.owner_url).transaction() as session:
        session.exec_driver_sql("select ledger.purge_day('lapse', 'findings', '2016-09-13', 60, 'x', now())")
        assert 0 == session.exec_driver_sql("select count(*) from ledger.purge_permits").scalar_one()
        with pytest.raises(DBAPIError, match="append-only"), session.begin_nested():
            session.exec_driver_sql("update ledger.validations set results = '[]'")
        session.rollback()
