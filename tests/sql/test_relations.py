"""Tables as they are: in any schema, under any name, with days and clocks for times."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import text

from perennial.config import Source
from perennial.errors import ConfigError
from perennial.stores.sessions import run_script
from perennial.stores.warehouse.conditions import feature_bounds
from perennial.stores.warehouse.history import first_covered_day
from perennial.stores.warehouse.incomplete import set_facts_aside
from perennial.stores.warehouse.perturbing import copy_facts
from perennial.stores.warehouse.point_in_time import open_views
from tests.drawn import declare, run_of

DAY = date(2017, 5, 8)
LAPSE = declare("lapse")  # in New York
SALES = """
create schema sales;
create table sales."Invoices" ("customerId" bigint, "paidAt" timestamptz, "knownAt" timestamptz, "net:amount" numeric);
insert into sales."Invoices" values
    (1, '2017-05-07 23:59 -04', '2017-05-08 05:59 -04', 10), (2, '2017-05-08 00:00 -04', '2017-05-08 00:01 -04', 20),
    (3, '2017-05-07 12:00 -04', null, 30);
create view sales.paid as select "customerId", "paidAt", "knownAt" from sales."Invoices";
create materialized view sales."Frozen.Paid" as select * from sales.paid;
create table sales.days (customer_id bigint, paid_on date, told_on date, paid_at timestamp);
insert into sales.days values
    (1, '2017-05-07', '2017-05-07', '2017-05-08 03:59'), (2, '2017-05-08', '2017-05-07', '2017-05-08 04:00'),
    (3, '2017-05-06', '2017-05-08', '2017-05-08 03:59'), (4, '2017-02-12', '2017-02-12', '2017-02-12 12:00');
"""
INVOICES = {"table": "sales.Invoices", "event_at": "paidAt", "known_at": "knownAt"}
DAYS = {"table": "sales.days", "event_at": "paid_on", "known_at": "told_on"}


@pytest.fixture
def sales(warehouse):
    run_script(warehouse.session, SALES)
    return warehouse.session


def with_paid(**declared):
    model = LAPSE.model.model_copy(update={"sources": {"paid": Source(**declared)}})
    return LAPSE.model_copy(update={"model": model})


def see(session, query, **declared):
    declaration = with_paid(**declared)
    with open_views(session, declaration, feature_bounds(declaration.model, DAY)):
        return [tuple(row) for row in session.execute(text(query))]


@pytest.mark.parametrize("table", ["sales.Invoices", "sales.paid", 'sales."Frozen.Paid"'])
def test_a_table_a_view_and_a_materialized_view_of_any_schema_are_read(sales, table):
    assert see(sales, 'select "customerId" from paid', **INVOICES | {"table": table}) == [(1,)]


@pytest.mark.parametrize("written", ["sales.invoices", "invoices", "SALES.INVOICES"])
def test_a_table_that_is_called_almost_so_is_proposed(sales, written):
    with pytest.raises(ConfigError) as refused:
        see(sales, "select 1", **INVOICES | {"table": written})
    assert str(refused.value).endswith(
        f'names a table {written}, which does not exist. Is it sales.Invoices? Then write `table = "sales.Invoices"`.'
    )


def test_facts_without_a_time_are_set_aside_from_such_a_table_too(sales):
    declaration = with_paid(**INVOICES)
    found = set_facts_aside(sales, declaration, run_of(declaration, DAY), feature_bounds(declaration.model, DAY))
    assert [(part.source, part.column, part.facts) for part in found] == [("paid", "knownAt", 1)]
    kept = sales.execute(text("select row_content, rule from ledger.quarantine")).one()
    assert (kept.row_content["net:amount"], kept.rule) == (30, "knownAt is null")


def test_a_day_happens_at_its_beginning_and_is_known_at_its_end(sales):
    assert see(sales, "select customer_id, paid_on from paid order by 1", **DAYS) == [
        (1, date(2017, 5, 7)),
        (4, date(2017, 2, 12)),
    ]


def test_a_lookback_of_days_ends_at_the_day_itself(sales):
    assert see(sales, "select customer_id from paid", **DAYS, lookback_days=84) == [(1,)]
    assert see(sales, "select customer_id from paid order by 1", **DAYS, lookback_days=85) == [(1,), (4,)]


def test_one_day_may_be_both_times(sales):
    assert see(sales, "select customer_id from paid order by 1", **DAYS | {"known_at": "paid_on"}) == [(1,), (3,), (4,)]


@pytest.mark.parametrize(("zone", "seen"), [("UTC", [1, 3, 4]), ("America/New_York", [4])])
def test_a_clock_without_a_zone_is_read_in_the_declared_one(sales, zone, seen):
    clock = DAYS | {"event_at": "paid_at", "known_at": "paid_at", "zone": zone}
    assert [entity for (entity,) in see(sales, "select customer_id from paid order by 1", **clock)] == seen


def test_history_of_days_begins_with_the_first_day(sales):
    declaration = with_paid(**DAYS | {"known_at": "paid_on"}, lookback_days=84, history_from=date(2017, 2, 12))
    assert first_covered_day(sales, declaration) == date(2017, 5, 7)


def test_a_changed_copy_counts_where_one_column_is_both_times(sales):
    """Learned in time, it is the newer version: else a check of the model would change nothing and say so."""
    clock = DAYS | {"event_at": "paid_at", "known_at": "paid_at", "zone": "UTC", "key": ["customer_id"]}
    before = see(sales, "select customer_id, told_on from paid order by 1", **clock)
    copy_facts(sales, with_paid(**clock), known_at=datetime(2017, 5, 8, 10, tzinfo=UTC))
    after = see(sales, "select customer_id, told_on from paid order by 1", **clock)
    assert before != after
    assert [entity for entity, _ in before] == [entity for entity, _ in after]


def test_a_fact_is_changed_itself_where_one_day_is_both_times(sales):
    """No day is newer and still in time: of two versions the changed one must count, whatever it says."""
    day = DAYS | {"known_at": "paid_on", "key": ["paid_on"]}
    before = see(sales, "select customer_id from paid", **day)
    copy_facts(sales, with_paid(**day), known_at=datetime(2017, 5, 8, 10, tzinfo=UTC))
    assert not set(before) & set(see(sales, "select customer_id from paid", **day))
