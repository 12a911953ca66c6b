"""A year of a small model, drawn: what is old and needed by nothing goes, once, whatever kills the purge, and the rest stays."""

import multiprocessing
import signal
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from perennial import invariants, pipeline
from perennial.config import Settings
from perennial.errors import VersionMissing, WarehouseBusy
from perennial.pipeline import champion, purging
from perennial.records import Run
from perennial.stores import ledger
from perennial.stores.sessions import FILES_FENCE, Database, hold_lock
from perennial.stores.warehouse import build_labels, build_snapshot
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
    assert year.stores.registry.measure_files(kept.mlflow_run_id) >= 1000
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
    with year.database.transaction() as session:
        session.exec_driver_sql("set local session_replication_role = replica")  # version 2 is of a recipe of its own
        session.exec_driver_sql(statement)
    purged = purging.purge(year.stores, MODEL, LATER)
    reasons = {(item.kind, item.version or item.as_of): item.why for item in purged.kept}
    assert (why_files, why_day) == (reasons["files", 2], reasons["snapshots", date(2016, 9, 12)])
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
        ("select ledger.purge_day('lapse', 'versions', '2016-09-13', 60, 'x', now())", "knows quarantine, findings and mail"),
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
