"""The ledger of each layout that was in use (tests/sql/data) is brought to today's: nothing is lost, and rights are as declared.

A layout is kept as pg_dump's picture of the small world (tests/world.py), written by the program of that time: all structure,
and of the data the ledger only. ledger_of_0.1.0 is of release 0.1.0 (migration 006); ledger_of_024 is of migration 024 and has
rows in every table. Make the next one when a layout is released.
"""

import gzip
from pathlib import Path

import pytest
from sqlalchemy import text

from perennial.stores import ledger
from perennial.stores.sessions import Database
from perennial.stores.warehouse import check_ledger, migrate
from perennial.stores.warehouse.migrations import SCHEMA
from perennial.stores.warehouse.rights import LEDGER, compare_rights, find_lifted

LAYOUTS = {"0.1.0": "006", "024": "024"}
"""The name of each picture -> the newest migration in it."""
OPEN_TO_NOBODY = {"purge_permits"}  # rows of transactions that go on


def count_rows(database):
    with database.transaction() as session:
        names = session.scalars(text("select tablename from pg_tables where schemaname = 'ledger'")).all()
        return {name: session.scalar(text(f"select count(*) from ledger.{name}")) for name in names}


@pytest.fixture(scope="module", params=LAYOUTS)
def migrated(request, postgres):
    """The name of the layout, what it held, what was applied, and the database as it is now."""
    name = f"layout_{LAYOUTS[request.param]}"
    dump = Path(__file__).parent / "data" / f"ledger_of_{request.param}.sql.gz"
    postgres.make(name)
    postgres.server.run_sql(name, gzip.decompress(dump.read_bytes()).decode())
    superuser = Database(postgres.server.url(name, "postgres"), "test")
    before = count_rows(superuser)
    applied = migrate(postgres.url(name, "owner"))
    yield request.param, before, applied, superuser
    superuser.dispose()
    postgres.drop(name)


def test_what_came_since_is_applied_and_the_program_agrees(migrated):
    layout, _, applied, database = migrated
    assert tuple(sorted(path.stem for path in SCHEMA.glob("*.sql") if path.stem[:3] > LAYOUTS[layout])) == applied
    with database.transaction() as session:
        check_ledger(session)


def test_no_row_is_lost(migrated):
    _, before, applied, database = migrated
    after = count_rows(database)
    assert before | {"migrations": before["migrations"] + len(applied)} == {name: after[name] for name in before}
    assert sum(before.values()) > len(before)


def test_everybody_may_do_what_is_declared_and_nothing_else(migrated):
    with migrated[-1].transaction() as session:
        assert () == compare_rights(session)
        assert () == find_lifted(session)


def test_the_newest_layout_has_rows_in_every_table(migrated):
    layout, before, *_ = migrated
    empty = {name for name, rows in before.items() if not rows}
    assert (layout == max(LAYOUTS, key=LAYOUTS.get)) == (empty == OPEN_TO_NOBODY)
    assert before.keys() <= LEDGER.keys()


def test_facts_of_every_kind_can_lose_texts(migrated):
    left = "select count(*) from ledger.promotions where replace(reason, '[erased]', '') ~ '[a-z]'"
    with migrated[-1].transaction() as session:
        assert 0 < session.scalar(text(left))
        assert 0 < ledger.strike_texts(session, ["lapse"], "[a-z]+")
        assert 0 == session.scalar(text(left))
        session.rollback()
