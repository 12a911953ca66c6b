"""Which features come from a source that is updated in place: whatever the query makes of its rows."""

from datetime import date

import pytest
from sqlalchemy import text

from perennial.stores.warehouse import find_current_state
from tests.drawn import SOMEBODY, declare, with_source, with_sql

DAY = date(2017, 5, 8)
LAPSE = with_source(declare("lapse"), "customers", times="current_state", key=("household_id",))
PEOPLE = """
    household_id | income   | home_ownership | household_size | kids_count
    1            | 35-49K   | Homeowner      | 2              | 1
    2            | 50-74K   | Renter         | 3              | 2
    3            | 75-99K   | Homeowner      | 4              | 3+
    4            | 100-124K | Renter         | 1              | null
"""
ORDERED = (
    "with o as (select household_id, count(*) as n, sum(amount_cents)::double precision / 7 as spent from orders group by 1)"
)


@pytest.fixture
def find(warehouse):
    """What is found of a query over drawn customers, each with two orders."""
    warehouse.load("source.customers", PEOPLE)
    warehouse.session.execute(
        text(
            "insert into source.orders (household_id, ordered_at, known_at, amount_cents) "
            "select household_id, timestamptz '2017-05-01' + number * interval '1 hour', '2017-05-03', household_id + number "
            "from generate_series(1, 4) as household_id, generate_series(1, 2) as number"
        )
    )

    def find_it(sql, declaration=LAPSE):
        return find_current_state(warehouse.session, with_sql(declaration, features_sql=sql), DAY)

    return find_it


def test_columns_expressions_and_aggregates_are_found_and_nothing_else(find):
    found = find(f"""{ORDERED},
        people as (select household_id, income, home_ownership as home, household_size::integer as size from customers),
        homes as (select home, avg(size)::double precision as size from people group by home)
        select o.household_id as entity_id, o.n as orders, o.spent,
            p.income as "income, now", upper(left(p.home, 1)) = 'R' as rents, p.size * 2 + o.n as mixed,
            homes.size as neighbours, (select count(*) from customers) as everybody,
            coalesce(p.size, 0) * 0 + o.n as only_looks_like_it
        from o left join people as p on p.household_id = o.household_id
        left join homes on homes.home = p.home""")
    assert found.sources == ("customers",)
    assert found.features == ("income, now", "rents", "mixed", "neighbours", "everybody")
    assert (found.moves_cohort, found.failure) == (False, "")


def test_a_cohort_that_depends_on_it_is_said_and_its_features_are_found_all_the_same(find):
    found = find(f"""{ORDERED} select c.household_id as entity_id, o.n as orders, c.household_size::integer as size
        from customers as c left join o on o.household_id = c.household_id""")
    assert (found.features, found.moves_cohort) == (("size",), True)


def test_how_many_rows_somebody_has_is_found(find, warehouse):
    warehouse.load("source.customers", PEOPLE)
    found = find(
        "select household_id as entity_id, count(*) as rows from customers group by 1", with_source(LAPSE, "customers", key=())
    )
    assert (found.features, found.moves_cohort) == (("rows",), True)


def test_a_change_that_the_query_cannot_bear_tells_nothing_and_the_others_do(find):
    found = find(f"""{ORDERED} select o.household_id as entity_id, o.n / (select count(*) from customers) as share, c.kids_count
        from o left join customers as c on c.household_id = o.household_id""")
    assert (found.features, found.failure) == (("share", "kids_count"), "")


def test_segments_are_no_features(find):
    found = find(
        "select o.household_id as entity_id, c.income, 1 as one from orders as o join customers as c using (household_id)"
    )
    assert found.features == ()


def test_without_such_a_source_nothing_is_asked(find):
    assert find("this is not SQL", declare("lapse")) is None


def test_the_session_is_as_it_was(find, warehouse):
    find(f"{ORDERED} select o.household_id as entity_id, o.n from o")
    find(f"{ORDERED} select o.household_id as entity_id, o.n from o")
    left = warehouse.session.execute(text("select count(*) from pg_class where relnamespace = pg_my_temp_schema()")).scalar_one()
    assert (left, SOMEBODY) == (0, -1)
