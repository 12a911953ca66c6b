"""Months as partitions: made with their first day, and for tables from before there were any."""

from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from perennial.errors import ConfigError
from perennial.stores.sessions import Database, run_script
from perennial.stores.warehouse import sync
from perennial.stores.warehouse.days import measure_rows
from perennial.stores.warehouse.partitions import create_partitioned, ensure_month
from tests.drawn import declare

LAPSE = declare("lapse")
DAYS = ("2017-05-29", "2017-06-05", "2017-12-25")
MONTHS = ['features."lapse$2017_05"', 'features."lapse$2017_06"', 'features."lapse$2017_12"']
LIST_MONTHS = "select inhrelid::regclass::text from pg_inherits where inhparent = 'features.lapse'::regclass order by 1"
AS_BEFORE = """
create table {schema}.plain (like {schema}.lapse including constraints including comments including indexes);
insert into {schema}.plain select * from {schema}.lapse;
drop table {schema}.lapse cascade;
alter table {schema}.plain rename to lapse;
comment on table {schema}.lapse is 'As it was';
"""


@pytest.fixture
def lived(warehouse):
    """A warehouse with three days in three months."""
    for day in DAYS:
        warehouse.snapshot("lapse", day)
    return warehouse.session


def list_months(session):
    return session.exec_driver_sql(LIST_MONTHS).scalars().all()


def measure(session, day):
    return measure_rows(session, "features.lapse", date.fromisoformat(day), ["recency_days", "spend_28d"])


def test_a_day_stands_in_the_table_of_its_month(lived):
    assert list_months(lived) == MONTHS
    counted = [lived.exec_driver_sql(f"select count(*) from {month}").scalar_one() for month in MONTHS]
    assert counted == [1, 1, 1]


def test_a_day_built_again_replaces_itself_alone(lived, warehouse):
    before = [measure(lived, day) for day in DAYS]
    warehouse.snapshot("lapse", DAYS[1])
    assert [measure(lived, day) for day in DAYS] == before
    assert list_months(lived) == MONTHS


def test_an_entity_stands_once_a_day_in_every_month(lived):
    with pytest.raises(DBAPIError, match="duplicate key"), lived.begin_nested():
        lived.exec_driver_sql(f"insert into features.lapse select * from {MONTHS[2]}")


def test_a_december_ends_with_the_year(lived):
    table = ensure_month(lived, "features", "lapse", date(2018, 1, 1))
    assert table == 'features."lapse$2018_01"'
    bounds = text("select pg_get_expr(relpartbound, oid) from pg_class where oid = cast(:table as regclass)")
    said = [lived.execute(bounds, {"table": name}).scalar_one() for name in (MONTHS[2], table)]
    assert said == [
        "FOR VALUES FROM ('2017-12-01') TO ('2018-01-01')",
        "FOR VALUES FROM ('2018-01-01') TO ('2018-02-01')",
    ]


def test_a_month_begins_while_somebody_reads_and_neither_waits(warehouse_urls):
    reader, maker = Database(warehouse_urls.pipeline), Database(warehouse_urls.pipeline, parameters={"lock_timeout": "2s"})
    with maker.transaction() as session:
        create_partitioned(session, "scores", "lapse", "as_of date, entity_id bigint")
    with reader.transaction() as reading:
        count = text("select count(*) from scores.lapse")
        before = reading.execute(count).scalar_one()
        with maker.transaction() as session:
            ensure_month(session, "scores", "lapse", date(2017, 5, 29))
            session.execute(text("insert into scores.lapse values ('2017-05-29', 1)"))
            assert before == reading.execute(count).scalar_one()
        assert before + 1 == reading.execute(count).scalar_one()
    reader.dispose()
    maker.dispose()


def test_rows_from_before_there_were_months_are_moved_into_them_once(lived):
    before = [measure(lived, day) for day in DAYS]
    run_script(lived, AS_BEFORE.format(schema="features"))
    changes = sync(lived, LAPSE)
    assert changes[0] == "features.lapse: its rows were moved into a table for each month"
    assert [measure(lived, day) for day in DAYS] == before
    assert list_months(lived) == MONTHS
    assert sync(lived, LAPSE) == ()


def test_comments_and_views_outlive_the_move(lived):
    comments = """
        select obj_description('scores.lapse'::regclass), col_description('features.lapse'::regclass, 2),
            (select count(*) from pg_views where schemaname = 'analytics' and viewname like 'lapse_%%')"""
    before = lived.exec_driver_sql(comments).one()
    run_script(lived, AS_BEFORE.format(schema="scores"))
    run_script(lived, "create view analytics.lapse_scores_latest as select entity_id from scores.lapse")
    sync(lived, LAPSE)
    assert tuple(lived.exec_driver_sql(comments).one()) == ("As it was", *before[1:])


def test_a_new_column_reaches_every_month(lived):
    run_script(lived, AS_BEFORE.format(schema="features"))
    sync(lived, LAPSE)
    lived.exec_driver_sql("alter table features.lapse add column one integer")
    assert lived.exec_driver_sql(f"select one from {MONTHS[0]}").scalar_one() is None


def test_a_view_that_somebody_made_is_not_dropped_but_named(lived):
    run_script(lived, AS_BEFORE.format(schema="features") + "create view features.hers as select entity_id from features.lapse")
    with pytest.raises(ConfigError, match=r"features.hers, which Perennial did not make, reads the former table"):
        sync(lived, LAPSE)
