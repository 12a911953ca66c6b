"""Who may do what in the warehouse: what is declared is what PostgreSQL says after the migrations, and each cell is really tried.

Nothing stays of what works: every attempt is rolled back.
"""

import re
from contextlib import ExitStack

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from perennial.errors import WarehouseUnavailable
from perennial.stores.sessions import INSUFFICIENT_PRIVILEGE, Database, read_code
from perennial.stores.warehouse.rights import (
    DATABASE,
    FACTS,
    FUNCTIONS,
    LEDGER,
    MEMBERS,
    ROLES,
    SCHEMAS,
    WATCHED,
    compare_rights,
    find_lifted,
)
from perennial.stores.warehouse.rights.comparing import split_privileges
from tests.drawn import open_drawn

RESTRICT_VIOLATION = "23001"
OF_A_MODEL = (
    "source.orders",
    "history.kept",
    "features.lapse",
    "labels.lapse",
    "scores.lapse",
    "scores.lapse$recipes",
    "tuning.kept",
)
TABLES = (*OF_A_MODEL, *(f"ledger.{name}" for name in LEDGER))
STATEMENTS = {
    "select": "select from {0} limit 0",
    "insert": "insert into {0} overriding system value select * from {0} where false",
    "delete": "delete from {0} where false",
    "truncate": "truncate {0} cascade",
}
HELD = """
    with recursive held as (
        select cast(cast(:name as regclass) as oid) as table_id
        union select conrelid from pg_constraint join held on confrelid = table_id and contype = 'f'
    )
    select relname from held join pg_class on pg_class.oid = table_id"""
OPEN_TO_ALL = (
    "pg_advisory_lock(pg_backend_pid())",
    "pg_try_advisory_xact_lock(1)",
    "lo_create(0)",
    "lo_get(1)",
    "lo_from_bytea(0, '')",
)


@pytest.fixture(scope="module")
def sessions(postgres, migrated_template):
    """One session for each role in a warehouse with the tables of a model, of a study and of a captured table."""
    with open_drawn(postgres, migrated_template):
        pass
    postgres.make("rights", template="drawn")
    postgres.server.limit_rights("rights")
    postgres.server.run_sql(
        "rights", "set role pipeline; create table history.kept (one int, two int); create table tuning.kept (one int, two int);"
    )
    with ExitStack() as stack:
        databases = {role: Database(postgres.url("rights", role), "test") for role in ROLES}
        yield {role: stack.enter_context(database.hold()) for role, database in databases.items()}
        stack.close()
    postgres.drop("rights")


def attempt(session, statement, of=""):
    """What comes of it: works, refused for want of a right (of these things alone), or stopped by what guards facts."""
    session.exec_driver_sql("begin")
    try:
        session.exec_driver_sql(statement, execution_options={"no_parameters": True})
    except DBAPIError as error:
        if of and read_code(error) == INSUFFICIENT_PRIVILEGE and not re.match(f"permission denied for ({of})", str(error.orig)):
            return "works"  # it was begun; what it reads is not for everybody who may begin it
        outcomes = {INSUFFICIENT_PRIVILEGE: "refused", RESTRICT_VIOLATION: "stopped"}
        return outcomes.get(read_code(error), "works")  # past the check of rights, into another error
    finally:
        session.exec_driver_sql("rollback")
    return "works"


def ask(session, query, **values):
    return session.execute(text(query), values).scalars().all()


def reach(role):
    """The roles whose rights a role has."""
    return {role, *MEMBERS[role], "public"}


def may(role, given):
    """The privileges of a role by what is declared as role -> privileges, with columns."""
    return {each for one in reach(role) for each in split_privileges(given.get(one, ""))}


def may_begin(privilege, given):
    """Whoever may read one column may count the rows."""
    return any(each == privilege and (not column or privilege == "select") for each, column in given)


def list_columns(session, table):
    query = "select attname from pg_attribute where attrelid = cast(:name as regclass) and attnum > 0 and not attisdropped"
    return ask(session, query, name=table)


def test_what_is_declared_is_what_postgresql_says(sessions):
    assert () == compare_rights(sessions["analyst"])
    assert () == find_lifted(sessions["pipeline"])


def test_an_installation_from_before_the_watcher_lacks_nothing(warehouse_urls):
    with Database(warehouse_urls.superuser).hold() as session:
        session.exec_driver_sql("begin")
        session.exec_driver_sql("alter role watcher rename to somebody_else")
        found = compare_rights(session)
        session.exec_driver_sql("rollback")
    assert () == found


