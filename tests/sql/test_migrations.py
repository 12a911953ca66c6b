"""Migrations: numbered, checksummed, forward only."""

import shutil

import pytest
from sqlalchemy import create_engine, make_url, text

from perennial.config import Settings
from perennial.errors import ConfigError, MigrationConflict, WarehouseUnavailable
from perennial.local.doctor import check_postgres
from perennial.stores.sessions import Database
from perennial.stores.warehouse import migrate, render_migrations
from perennial.stores.warehouse.migrations import SCHEMA

LAST = max(path.stem for path in SCHEMA.glob("*.sql"))
NEXT = f"{int(LAST[:3]) + 1:03}"


@pytest.fixture
def schema(tmp_path):
    """A copy of the migrations, to be changed."""
    return shutil.copytree(SCHEMA, tmp_path / "sql" / "schema")


@pytest.fixture
def empty_url(postgres):
    yield postgres.url("unmigrated", "owner")
    postgres.drop("unmigrated")


def test_migrating_twice_applies_nothing_the_second_time(empty_url):
    assert (migrate(empty_url)[:2], migrate(empty_url)) == (("001_schemas", "002_ledger"), ())


def test_a_new_migration_is_applied(warehouse_urls, schema):
    (schema / f"{NEXT}_more.sql").write_text("create table ledger.more (percent text default '100%')")
    assert migrate(warehouse_urls.owner, schema) == (f"{NEXT}_more",)


def test_an_applied_migration_that_was_edited_is_refused(warehouse_urls, schema):
    with (schema / "002_ledger.sql").open("a") as file:
        file.write("-- a thought\n")
    with pytest.raises(MigrationConflict, match=r"002_ledger was applied, and its file 002_ledger.sql was changed afterwards"):
        migrate(warehouse_urls.owner, schema)


@pytest.mark.attack("an older program works on the ledger of a newer one")
def test_a_ledger_newer_than_the_program_is_refused(warehouse_urls, schema):
    (schema / f"{LAST}.sql").unlink()
    with pytest.raises(MigrationConflict, match=rf"has the migration {LAST}, which this program does not know"):
        migrate(warehouse_urls.owner, schema)


def test_a_migration_that_fails_leaves_nothing_behind(warehouse_urls, schema):
    (schema / f"{NEXT}_more.sql").write_text("create table ledger.more (a int); select nonsense")
    with pytest.raises(Exception, match="nonsense"):
        migrate(warehouse_urls.owner, schema)
    with Database(warehouse_urls.owner).transaction() as session:
        assert session.execute(text("select to_regclass('ledger.more')")).scalar_one() is None


@pytest.mark.parametrize("name", ["999_gap.sql", "002_double.sql", "3_short.sql"])
def test_gaps_doubles_and_odd_names_are_refused(warehouse_urls, schema, name):
    (schema / name).write_text("select 1")
    with pytest.raises(ConfigError, match=r"sql.schema"):
        migrate(warehouse_urls.owner, schema)


def test_what_a_dba_runs_as_superuser_is_what_migrate_would_have_done(postgres, empty_url):
    postgres.server.run_sql("unmigrated", render_migrations())
    owners = "select distinct nspowner::regrole::text from pg_namespace where nspname !~ '^pg_|^information|^public'"
    assert postgres.server.run_sql("unmigrated", f"{owners};").split() == ["owner"]
    assert migrate(empty_url) == ()


def test_what_a_dba_runs_again_adds_only_what_is_new(postgres, empty_url, schema):
    postgres.server.run_sql("unmigrated", render_migrations(schema))
    (schema / f"{NEXT}_more.sql").write_text("create table ledger.more (percent text default '100%');")
    postgres.server.run_sql("unmigrated", render_migrations(schema))
    assert postgres.server.run_sql("unmigrated", "select max(name) from ledger.migrations;").strip() == f"{NEXT}_more"


def test_a_role_that_does_not_own_the_database_is_told_what_to_do(postgres):
    postgres.server.run_sql("postgres", "create database borrowed;")
    with pytest.raises(ConfigError, match=r"role owner, may not migrate.*`alter database borrowed owner to owner`"):
        migrate(postgres.server.url("borrowed", "owner"))
    postgres.drop("borrowed")


