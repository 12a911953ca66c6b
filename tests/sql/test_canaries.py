"""The share of a canary in SQL, and batches of requests: kept by month, purged by day."""

import uuid
from datetime import UTC, date, datetime

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from perennial.records.canaries import RequestBatch, find_place
from perennial.stores import ledger
from perennial.stores.sessions import Database

HOSTILE = [
    *("", " ", "'", '"', "\\", "%s", ":x", "a:b", "x'); drop table ledger.canaries; --", '[1, "a"]', "\n\t"),
    *("é", "\u0065\u0301", "ß", "İ", "\U0001d518", "\u202e", "\ufeff", "\uffff"),
    *("0", "00", "-1", "1e3", "x" * 5_000),
]


@pytest.fixture
def pipeline(warehouse_urls):
    database = Database(warehouse_urls.pipeline, "test")
    yield database
    database.dispose()


def test_python_and_postgresql_agree_on_every_entity(pipeline):
    rng = np.random.default_rng(7)
    drawn = ["".join(map(chr, rng.integers(1, 0xD7FF, rng.integers(1, 12)))) for _ in range(3_000)]
    entities = [*HOSTILE, *map(str, range(-500, 3_000)), *(str(uuid.UUID(bytes=rng.bytes(16))) for _ in range(500)), *drawn]
    with pipeline.transaction() as session:
        for salt in ("", "5f0c", "a:b", "'é"):
            found = session.execute(
                text("select ledger.place_entity(entity, :salt) from unnest(cast(:entities as text[])) as entity"),
                {"salt": salt, "entities": entities},
            )
            assert [find_place(entity, salt) for entity in entities] == list(found.scalars())


def batch(day, arm="canary", **values):
    known = {"rows": 20, "errors": 1, "inputs": 200, "missing": 3, "score_sum": 8.0, "score_squares": 4.0, "seconds": 0.01}
    return RequestBatch("toy", arm, 5, 1, effective_at=datetime(*day, 23, 30, tzinfo=UTC), **(known | values))


def months(session):
    return session.execute(
        text("select inhrelid::regclass::text from pg_inherits where inhparent = 'ledger.requests'::regclass order by 1")
    ).scalars().all()  # fmt: skip


def test_batches_stand_in_the_table_of_their_month(pipeline):
    with pipeline.transaction() as session:
        for day in [(2017, 1, 31), (2017, 2, 1), (2017, 2, 28), (2017, 12, 31)]:
            assert ledger.record_request(session, batch(day)) > 0
        named = [f'ledger."requests$2017_{month}"' for month in ("01", "02", "12")]
        assert named == months(session)
        february = "select count(*) from ledger.requests where tableoid::regclass::text like '%2017_02%'"
        assert 2 == session.execute(text(february)).scalar_one()


def test_who_serves_cannot_change_what_was_kept(pipeline):
    with pipeline.transaction() as session:
        ledger.record_request(session, batch((2017, 1, 31)))
    for statement in ("update ledger.requests set rows = 0", "delete from ledger.requests", "drop table ledger.requests"):
        with pytest.raises(DBAPIError, match=r"permission denied|must be owner"), pipeline.transaction() as session:
            session.execute(text(statement))


def test_more_missing_than_inputs_is_refused(pipeline):
    with pytest.raises(DBAPIError, match="check constraint"), pipeline.transaction() as session:
        ledger.record_request(session, batch((2017, 1, 31), missing=201))


def live(session, day):
    session.execute(
        text("insert into ledger.runs (model, as_of, stage, purpose, actor, status, effective_at) "
             "values ('toy', :day, 'score', 'live', 'ann', 'ok', :day)"), {"day": day})  # fmt: skip


def purge(session, day, days=400):
    values = {"day": day, "days": days, "at": datetime(2018, 6, 1, tzinfo=UTC)}
    return session.execute(text("select ledger.purge_requests('toy', :day, :days, 'ann', :at)"), values).scalar_one()


def test_old_requests_go_by_day_and_a_month_with_its_last_one(pipeline):
    with pipeline.transaction() as session:
        live(session, date(2018, 6, 1))
        for day in [(2017, 1, 30), (2017, 1, 31), (2017, 2, 1)]:
            ledger.record_request(session, batch(day))
        assert 1 == purge(session, date(2017, 1, 30))
        assert 2 == len(months(session))
        assert 1 == purge(session, date(2017, 1, 31))
        assert ['ledger."requests$2017_02"'] == months(session)
        kept = session.execute(text("select kind, as_of, rows from ledger.purges order by as_of")).all()
        assert [("requests", date(2017, 1, 30), 1), ("requests", date(2017, 1, 31), 1)] == [tuple(row) for row in kept]


def test_requests_that_are_kept_are_not_purged(pipeline):
    with pipeline.transaction() as session:
        live(session, date(2018, 6, 1))
        ledger.record_request(session, batch((2018, 5, 1)))
    for days in (400, 7):
        with pytest.raises(DBAPIError, match="are not older than"), pipeline.transaction() as session:
            purge(session, date(2018, 5, 1), days)
