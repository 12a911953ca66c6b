"""What a superuser runs once on a PostgreSQL of their own leaves an installation that works without one."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError, ProgrammingError

from perennial.local.passwords import ROLES
from perennial.local.ports import find_free_port
from perennial.local.postgres import THROWAWAY, Postgres
from perennial.stores.warehouse import migrate, render_install

HOMES = {role: role if role in ("airflow", "mlflow") else "warehouse" for role in ROLES}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A fresh cluster after what `perennial migrate --install-sql` prints, which reads the passwords from the environment."""
    folder = tmp_path_factory.mktemp("installed")
    server = Postgres(folder / "postgres", find_free_port(), passwords=folder / "passwords.json", options=THROWAWAY)
    server.start(new_session=True)
    passwords = json.loads((folder / "passwords.json").read_text(encoding="utf-8"))
    environment = "".join(f"\\setenv {role.upper()}_PASSWORD {passwords[role]}\n" for role in ROLES)
    server.run_sql("postgres", environment + render_install())
    yield server
    server.stop()


def run_as(server, role, database, statement="select 1"):
    engine = create_engine(server.url(database, role))
    try:
        with engine.begin() as connection:
            result = connection.exec_driver_sql(statement)
            return result.one() if result.returns_rows else None
    finally:
        engine.dispose()


@pytest.mark.parametrize("role", ROLES)
def test_each_role_enters_its_own_database_with_its_password(installed, role):
    run_as(installed, role, HOMES[role])


@pytest.mark.parametrize(
    ("role", "database"), [(role, other) for role in ROLES for other in sorted(set(HOMES.values())) if other != HOMES[role]]
)
def test_each_role_is_kept_out_of_the_databases_of_others(installed, role, database):
    with pytest.raises(OperationalError, match="permission denied for database"):
        run_as(installed, role, database)


@pytest.mark.parametrize("role", ["airflow", "mlflow"])
def test_a_service_makes_its_own_tables(installed, role):
    run_as(installed, role, role, "create table kept as select 1 as one")


def test_the_owner_migrates_and_the_loader_fills_the_source(installed):
    assert migrate(installed.url("warehouse", "owner"))
    run_as(installed, "loader", "warehouse", "create table source.facts as select 1 as one")
    run_as(installed, "pipeline", "warehouse", "select one from source.facts")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("database", ["postgres", "template1"])
def test_no_role_enters_what_postgresql_opens_to_all(installed, role, database):
    with pytest.raises(OperationalError, match="permission denied for database"):
        run_as(installed, role, database)


@pytest.mark.parametrize("role", ["analyst", "loader"])
@pytest.mark.parametrize(
    "call",
    [
        "pg_advisory_lock(1)",
        "pg_advisory_lock(1, 2)",
        "pg_advisory_xact_lock(1)",
        "pg_try_advisory_lock_shared(1)",
        "lo_create(0)",
        "lo_from_bytea(0, 'x')",
    ],
)
def test_who_only_reads_or_loads_holds_no_stage_up_and_keeps_no_large_object(installed, role, call):
    with pytest.raises(ProgrammingError, match="permission denied for function"):
        run_as(installed, role, "warehouse", f"select {call}")


def test_the_pipeline_and_the_owner_lock(installed):
    for role in ("pipeline", "owner"):
        run_as(installed, role, "warehouse", "select pg_advisory_xact_lock(1), pg_advisory_xact_lock_shared(2)")


def test_an_analyst_is_limited_and_a_limit_that_somebody_set_stays(installed):
    installed.run_sql("warehouse", "alter role analyst set statement_timeout = '7min'; alter role analyst connection limit 3;")
    installed.limit_rights("warehouse")
    limits = "select current_setting('statement_timeout'), current_setting('temp_file_limit')"
    assert ("7min", "20GB") == run_as(installed, "analyst", "warehouse", limits)
    assert "3" == installed.run_sql("postgres", "select rolconnlimit from pg_roles where rolname = 'analyst';").strip()
