"""The share of a canary in SQL, and batches of requests: kept by month, purged by day."""

import uuid
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from perennial.config.retention import Retention
from perennial.errors import WarehouseUnavailable
from perennial.records.canaries import RequestBatch, find_place
from perennial.stores.ledger.purges import find_purgeable
from perennial.stores.recording import BatchRefused, open_recording, record_requests
from perennial.stores.sessions import Database
from tests.toy_server import END, RECIPE, START, TEST

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


@pytest.fixture
def recorder(warehouse_urls, pipeline):
    """The toy has one canary, of number 1."""
    with pipeline.transaction() as session:
        session.execute(text(RECIPE), {"recipe": 2})
        tested = session.execute(text(TEST), {"recipe": 2}).scalar_one()
        session.execute(text(START), {"tested": tested, "recipe": 2, "salt": "5f0c"})
    database = open_recording(warehouse_urls.recorder)
    yield database
    database.dispose()


def batch(arm="canary", at=None, **values):
    known = {"requests": 4, "rows": 20, "errors": 1, "inputs": 200, "missing": 3, "score_sum": 8.0, "score_squares": 4.0}
    known |= {"model": "toy", "canary_id": 1, "share": 0.05, "seconds": 0.01, "second_squares": 0.001}
    return RequestBatch(arm=arm, version=5, effective_at=at or datetime.now(UTC), **(known | values))


def months(session):
    return session.execute(
        text("select inhrelid::regclass::text from pg_inherits where inhparent = 'ledger.requests'::regclass order by 1")
    ).scalars().all()  # fmt: skip


def test_batches_stand_in_the_table_of_their_month(recorder, pipeline):
    now = datetime.now(UTC)
    record_requests(recorder, [batch(at=now), batch("champion", at=now)])
    record_requests(recorder, [batch(at=now - timedelta(hours=1))])
    with pipeline.transaction() as session:
        assert f'ledger."requests${now:%Y_%m}"' in months(session)
        assert 3 == session.execute(text("select count(*) from ledger.requests where share = 0.05")).scalar_one()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"missing": 201}, "check constraint"),
        ({"rows": -1}, "check constraint"),
        ({"errors": 21}, "figures_add_up"),
        ({"score_sum": float("nan")}, "figures_add_up"),
        ({"score_squares": 1e300}, "figures_add_up"),
        ({"seconds": float("inf")}, "figures_add_up"),
        ({"requests": 0}, "check constraint"),
        ({"share": 0.7}, "check constraint"),
        ({"share": None}, "the share of the canary is missing"),
        ({"arm": "nobody"}, "check constraint"),
        ({"canary_id": 2}, "model toy has no canary 2"),
        ({"model": "lapse"}, "model lapse has no canary 1"),
    ],
)
def test_the_recorder_writes_nothing_that_cannot_be(recorder, pipeline, values, said):
    with pytest.raises(BatchRefused, match=said):
        record_requests(recorder, [batch(), batch(**values)])
    with pipeline.transaction() as session:
        assert 0 == session.execute(text("select count(*) from ledger.requests")).scalar_one()


def test_what_a_person_can_mend_is_no_reason_to_forget_what_was_counted(recorder, warehouse_urls):
    with pytest.raises(WarehouseUnavailable, match=r"lies more than a day from now: set the clock"):
        record_requests(recorder, [batch(at=datetime(2017, 1, 31, tzinfo=UTC))])
    standby = Database(warehouse_urls.recorder, parameters={"default_transaction_read_only": "on"})
    with pytest.raises(WarehouseUnavailable, match=r"read-only transaction: PERENNIAL_RECORDER_URL names a server that only"):
        record_requests(standby, [batch()])
    standby.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "select from ledger.requests",
        "select salt from ledger.canaries",
        "insert into ledger.canary_ends values (1, 'stopped', '', '2017-01-01', '', '2017-01-01')",
        "select from analytics.champions",
        "create table ledger.another ()",
        "create temporary table another ()",
    ],
)
def test_the_recorder_reads_nothing_and_writes_by_one_function_alone(recorder, statement):
    with pytest.raises(DBAPIError, match="permission denied"), recorder.transaction() as session:
        session.exec_driver_sql(statement)


