"""What the suites look at: one day of features or scores, and sources as they were known at the as_of."""

import json
from datetime import date

import pytest
from sqlalchemy import text

from perennial.config import Declaration, load_model
from perennial.config.inputs import Source
from perennial.config.loading import model_names
from perennial.records import Window
from perennial.stores.sessions import Database
from perennial.stores.warehouse import open_audit
from perennial.stores.warehouse.partitions import create_partitioned, ensure_month
from tests.paths import ROOT

pytestmark = pytest.mark.filterwarnings("ignore:module .sre_:DeprecationWarning")
AS_OF = date(2017, 5, 8)
WINDOWS = {
    "orders_7_days": Window("orders", 7),
    "orders_all": Window("orders", None, ("order_id",)),
    "shops_all": Window("shops", None),
}
PLANT = """
    create table source.orders (order_id bigint, ordered_at timestamptz, known_at timestamptz);
    insert into source.orders values
        (1, '2017-04-30 23:59 -04', '2017-05-01 01:00 -04'),
        (2, '2017-05-01 00:00 -04', '2017-05-01 01:00 -04'),
        (3, '2017-05-07 12:00 -04', '2017-05-07 13:00 -04'),
        (4, '2017-05-07 13:00 -04', '2017-05-08 06:01 -04'),
        (5, '2017-05-08 00:00 -04', '2017-05-08 01:00 -04');
    create table source.shops (shop_id bigint);
    insert into source.shops values (1);
"""


@pytest.fixture
def declaration():
    lapse = load_model(ROOT / "models" / "lapse.toml")
    sources = {"orders": Source(event_at="ordered_at", known_at="known_at", key=("order_id",)), "shops": Source(times="static")}
    model = lapse.model_copy(update={"sources": sources})
    return Declaration(model=model, features_sql="", labels_sql="", expectations=ROOT / "expectations" / "lapse")


@pytest.fixture
def session(warehouse_urls):
    loader, pipeline = Database(warehouse_urls.loader), Database(warehouse_urls.pipeline)
    with loader.transaction() as session:
        session.exec_driver_sql(PLANT)
    with pipeline.transaction() as session:
        yield session
    loader.dispose()
    pipeline.dispose()


def read(engine, query):
    with engine.connect() as connection:
        return connection.execute(text(query)).scalars().all()


def test_a_source_shows_what_had_happened_and_was_known_at_the_as_of(session, declaration):
    with open_audit(session, declaration, AS_OF, "source", WINDOWS) as engine:
        assert read(engine, "select order_id from orders_all order by 1") == [1, 2, 3]


def test_days_are_local_days_before_the_as_of(session, declaration):
    with open_audit(session, declaration, AS_OF, "source", WINDOWS) as engine:
        assert read(engine, "select order_id from orders_7_days order by 1") == [2, 3]


def test_age_is_counted_in_days_up_to_the_start_of_the_as_of(session, declaration):
    with open_audit(session, declaration, AS_OF, "source", WINDOWS) as engine:
        assert read(engine, "select age_days from orders_7_days order by 1") == [0.5, 7.0]


def test_a_table_without_dates_is_shown_whole(session, declaration):
    with open_audit(session, declaration, AS_OF, "source", WINDOWS) as engine:
        assert read(engine, "select shop_id from shops_all") == [1]


@pytest.mark.parametrize(("which", "schema"), [("snapshot", "features"), ("scores", "scores")])
def test_only_the_rows_of_the_day_are_shown_committed_or_not(session, declaration, which, schema):
    session.exec_driver_sql(f"create table {schema}.lapse (as_of date, entity_id bigint)")
    session.exec_driver_sql(f"insert into {schema}.lapse values ('2017-05-08', 1), ('2017-05-01', 2)")
    with open_audit(session, declaration, AS_OF, which, {}) as engine:
        assert read(engine, f"select entity_id from {which}") == [1]


def test_no_rule_about_a_day_that_no_statistics_know_is_planned_row_by_row(session, declaration):
    """As Great Expectations finds repeated values: to the planner, which knows former days alone, the new day is one row."""
    create_partitioned(session, "features", "lapse", "as_of date, entity_id bigint, email text")
    ensure_month(session, "features", "lapse", AS_OF)
    fill = text("insert into features.lapse select :day, n, n % 2000 from generate_series(1, 3000) n")
    session.execute(fill, {"day": date(2017, 5, 1)})
    session.execute(text("analyze features.lapse"))
    session.execute(fill, {"day": AS_OF})
    repeated = "(select email from snapshot group by email having count(email) > 1)"
    with open_audit(session, declaration, AS_OF, "snapshot", {}) as engine:
        plan = read(engine, f"explain select * from snapshot where email in {repeated}")
        assert len(read(engine, f"select entity_id from snapshot where email in {repeated}")) == 2000
    assert "Nested Loop" not in "\n".join(plan)


def test_nothing_of_it_remains(session, declaration):
    def count_views():
        return session.execute(text("select count(*) from pg_views where schemaname like 'pg_temp%'")).scalar_one()

    with open_audit(session, declaration, AS_OF, "source", WINDOWS):
        during = count_views()
    assert (during, count_views()) == (5, 0)


@pytest.mark.mltest("D1")
@pytest.mark.parametrize("which", ["source", "snapshot", "scores"])
@pytest.mark.parametrize("model", model_names(ROOT))
def test_great_expectations_itself_reads_every_suite(model, which):
    from great_expectations.core.expectation_suite import ExpectationSuite  # noqa: PLC0415 - it warns while it is imported

    document = json.loads((ROOT / "expectations" / model / f"{which}.json").read_text(encoding="utf-8"))
    assert len(ExpectationSuite(**document).expectations) == len(document["expectations"])
