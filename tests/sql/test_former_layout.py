"""A warehouse that the former layout (packages ml, plugins and dags, version 0.1.0) left behind lives on.

data/ledger_of_0.1.0.sql.gz is pg_dump's picture of the small world (tests/world.py) after two weeks, written by that version:
all structure, and of the data the ledger only, with four mails that wait.
"""

import gzip
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from perennial.config import Settings
from perennial.pipeline import Stores, drain_outbox
from perennial.stores import ledger
from perennial.stores.sessions import Database
from perennial.stores.warehouse import check_ledger, migrate, sync
from tests.cards import DECLARATION

DUMP = Path(__file__).parent / "data" / "ledger_of_0.1.0.sql.gz"


@pytest.fixture
def former(postgres):
    """The restored warehouse, migrated."""
    postgres.make("former")
    postgres.server.run_sql("former", gzip.decompress(DUMP.read_bytes()).decode())
    yield postgres
    postgres.drop("former")


@pytest.fixture
def migrated(former):
    migrate(former.url("former", "owner"))
    return Database(former.url("former", "pipeline"), "test")


def test_only_what_came_since_is_applied_to_it(former):
    applied = migrate(former.url("former", "owner"))
    assert applied[0] == "007_words"
    assert migrate(former.url("former", "owner")) == ()


def test_the_program_agrees_with_its_ledger(migrated):
    with migrated.transaction() as session:
        check_ledger(session)


def test_its_verdicts_are_read_in_the_words_of_today(migrated):
    with migrated.transaction() as session:
        verdict = ledger.latest_evaluation(session, "lapse", 2).verdict
    assert verdict.compared_again_on == date(2017, 6, 21)
    assert {"not assessed"} <= {guard.state for guard in verdict.guards}
    assert {True, False} >= {segment.is_assessed for segment in verdict.segments}


@pytest.mark.attack("facts of the ledger are rewritten")
def test_its_facts_stay_closed_to_changes(migrated, former):
    owner = Database(former.url("former", "owner"), "test")
    with pytest.raises(DBAPIError, match="append-only"), owner.transaction() as session:
        session.execute(text("update ledger.evaluations set verdict = 'PROMOTE'"))


def test_what_has_taught_counts_as_admitted(migrated):
    with migrated.transaction() as session:
        versions = [ledger.get_version(session, "lapse", number) for number in (1, 2)]
        taught = {day for version in versions for day in (*version.training_as_ofs, *version.holdout_as_ofs)}
        entries = ledger.entries(session, "lapse", since=min(taught), clock=versions[-1].effective_at)
        built = ledger.checksums(session, "lapse", since=min(taught))
    assert taught == {day for day, entry in entries.items() if entry.may_teach}
    assert {day: built[day].labels_checksum for day in taught} == {day: entry.labels_checksum for day, entry in entries.items()}
    assert {()} == {version.rested for version in versions}


def test_its_waiting_mails_are_sent(migrated, former, smtp_sink):
    settings = Settings(former.url("former", "pipeline"), "", "", Path(), Path(), smtp=smtp_sink.settings)
    assert 4 == drain_outbox(Stores(settings, migrated, registry=None))["sent"]
    assert len(smtp_sink.messages) == 4


def test_its_views_and_tables_are_those_of_the_model_today(migrated):
    with migrated.transaction() as session:
        changes = sync(session, DECLARATION)
    moved = [f"{kind}.lapse: its rows were moved into a table for each month" for kind in ("features", "labels", "scores")]
    assert [*moved, "scores.lapse$recipes: created"] == [change for change in changes if "views made anew" not in change]
