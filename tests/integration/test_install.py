"""What a superuser runs once on a PostgreSQL of their own leaves an installation that works without one."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from perennial.config import PLATFORM_SQL
from perennial.local.passwords import ROLES
from perennial.local.ports import find_free_port
from perennial.local.postgres import THROWAWAY, Postgres
from perennial.stores.warehouse import migrate

INSTALL = PLATFORM_SQL / "install"
HOMES = {role: role if role in ("airflow", "mlflow") else "warehouse" for role in ROLES}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A fresh cluster after roles.sql and databases.sql, which read the passwords from the environment."""
    folder = tmp_path_factory.mktemp("installed")
    server = Postgres(folder / "postgres", find_free_port(), passwords=folder / "passwords.json", options=THROWAWAY)
    server.start(new_session=True)
    passwords = json.loads((folder / "passwords.json").read_text(encoding="utf-8"))
    environment = "".join(f"\\setenv {role.upper()}_PASSWORD {passwords[role]}\n" for role in ROLES)
    for script in ("roles.sql", "databases.sql"):
        server.run_sql("postgres", environment + (INSTALL / script).read_text(encoding="utf-8"))
    yield server
    server.stop()


def run_as(server, role, database, statement="select 1"):
    engine = create_engine(server.url(database, role))
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)
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