def test_the_tables_and_functions_that_are_declared_are_those_that_are_there(sessions):
    tables = ask(
        sessions["owner"],
        "select relname from pg_class "
        "where relnamespace = 'ledger'::regnamespace and relkind in ('r', 'p') and not relispartition",
    )
    made = "select format('%s.%s', pronamespace::regnamespace, proname) from pg_proc where proowner = 'owner'::regrole"
    assert sorted(LEDGER) == sorted(tables)
    assert sorted(FUNCTIONS) == sorted(ask(sessions["owner"], made))


def test_the_facts_that_are_declared_are_those_with_a_trigger(sessions):
    guarded = "select relname from pg_trigger join pg_class on pg_class.oid = tgrelid where tgname = 'facts_stay'"
    assert sorted(FACTS) == sorted(ask(sessions["owner"], guarded))


@pytest.mark.mltest("D5")
@pytest.mark.attack("a role does to a table what it may not")
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("table", TABLES)
def test_a_role_may_do_to_a_table_what_is_declared_and_nothing_else(sessions, role, table):
    schema, _, name = table.partition(".")
    declared = SCHEMAS[schema]
    owner = declared.belongs_to or "loader"
    given = may(role, {"pipeline": LEDGER[name], "watcher": WATCHED.get(name, "")} if schema == "ledger" else declared.each)
    all_columns = list_columns(sessions["owner"], table)
    if owner in reach(role):
        given |= {(privilege, "") for privilege in (*STATEMENTS, "update")}
    held = {each: FACTS.get(each, "") for each in ask(sessions["owner"], HELD, name=table)}
    stopped = {privilege for privilege, _ in split_privileges(FACTS.get(name, "") if schema == "ledger" else "")}
    stopped |= {"truncate"} if any("truncate" in stops for stops in held.values()) else set()
    expected = {
        privilege: "refused" if not may_begin(privilege, given) else "stopped" if privilege in stopped else "works"
        for privilege in STATEMENTS
    }
    changed = {column for column in all_columns if {("update", ""), ("update", column)} & given}
    quoted = '"."'.join(table.split("."))
    found = {privilege: attempt(sessions[role], statement.format(f'"{quoted}"')) for privilege, statement in STATEMENTS.items()}
    updates = {
        column: attempt(sessions[role], f'update "{quoted}" set "{column}" = default where false') for column in all_columns
    }
    assert expected == found
    assert updates == {
        column: "refused" if column not in changed else "stopped" if "update" in stopped else "works" for column in all_columns
    }


@pytest.mark.attack("a role does to a table what it may not")
@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_read_views_if_that_is_declared_and_write_none(sessions, role):
    views = "select format('%s.%I', relnamespace\\:\\:regnamespace, relname) from pg_class where relkind = 'v' "
    names = ask(sessions["owner"], views + "and relnamespace = 'analytics'\\:\\:regnamespace")
    reads = "refused" if role in ("loader", "watcher", "recorder") else "works"
    assert len(names) > 10
    assert dict.fromkeys(names, reads) == {name: attempt(sessions[role], f"select from {name} limit 0") for name in names}


@pytest.mark.attack("a role enters a schema, or makes something there")
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_role_enters_and_makes_what_is_declared(sessions, role, schema):
    given = may(role, {**SCHEMAS[schema].given, "owner": "create, usage"})
    found = {
        "create": attempt(sessions[role], f"create table {schema}.probe ()"),
        "usage": attempt(sessions[role], f"select from {schema}.nothing_of_this_name"),
    }
    assert {each: "works" if (each, "") in given else "refused" for each in found} == found


@pytest.mark.attack("a role calls a function of the owner's")
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_role_calls_the_functions_that_are_declared(sessions, role, name):
    schema, bare = name.split(".")
    types = "select format_type(one, null) from unnest((select proargtypes from pg_proc where proname = :name)) with ordinality "
    kinds = ask(sessions["owner"], types + "as each (one, place) order by place", name=bare)
    enters = ("usage", "") in may(role, {**SCHEMAS[schema].given, "owner": "usage"})
    calls = role == "owner" or bool(reach(role) & set(FUNCTIONS[name].split(", ")))
    outcome = attempt(sessions[role], f"select {name}({', '.join(f'null::{kind}' for kind in kinds)})", of="function|schema")
    assert ("refused" if not (enters and calls) else "allowed") == (outcome if outcome == "refused" else "allowed")