def test_a_server_that_does_not_answer_is_unavailable():
    with pytest.raises(WarehouseUnavailable, match=r"PostgreSQL at 127.0.0.1:1, database warehouse, role owner does not answer"):
        migrate("postgresql+psycopg2://owner:secret@127.0.0.1:1/warehouse")


def test_doctor_asks_for_the_migrations_of_the_program_wherever_the_models_live(warehouse_urls, tmp_path):
    settings = Settings(warehouse_urls.pipeline, warehouse_urls.owner, mlflow_uri="", home=tmp_path, artifacts=tmp_path)
    found = {finding.component: finding.found for finding in check_postgres(settings)}
    assert found["migrations"] == "the ledger is up to date"


def test_every_session_is_under_the_law(warehouse_urls):
    names = ["client_connection_check_interval", "idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout"]
    with Database(warehouse_urls.pipeline, "a test").transaction() as session:
        found = [session.execute(text(f"show {name}")).scalar_one() for name in ["application_name", *names]]
    assert found == ["a test", "1s", "15min", "2min", "30min"]


def test_a_library_with_tables_of_its_own_is_under_the_same_law(warehouse_urls):
    given = make_url(warehouse_urls.pipeline).update_query_dict({"options": "-c work_mem=7MB"}).render_as_string(False)
    engine = create_engine(Database(given, "a test").url_in_schema("tuning"))
    names = ["application_name", "client_connection_check_interval", "statement_timeout", "work_mem", "search_path"]
    with engine.connect() as connection:
        assert [connection.execute(text(f"show {name}")).scalar_one() for name in names] == [
            "a test",
            "1s",
            "30min",
            "7MB",
            "tuning",
        ]
    engine.dispose()


def test_pipeline_cannot_write_the_list_of_migrations(warehouse_urls):
    with pytest.raises(Exception, match="permission denied"), Database(warehouse_urls.pipeline).transaction() as session:
        session.execute(text("delete from ledger.migrations"))


def test_outcomes_of_before_become_rows_a_metric_each(empty_url, schema):
    newest = [schema / f"{path.stem}.sql" for path in SCHEMA.glob("*.sql") if path.stem >= "016"]
    kept = {path: path.read_text(encoding="utf-8") for path in newest}
    for path in newest:
        path.unlink()
    migrate(empty_url, schema)
    with Database(empty_url).transaction() as session:
        session.execute(
            text("""
            with published as (
                insert into ledger.publications (model, as_of, version, attempt, status, rows, mean_score, snapshot_checksum,
                    manifest_hash, config_hash, query_hash, code_version, purpose, effective_at)
                select 'toy', day, 1, 1, 'live', 9, .2, '', '', '', '', '', 'live', day
                from unnest(array[date '2017-11-06', '2017-11-07']) as day
                returning publication_id, as_of
            )
            insert into ledger.outcomes (model, as_of, version, publication_id, rows, positives, auc, auc_low, auc_high,
                auc_standard_error, log_loss, mean_score, base_rate, effective_at)
            select 'toy', as_of, 1, publication_id, 9, 2, auc, auc / 2, auc + .1, auc / 10, .5, .2, .22, as_of
            from published join (values (date '2017-11-06', .8::double precision), ('2017-11-07', 'NaN')) as ranked (day, auc)
                on day = as_of
            """)
        )
    for path, content in kept.items():
        path.write_text(content, encoding="utf-8")
    migrate(empty_url, schema)
    with Database(empty_url).transaction() as session:
        found = session.execute(text("select ledger.metrics_of(publication_id) from ledger.outcomes order by as_of")).scalars()
        ranked, unranked = map(dict, found)
    nothing = dict.fromkeys(("low", "high", "standard_error"), "NaN")
    assert ranked == {
        "auc": {"estimate": 0.8, "low": 0.4, "high": 0.9, "standard_error": 0.08},
        "log_loss": {"estimate": 0.5, **nothing},
    }
    assert list(ranked) == ["auc", "log_loss"]
    assert unranked["auc"] == {"estimate": "NaN", **nothing}
