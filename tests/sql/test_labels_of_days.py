"""Labels of many days at once: the rows and checksums of days that were labelled one by one, and one that fails fails alone."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from perennial.errors import ConfigError, PermanentError
from perennial.stores.sessions import run_script
from perennial.stores.warehouse import build_labels, build_labels_of_days, build_snapshot
from perennial.stores.warehouse.conditions import Bounds
from perennial.stores.warehouse.delivery import INSTANT, count_facts
from perennial.stores.warehouse.point_in_time import open_views
from perennial.stores.warehouse.relations import resolve
from tests.drawn import declare, run_of, with_source, with_sql

LAPSE = declare("lapse")
DAYS = [date(2017, 5, 8) + timedelta(weeks=week) for week in range(6)]
RUN = run_of(LAPSE, date(2017, 9, 4))
ROWS = text("select as_of, entity_id, label, known_at from labels.lapse order by as_of, entity_id")
OF_MIDDLE = "select entity_id, (1 / (:as_of - date '2017-05-22'))::integer as label from cohort"
"""Fails in the middle of the days, on the data alone."""
CORRECTED = """
    insert into source.orders (household_id, order_id, store_id, ordered_at, known_at, amount_cents)
    select household_id, order_id, store_id, ordered_at + interval '2 days', known_at + interval '9 days', amount_cents
    from (select distinct on (order_id) * from source.orders where order_id % 3 = 0) as corrected;
    insert into source.orders (household_id, order_id, store_id, ordered_at, known_at, amount_cents)
    select household_id, order_id, store_id, ordered_at - interval '80 days', known_at + interval '30 days', amount_cents
    from (select distinct on (order_id) * from source.orders where order_id % 5 = 0) as corrected;
"""


@pytest.fixture
def session(sample):
    for day in DAYS:
        build_snapshot(sample, LAPSE, run_of(LAPSE, day))
    return sample


def label_one_by_one(session):
    built = {day: build_labels(session, LAPSE, RUN, day) for day in DAYS}
    return built, session.execute(ROWS).all()


def test_many_days_get_the_rows_and_checksums_of_days_that_are_labelled_one_by_one(session):
    apart, rows = label_one_by_one(session)
    assert len(rows) > len(DAYS)
    session.execute(text("delete from labels.lapse"))
    assert build_labels_of_days(session, LAPSE, RUN, DAYS) == apart
    assert session.execute(ROWS).all() == rows


def test_what_was_begun_and_lost_is_built_again_to_the_same_rows(session):
    apart, rows = label_one_by_one(session)
    session.execute(text("delete from labels.lapse"))
    with session.begin_nested() as lost:
        build_labels_of_days(session, LAPSE, RUN, DAYS[:3])
        lost.rollback()
    assert session.execute(text("select count(*) from labels.lapse")).scalar_one() == 0
    assert build_labels_of_days(session, LAPSE, RUN, DAYS) == apart
    assert session.execute(ROWS).all() == rows


def test_a_day_that_fails_fails_alone(session):
    built = build_labels_of_days(session, with_sql(LAPSE, labels_sql=OF_MIDDLE), RUN, DAYS)
    failed = [day for day in DAYS if isinstance(built[day], PermanentError)]
    assert failed == [date(2017, 5, 22)]
    assert "2017-05-22: labels.sql fails: division by zero" in str(built[failed[0]])
    found = session.execute(text("select distinct as_of from labels.lapse order by 1")).scalars().all()
    assert found == [day for day in DAYS if day not in failed]


def test_a_day_without_a_snapshot_fails_alone_though_it_is_the_first(session):
    built = build_labels_of_days(session, LAPSE, RUN, [date(2017, 5, 1), *DAYS])
    assert [day for day in built if isinstance(built[day], PermanentError)] == [date(2017, 5, 1)]
    assert "there is no snapshot" in str(built[date(2017, 5, 1)])


def test_a_query_that_is_wrong_stops_every_day_with_one_error(session):
    built = build_labels_of_days(session, with_sql(LAPSE, labels_sql="select nobody from cohort"), RUN, DAYS)
    assert {type(each) for each in built.values()} == {ConfigError}
    assert list(built) == DAYS


def count_as_the_views_show(session, declaration, as_of, clock):
    """Facts of each local day through the point-in-time views, for one as_of."""
    model = declaration.model
    known = min(clock, model.matured_at(as_of))
    watched = with_source(declaration, "orders", lookback_days=56)
    relation = resolve(session, watched.model, "orders")
    query = text(f"select ({relation.event_at} at time zone :zone)::date, count(*) from pg_temp.orders group by 1")
    with open_views(session, watched, Bounds(as_of, known + INSTANT, known)):
        return dict(session.execute(query, {"zone": model.timezone} | relation.values).all())


@pytest.mark.parametrize("clock", [datetime(2018, 1, 1, tzinfo=UTC), datetime(2017, 6, 20, 15, tzinfo=UTC)])
@pytest.mark.parametrize("corrections", ["select", CORRECTED], ids=["as loaded", "corrected later"])
@pytest.mark.parametrize("key", [("order_id",), ()], ids=["versions", "every row a fact"])
def test_deliveries_of_many_days_are_counted_as_the_views_show_each(sample, clock, corrections, key):
    run_script(sample, corrections)
    declaration = with_source(LAPSE, "orders", key=key)
    counted = count_facts(sample, resolve(sample, declaration.model, "orders"), DAYS, clock)
    assert counted == {day: count_as_the_views_show(sample, declaration, day, clock) for day in DAYS}


def test_a_source_is_held_anew_after_the_savepoint_is_undone_in_which_it_was_held(sample):
    held = text("select count(*) from pg_locks where relation = 'source.orders'::regclass and pid = pg_backend_pid()")
    with sample.begin_nested() as lost:
        resolve(sample, LAPSE.model, "orders")
        lost.rollback()
    assert sample.execute(held).scalar_one() == 0
    resolve(sample, LAPSE.model, "orders")
    assert sample.execute(held).scalar_one() == 1
