"""The demo's tables and the events that are planted into them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from sqlalchemy import text

from perennial.demo.data import (
    load_tables,
    plant_lost_cards,
    plant_null_column,
    plant_takeover,
    repair_lost_cards,
    repair_null_column,
)
from perennial.stores.sessions import Database
from perennial.stores.warehouse import build_labels, build_snapshot
from tests.drawn import declare, open_sample, prepare_sample, run_of

BEFORE, BROKEN, AFTER = date(2017, 11, 6), date(2017, 11, 13), date(2017, 11, 20)
TAKEN_OVER_ON = date(2017, 11, 14)
LOST, DELIVERED_ON = date(2017, 11, 27), date(2017, 12, 26)
LAPSE = declare("lapse")


@pytest.fixture
def demo(postgres, migrated_template):
    """A copy of the sample that a test may change for good."""
    with open_sample(postgres, migrated_template):
        pass
    postgres.make("demo_copy", template="sample")
    yield Demo(postgres.url("demo_copy", "loader"), Database(postgres.url("demo_copy", "pipeline")))
    postgres.drop("demo_copy")


class Demo:
    def __init__(self, loader_url, database):
        self.loader_url = loader_url
        self.database = database

    def build(self, as_of):
        with self.database.transaction() as session:
            return build_snapshot(session, LAPSE, run_of(LAPSE, as_of))

    def label(self, as_of):
        """Entity -> label."""
        self.build(as_of)
        with self.database.transaction() as session:
            build_labels(session, LAPSE, run_of(LAPSE, as_of), as_of)
            return dict(session.execute(text("select entity_id, label from labels.lapse where as_of = :d"), {"d": as_of}).all())

    def ask(self, query):
        with self.database.transaction() as session:
            return session.execute(text(query)).one()


def test_a_broken_delivery_makes_a_column_of_its_day_all_null(demo):
    plant_null_column(demo.loader_url, BROKEN)
    built = demo.build(BROKEN)
    asked = demo.ask("select count(*) as rows, count(average_basket_84d) as there from features.lapse where as_of = '2017-11-13'")
    assert asked == (built.rows, 0)


def test_a_broken_delivery_changes_no_earlier_day(demo):
    former = demo.build(BEFORE)
    plant_null_column(demo.loader_url, BROKEN)
    assert demo.build(BEFORE) == former


def test_after_the_repair_every_day_is_what_it_would_have_been(demo):
    former = [demo.build(day) for day in (BROKEN, AFTER)]
    plant_null_column(demo.loader_url, BROKEN)
    repair_null_column(demo.loader_url, BROKEN)
    assert [demo.build(day) for day in (BROKEN, AFTER)] == former


def test_planting_twice_plants_once(demo):
    planted = [plant(demo.loader_url, day) for plant, day in ((plant_null_column, BROKEN), (plant_takeover, TAKEN_OVER_ON)) * 2]
    assert (planted[0] > 0, planted[1] > 0, planted[2:]) == (True, True, [0, 0])


def test_a_takeover_changes_no_day_before_it_was_known(demo):
    former = [demo.build(day) for day in (BEFORE, BROKEN)]
    plant_takeover(demo.loader_url, TAKEN_OVER_ON)
    assert [demo.build(day) for day in (BEFORE, BROKEN)] == former


def test_a_takeover_adds_households_with_few_baskets(demo):
    former = demo.build(AFTER)
    plant_takeover(demo.loader_url, TAKEN_OVER_ON)
    taken_over = demo.build(AFTER).rows - former.rows
    asked = demo.ask("""
        select count(*) filter (where entity_id > 1000000),
            avg(orders_84d) filter (where entity_id > 1000000) < avg(orders_84d) filter (where entity_id % 5 = 0) / 2
        from features.lapse where as_of = '2017-11-20'
    """)
    assert (taken_over > 0, asked) == (True, (taken_over, True))


def test_lost_cards_turn_labels_of_their_day_alone_and_a_repair_brings_them_back(demo):
    honest = {day: demo.label(day) for day in (AFTER, LOST)}
    plant_lost_cards(demo.loader_url, LOST, DELIVERED_ON)
    planted = {day: demo.label(day) for day in (AFTER, LOST)}
    turned = {entity for entity, label in planted[LOST].items() if label != honest[LOST][entity]}
    assert (honest[AFTER], True) == (planted[AFTER], all(entity % 3 == 0 for entity in turned))
    assert 0.2 < len(turned) / len(honest[LOST]) < 0.4
    repair_lost_cards(demo.loader_url, DELIVERED_ON)
    assert honest[LOST] == demo.label(LOST)


def test_two_builds_of_a_day_at_once_give_one_day(demo):
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(demo.build, (AFTER, AFTER))
    rows = demo.ask("select count(*), count(distinct entity_id) from features.lapse where as_of = '2017-11-20'")
    assert (second, rows) == (first, (first.rows, first.rows))


def test_loading_again_gives_the_same_tables(demo):
    former = demo.build(AFTER)
    plant_takeover(demo.loader_url, TAKEN_OVER_ON)
    load_tables(demo.loader_url, prepare_sample())
    assert demo.build(AFTER) == former


def test_timestamps_of_the_publisher_are_utc(demo):
    asked = demo.ask("select min(ordered_at at time zone 'UTC')::text, min(known_at - ordered_at)::text from source.orders")
    raw = prepare_sample()["orders"]["ordered_at"].min().removesuffix("+00")
    assert asked == (raw, "01:00:00")


def test_orders_and_their_lines_hold_the_same_cents(demo):
    asked = demo.ask("select (select sum(amount_cents) from source.orders), (select sum(amount_cents) from source.order_items)")
    assert asked[0] == asked[1]


def test_every_table_has_a_comment(demo):
    asked = demo.ask("""
        select count(*) from pg_class where relnamespace = 'source'::regnamespace and relkind = 'r'
            and obj_description(oid, 'pg_class') is null
    """)
    assert asked == (0,)