@pytest.mark.attack("a role draws a number of the ledger")
@pytest.mark.parametrize("role", ROLES)
def test_numbers_of_the_ledger_are_drawn_by_inserting_alone(sessions, role):
    names = ask(sessions["owner"], "select 'ledger.' || relname from pg_class where relkind = 'S' and relname like '%\\_seq'")
    found = {name: attempt(sessions[role], f"select nextval('{name}')") for name in names}
    assert dict.fromkeys(names, "works" if role == "owner" else "refused") == found
    assert len(names) > 5


@pytest.mark.attack("a role holds stages up, or fills the disk, by what PostgreSQL leaves open")
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("call", OPEN_TO_ALL)
def test_advisory_locks_and_large_objects_are_closed(sessions, role, call):
    stays = "works" if "lock" in call and role in ("owner", "pipeline") else "refused"
    assert stays == attempt(sessions[role], f"select {call}")


@pytest.mark.attack("a role holds stages up, or fills the disk, by what PostgreSQL leaves open")
@pytest.mark.parametrize("role", ROLES)
def test_temporary_tables_are_for_whom_they_are_declared(sessions, role):
    given = may(role, {**DATABASE, "owner": "temporary"})
    stays = "works" if ("temporary", "") in given else "refused"
    assert stays == attempt(sessions[role], "create temporary table probe ()")


@pytest.mark.attack("a role holds stages up, or fills the disk, by what PostgreSQL leaves open")
def test_guests_have_limits(sessions):
    places = "select format('%s %s', rolname, rolconnlimit) from pg_roles where rolconnlimit <> -1 order by 1"
    settings = "select unnest(setconfig) from pg_db_role_setting where setrole = cast('analyst' as regrole)"
    assert ["analyst 40", "loader 40", "recorder 40", "watcher 4"] == ask(sessions["owner"], places)
    assert {"statement_timeout=30min", "idle_in_transaction_session_timeout=1min", "temp_file_limit=20GB"} == {
        *ask(sessions["owner"], settings)
    }


@pytest.mark.attack("a role becomes another one")
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("other", [*ROLES, "mlflow", "airflow", "postgres"])
def test_a_role_becomes_only_those_that_it_is_a_member_of(sessions, role, other):
    assert ("works" if other in reach(role) else "refused") == attempt(sessions[role], f"set local role {other}")


@pytest.mark.attack("a role enters a database that is not its own")
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("database", ["postgres", "template1", "mlflow"])
def test_a_role_enters_no_other_database(postgres, sessions, role, database):
    postgres.make("mlflow", owner="mlflow")
    closed = Database(postgres.server.url(database, role))
    with pytest.raises(WarehouseUnavailable, match="permission denied for database"), closed.transaction():
        pass


@pytest.mark.attack("a role changes what another one will make")
@pytest.mark.parametrize(
    "statement",
    [
        "alter default privileges for role pipeline in schema scores grant select on tables to analyst",
        "grant select on ledger.runs to analyst",
        "grant usage on schema ledger to analyst",
        "alter table ledger.versions disable trigger facts_stay",
        "drop trigger facts_stay on ledger.versions",
        "alter table ledger.versions owner to pipeline",
        "create or replace function ledger.refuse_change() returns trigger language sql as 'select null'",
        "set session_replication_role = replica",
        "alter role pipeline superuser",
        "alter role analyst connection limit 1000",
        "create role another",
        "comment on table ledger.versions is 'x'",
        "create policy all_of_it on ledger.runs",
        "copy (select 1) to program 'true'",
        "copy (select 1) to '/tmp/a_file_of_nobody'",
        "select pg_read_file('pg_hba.conf')",
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'owner'",
    ],
)
@pytest.mark.parametrize("role", ["loader", "analyst"])
def test_rights_and_guards_are_changed_by_nobody_who_must_not(sessions, role, statement):
    assert "refused" == attempt(sessions[role], statement)


@pytest.mark.parametrize(
    ("made", "reader", "stays"),
    [
        ("set role loader; create table source.probe ()", "pipeline", "works"),
        ("set role loader; create table source.probe ()", "analyst", "refused"),
        ("set role pipeline; create view analytics.probe as select 1 as one", "analyst", "works"),
        ("set role pipeline; create view analytics.probe as select 1 as one", "loader", "refused"),
        ("set role pipeline; create table scores.probe ()", "analyst", "refused"),
        ("set role pipeline; create table features.probe ()", "loader", "refused"),
    ],
)
def test_what_a_role_makes_is_open_to_whom_it_is_declared(sessions, postgres, made, reader, stays):
    kind, name = made.split()[4:6]
    postgres.server.run_sql("rights", f"{made};")
    outcome = attempt(sessions[reader], f"select from {name}")
    postgres.server.run_sql("rights", f"drop {kind} {name};")
    assert stays == outcome