def test_who_decides_cannot_change_what_was_kept(recorder, pipeline):
    record_requests(recorder, [batch()])
    for statement in ("update ledger.requests set rows = 0", "delete from ledger.requests", "drop table ledger.requests"):
        with pytest.raises(DBAPIError, match=r"permission denied|must be owner"), pipeline.transaction() as session:
            session.execute(text(statement))


KEPT = """
    insert into ledger.requests (
        day, model, arm, version, canary_id, share, rows, errors, inputs, missing, score_sum, score_squares, seconds, effective_at
    )
    values (:day, 'toy', 'canary', 5, 1, 0.05, 20, 1, 200, 3, 8, 4, 0.01, :day)"""


def keep(warehouse_urls, *days):
    """As it was counted on days of the past."""
    owner = Database(warehouse_urls.owner)
    with owner.transaction() as session:
        for day in days:
            month = f"{day:%Y_%m}"
            first = day.replace(day=1)
            session.exec_driver_sql(
                f'create table if not exists ledger."requests${month}" partition of ledger.requests '
                f"for values from ('{first}') to ('{(first + timedelta(days=32)).replace(day=1)}')"
            )
            session.execute(text(KEPT), {"day": day})
    owner.dispose()


def live(session, day):
    session.execute(
        text("insert into ledger.runs (model, as_of, stage, purpose, actor, status, effective_at) "
             "values ('toy', :day, 'score', 'live', 'ann', 'ok', :day)"), {"day": day})  # fmt: skip


def purge(session, day, days=400):
    values = {"day": day, "days": days, "at": datetime(2018, 6, 1, tzinfo=UTC)}
    return session.execute(text("select ledger.purge_day('toy', 'requests', :day, :days, 'ann', :at)"), values).scalar_one()


def test_old_requests_go_by_day_and_a_month_with_its_last_one(pipeline, warehouse_urls):
    keep(warehouse_urls, date(2017, 1, 30), date(2017, 1, 31), date(2017, 2, 1))
    with pipeline.transaction() as session:
        live(session, date(2018, 6, 1))
        assert 1 == purge(session, date(2017, 1, 30))
        assert 2 == len(months(session))
        assert 1 == purge(session, date(2017, 1, 31))
        assert ['ledger."requests$2017_02"'] == months(session)
        kept = session.execute(text("select kind, as_of, rows from ledger.purges order by as_of")).all()
        assert [("requests", date(2017, 1, 30), 1), ("requests", date(2017, 1, 31), 1)] == [tuple(row) for row in kept]


def test_requests_that_are_kept_are_not_purged(pipeline, warehouse_urls):
    keep(warehouse_urls, date(2018, 5, 1))
    with pipeline.transaction() as session:
        live(session, date(2018, 6, 1))
    for days in (400, 7):
        with pytest.raises(DBAPIError, match="is not older than"), pipeline.transaction() as session:
            purge(session, date(2018, 5, 1), days)


def test_requests_stay_while_their_canary_runs(recorder, pipeline, warehouse_urls):
    keep(warehouse_urls, date(2017, 1, 30))
    day = date(2018, 1, 1)
    before = {name.removesuffix("_days"): day for name in Retention.model_fields}
    before |= {**dict.fromkeys(("files", "runs"), datetime(2018, 1, 1, tzinfo=UTC)), "outcomes": day}
    with pipeline.transaction() as session:
        (runs,) = find_purgeable(session, "toy", before, needed=[], ways_back=[])
        session.execute(text(END))
        (over,) = find_purgeable(session, "toy", before, needed=[], ways_back=[])
    assert ("requests", "its canary is still judged") == (runs.kind, runs.why)
    assert over.why is None
