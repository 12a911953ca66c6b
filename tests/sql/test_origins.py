"""What a column is made of, as PostgreSQL understood the query."""

from datetime import date

import pytest
from sqlalchemy import text

from perennial.records import ColumnOrigin
from perennial.stores.warehouse import sync
from perennial.stores.warehouse.conditions import feature_bounds
from perennial.stores.warehouse.origins import find_origins, read_origins
from perennial.stores.warehouse.point_in_time import open_views
from perennial.stores.warehouse.user_query import feature_parameters, open_query
from tests.drawn import DEMO_MODELS, declare, with_sql

DAY = date(2017, 5, 8)
LAPSE = declare("lapse")

# What PostgreSQL itself keeps of the query: the columns of the point-in-time views that stand anywhere in it.
DEPENDS = """
    select relname as source, attname as column
    from pg_rewrite
    join pg_depend on pg_depend.classid = 'pg_rewrite'::regclass and pg_depend.objid = pg_rewrite.oid
    join pg_class on refclassid = 'pg_class'::regclass and pg_class.oid = refobjid
    join pg_attribute on attrelid = refobjid and attnum = refobjsubid
    where ev_class = 'pg_temp.user_query'::regclass and refobjsubid > 0 and relname <> 'user_query'
"""


@pytest.fixture
def trace(warehouse):
    """What the column x of a query is made of, as `table.column way`; its first column is the entity."""

    def trace(sql):
        declaration = with_sql(LAPSE, features_sql=sql)
        with (
            open_views(warehouse.session, declaration, feature_bounds(LAPSE.model, DAY)),
            open_query(warehouse.session, "features.sql", sql, feature_parameters(LAPSE.model, DAY)),
        ):
            return read_origins(warehouse.session)

    return trace


def say(origins):
    return {f"{origin.schema}.{origin.table}.{origin.column} {origin.way}" for origin in origins}


@pytest.mark.parametrize(
    ("made", "of"),
    [
        ("select household_id as entity_id, store_id as x from orders", {"orders.store_id identity"}),
        ("select household_id as entity_id, store_id + 1 as x from orders", {"orders.store_id transformation"}),
        ("select household_id as entity_id, 7 as x from orders", set()),
        ("select household_id as entity_id, count(*) as x from orders group by 1", set()),
        (
            "select household_id as entity_id, sum(amount_cents) / 100 as x from orders group by 1",
            {"orders.amount_cents aggregation"},
        ),
        (
            "select household_id as entity_id, count(*) filter (where store_id = 3) as x from orders group by 1",
            {"orders.store_id conditional"},
        ),
        (
            "select household_id as entity_id, case when store_id = 3 then amount_cents else 0 end as x from orders",
            {"orders.store_id conditional", "orders.amount_cents transformation"},
        ),
        (
            """with cents as (select household_id, amount_cents as c from orders),
                best as (select household_id, max(c) as m from cents group by 1)
            select household_id as entity_id, m as x from best""",
            {"orders.amount_cents aggregation"},
        ),
        (
            """select household_id as entity_id, lag(amount_cents) over (partition by store_id order by ordered_at) as x
            from orders""",
            {"orders.amount_cents transformation", "orders.store_id window", "orders.ordered_at window"},
        ),
        (
            "select household_id as entity_id, sum(amount_cents) over (partition by household_id) as x from orders",
            {"orders.amount_cents aggregation", "orders.household_id window"},
        ),
        (
            """select household_id as entity_id, store_id as x from orders
            union all select household_id, quantity from order_items""",
            {"orders.store_id identity", "order_items.quantity identity"},
        ),
        (
            """select household_id as entity_id, coalesce(customers.income, 'none') as x
            from orders left join customers using (household_id)""",
            {"customers.income transformation"},
        ),
        (
            """select o.household_id as entity_id, i.q as x from orders o
            cross join lateral (select max(quantity) as q from order_items where order_items.order_id = o.order_id) i""",
            {"order_items.quantity aggregation"},
        ),
        (
            """with recursive r (h, a, b) as (
                select household_id, store_id, amount_cents from orders union select h, b, a from r where a < 3)
            select h as entity_id, a as x from r""",
            {"orders.store_id identity", "orders.amount_cents identity"},
        ),
        ("select household_id as entity_id, v.n as x from orders cross join (values (1), (2)) v (n)", set()),
    ],
)
def test_a_value_is_made_of_these_columns_of_the_sources(trace, made, of):
    assert {f"source.{each}" for each in of} == say(trace(made).columns["x"])


def test_a_subquery_in_an_expression_brings_what_decides_its_rows(trace):
    said = say(
        trace(
            """select household_id as entity_id,
                (select max(quantity) from order_items where order_items.order_id = orders.order_id) as x
            from orders"""
        ).columns["x"]
    )
    assert {"source.order_items.quantity aggregation", "source.order_items.order_id conditional"} <= said
    assert "source.orders.order_id conditional" in said


def test_what_decides_which_rows_there_are_stands_apart(trace):
    rows = say(
        trace(
            """select household_id as entity_id, count(*) as x from orders join customers using (household_id)
            where store_id = 3 group by 1 having max(amount_cents) > 0"""
        ).rows
    )
    assert {
        "source.orders.store_id filter",
        "source.orders.amount_cents filter",
        "source.orders.household_id join",
        "source.customers.household_id join",
        "source.orders.household_id group_by",
    } <= rows


def test_the_bounds_of_the_day_are_among_what_decides_the_rows(trace):
    rows = say(trace("select household_id as entity_id, store_id as x from orders").rows)
    assert {"source.orders.ordered_at filter", "source.orders.known_at filter"} <= rows


@pytest.mark.parametrize("name", DEMO_MODELS)
def test_of_every_query_what_is_said_is_what_postgresql_depends_on(warehouse, name):
    declaration = declare(name)
    model = declaration.model
    found = find_origins(warehouse.session, declaration, DAY)
    values = {(origin.table, origin.column) for made in found.columns.values() for origin in made}
    rows = {(origin.table, origin.column) for origin in found.rows}
    with (
        open_views(warehouse.session, declaration, feature_bounds(model, DAY)),
        open_query(warehouse.session, "features.sql", declaration.features_sql, feature_parameters(model, DAY)) as columns,
    ):
        depends = {tuple(row) for row in warehouse.session.execute(text(DEPENDS))}
        assert [column.name for column in columns] == list(found.columns)
    assert values <= depends <= values | rows


def test_labels_are_made_of_the_sources_for_the_cohort_of_the_snapshot(warehouse):
    sync(warehouse.session, LAPSE)
    found = find_origins(warehouse.session, LAPSE, DAY, "labels")
    assert (ColumnOrigin("features", "lapse", "entity_id", "identity"),) == found.columns["entity_id"]
    assert {("features", "lapse"), ("source", "orders")} <= set(found.tables)
