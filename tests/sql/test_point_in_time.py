"""What a query sees: bounded sources under their bare names, and nothing else."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import text

from perennial.errors import ConfigError, EmptySource, ForbiddenSource, HistoryTooShort
from perennial.stores.warehouse import build_snapshot, first_covered_day
from perennial.stores.warehouse.conditions import feature_bounds
from perennial.stores.warehouse.point_in_time import describe_known_rules, open_views
from perennial.stores.warehouse.user_query import feature_parameters, open_query
from tests.drawn import SOMEBODY, declare, run_of, with_source, with_sql

DAY = date(2017, 5, 8)
LAPSE = declare("lapse")

OLD_FACT_LOADED_LATER = """
    household_id | ordered_at           | known_at
    1            | 2016-05-02 00:00 -04 | 2018-05-02 00:00 -04
"""


@pytest.fixture
def see(warehouse):
    """What a query gives for the day; the declaration may differ."""

    def see(sql, declaration=LAPSE):
        model = declaration.model
        with (
            open_views(warehouse.session, declaration, feature_bounds(model, DAY)),
            open_query(warehouse.session, "features.sql", sql, feature_parameters(model, DAY)),
        ):
            rows = warehouse.session.execute(text("select * from pg_temp.user_query")).all()
        return [tuple(row) for row in rows]

    return see


def test_versions_with_equal_dates_are_told_apart_by_content_and_not_by_place(warehouse, see):
    warehouse.load(
        "source.orders",
        """
        order_id | household_id | store_id | ordered_at           | known_at
        7        | 1            | 5        | 2017-05-05 12:00 -04 | 2017-05-05 13:00 -04
    """,
    )
    warehouse.load(
        "source.orders",
        """
        order_id | household_id | store_id | ordered_at           | known_at
        7        | 1            | 4        | 2017-05-05 12:00 -04 | 2017-05-05 13:00 -04
    """,
    )
    assert see("select store_id from orders where order_id = 7") == [(4,)]


def test_before_known_from_a_fact_is_known_when_it_typically_would_have_been(warehouse, see):
    warehouse.load(
        "source.orders",
        """
        household_id | ordered_at           | known_at
        1            | 2017-05-07 23:00 -04 | 2019-01-01 00:00 -05
        2            | 2017-05-08 05:01 -04 | 2019-01-01 00:00 -05
    """,
    )
    loaded_in_bulk = with_source(LAPSE, "orders", known_from=date(2019, 1, 2), typical_delay_minutes=60, key=())
    query = f"select household_id, known_at from orders where household_id <> {SOMEBODY}"
    assert see(query, loaded_in_bulk) == [(1, datetime(2017, 5, 8, 4, 0, tzinfo=UTC))]


def test_from_known_from_on_the_recorded_known_at_counts(warehouse, see):
    warehouse.load(
        "source.orders",
        """
        household_id | ordered_at           | known_at
        1            | 2017-05-07 23:00 -04 | 2019-01-02 00:00 -05
    """,
    )
    loaded_in_bulk = with_source(LAPSE, "orders", known_from=date(2019, 1, 2), typical_delay_minutes=60, key=())
    assert see(f"select household_id from orders where household_id <> {SOMEBODY}", loaded_in_bulk) == []


def test_a_lookback_bounds_the_view(warehouse, see):
    warehouse.load(
        "source.order_items",
        """
        household_id | ordered_at           | known_at
        1            | 2017-02-13 00:00 -05 | 2017-02-13 01:00 -05
        2            | 2017-02-12 23:59 -05 | 2017-02-13 00:59 -05
    """,
    )
    assert see(f"select household_id from order_items where household_id <> {SOMEBODY}") == [(1,)]


def test_how_known_at_was_read_is_recorded():
    declaration = with_source(LAPSE, "products", times="current_state")
    declaration = with_source(declaration, "orders", known_from=date(2019, 1, 2), typical_delay_minutes=60)
    rules = describe_known_rules(declaration.model)
    assert [rules[name] for name in ("orders", "order_items", "products")] == [
        {"rule": "newest version of a key", "known_from": "2019-01-02", "typical_delay_minutes": 60},
        {"rule": "every row is a fact"},
        {"rule": "current_state"},
    ]


@pytest.mark.attack("a query of a model tells the time, throws dice, or reaches around its sources")
@pytest.mark.mltest("D4")
@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("select household_id as entity_id from source.orders", "source.orders"),
        ("select household_id as entity_id from stores", "stores"),
        ('select entity_id from features."lapse"', "features.lapse"),
        ("select household_id as entity_id from orders join (select * from source.products) p on true", "source.products"),
        ("select household_id as entity_id from missing.orders", "missing.orders"),
        ("select source.peep() as entity_id", "source.peep()"),
        ("select 1 as entity_id from pg_catalog.pg_class", "pg_catalog.pg_class"),
        ("select 1 as entity_id from pg_class", "pg_catalog.pg_class"),
        ("select 1 as entity_id from pg_stat_activity", "pg_catalog.pg_stat_activity"),
    ],
)
def test_a_query_that_reaches_around_its_sources_is_refused_by_name(warehouse, see, sql, named):
    warehouse.session.execute(text("create function source.peep() returns bigint language sql return 1"))
    with pytest.raises(ForbiddenSource, match=rf"reads {named.replace('(', '.').replace(')', '.')}"):
        see(sql)


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("select household_id as entity_id from orders where ordered_at < now()", "now"),
        ("select household_id as entity_id from orders where ordered_at < CURRENT_DATE", "current_date"),
        ('select "now"() as entity_id', r"uses now\(\)"),
        ("select age(ordered_at) as entity_id from orders", r"uses age\(timestamp with time zone\)"),
        ("select age(date_trunc('day', ordered_at at time zone :timezone)) from orders", r"uses age\(timestamp without"),
        ("select household_id as entity_id from orders where ordered_at < 'today'::date", "uses 'today'"),
        ("select household_id as entity_id from orders where ordered_at < timestamptz 'Now'", "uses 'Now'"),
        ("select household_id as entity_id from orders where ordered_at < 'now()'", r"uses 'now\(\)'"),
        ("select household_id as entity_id from orders where ordered_at < 'yesterday 12:00'", "uses 'yesterday 12:00'"),
        ("select random() as entity_id", r"uses random\(\)"),
        ("select 1 as entity_id from generate_series(1, 3) where gen_random_uuid() is null", r"uses gen_random_uuid\(\)"),
        ("select 1 as entity_id, query_to_xml('select 1', true, false, '')", "uses query_to_xml"),
        ("select 1 as entity_id; drop table features.lapse", "more than one statement"),
        ("select :birthday as entity_id", ":birthday"),
        ("select nonsense as entity_id from orders", "nonsense"),
        ("select from where", "not a valid query"),
    ],
)
def test_a_query_that_is_wrong_is_refused_with_what_was_found(see, sql, found):
    with pytest.raises(ConfigError, match=found):
        see(sql)


@pytest.mark.attack("a query of a model tells the time, throws dice, or reaches around its sources")
@pytest.mark.parametrize(
    ("instant", "used"),
    [
        ("$$now$$::timestamptz", r"\$\$now\$\$"),
        ("$x$now$x$::timestamptz", r"\$x\$now\$x\$"),
        (r"E'n\x6fw'::timestamptz", r"E'n\\x6fw'"),
        (r"U&'\006eow'::timestamptz", r"U&'\\006eow'"),
        (r"U&'!006eow' uescape '!'::timestamptz", "uescape: write texts and names in plain quotes"),
        ("'no'\n'w'::timestamptz", "'no'\n'w'"),
        ("timestamptz 'today 12:00 America/New_York'", "'today 12:00 America/New_York'"),
        ("('{now}'::timestamptz[])[1]", "'{now}'"),
        ("lower('[now,infinity)'::tstzrange)", r"'\[now,infinity\)'"),
        ("lower(range_merge('{[2017-01-01,tomorrow)}'::tstzmultirange))", r"'\{\[2017-01-01,tomorrow\)\}'"),
        (
            "('no' || 'w')::timestamptz",
            "a text read as timestamp with time zone: a text may say now or today: write to_times",
        ),
        ("('{' || 'now' || '}')::timestamptz[]", r"a text read as timestamp with time zone\[\]"),
        ("lower(('[' || 'now' || ',)')::tsrange)", "a text read as tsrange"),
        ("(array['n' || 'ow']::date[])[1]", "a text read as date"),
        ("cast('now' as text)::time", "a text read as time without time zone"),
        ("""json_value('{"a": "now"}'::jsonb, '$.a' returning timestamptz)""", "a text read as timestamp with time zone"),
        ("""(select k from json_table('["now"]', '$[*]' columns (k timestamptz path '$')) as x)""", "a text read as timestamp"),
        (
            "(select k from xmltable('/a' passing cast(null as xml) columns k timestamptz path '.') as x)",
            "a text read as timestamp",
        ),
        ("""(select k from jsonb_to_record('{"k": "now"}') as x (k timestamptz))""", r"jsonb_to_record\(jsonb\)"),
        ("pg_postmaster_start_time()", r"pg_postmaster_start_time\(\)"),
        ("pg_backend_pid()", r"pg_backend_pid\(\)"),
        ("txid_current()", r"txid_current\(\)"),
        ("inet_client_port()", r"inet_client_port\(\)"),
        ("current_setting('application_name')", r"current_setting\(text\)"),
        ("timezone('America/New_York', time with time zone '12:00+00')", r"timezone\(text,time with time zone\)"),
    ],
)
def test_no_spelling_of_the_clock_or_of_the_session_reaches_a_snapshot(see, instant, used):
    with pytest.raises(ConfigError, match=rf"^features.sql uses {used}"):
        see(f"select household_id as entity_id, {instant} as seen from orders")


@pytest.mark.attack("a query of a model tells the time, throws dice, or reaches around its sources")
@pytest.mark.parametrize(
    "sql",
    [
        "select household_id from orders limit 1",
        "select household_id, ordered_at from orders order by ordered_at limit 1",
        "select store_id, order_id from orders order by 1 offset 1 rows fetch first 1 row only",
        "select (select ordered_at from orders as o where o.household_id = orders.household_id limit 1) from orders",
        "select 1 from orders, lateral (select store_id from orders as o order by o.ordered_at desc limit 1) as newest",
    ],
)
def test_a_limit_that_leaves_the_choice_to_chance_is_refused_with_what_to_write(see, sql):
    with pytest.raises(
        ConfigError, match=r"uses a limit that chance decides: any of the rows .* write fetch first n rows with ties"
    ):
        see(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "select household_id, ordered_at from orders order by ordered_at desc, household_id limit 1",
        "select household_id from orders order by ordered_at fetch first 1 row with ties",
        "select household_id, 'x' as one, (select max(ordered_at) from orders limit 1) from orders",
        "select household_id from orders where exists (select from orders as o where o.store_id = orders.store_id limit 1)",
        "select to_char(ordered_at, 'YYYY-MM'), to_date('2017-05-08', 'YYYY-MM-DD') - ordered_at::date from orders",
        "select date_trunc('week', ordered_at at time zone :timezone), extract(dow from ordered_at) from orders",
        "select household_id from orders where ordered_at + interval '1 day' < :as_of_start",
        "select 'now or later' as told where timestamptz '2017-05-08 04:00+00' < :as_of_start",
        "select 'today' || '!' as said from orders",
        'select household_id as ":opfuncid", 1 as "{(", 2 as "a b\\" from orders',
    ],
)
def test_what_gives_the_same_rows_tomorrow_is_left_alone(see, sql):
    see(sql)


@pytest.mark.attack("a query of a model tells the time, throws dice, or reaches around its sources")
@pytest.mark.parametrize(
    ("part", "used"),
    [
        ("where ordered_at < cast('no' || 'w' as timestamptz)", "a text read as timestamp with"),
        ("where ordered_at < current_date", "the time of day"),
        ("tablesample bernoulli (50)", "tablesample"),
    ],
)
def test_a_view_behind_a_source_is_judged_as_the_query_is(warehouse, see, part, used):
    warehouse.session.execute(text("alter table source.orders rename to kept"))
    warehouse.session.execute(text(f"create view source.orders as select * from source.kept {part}"))
    with pytest.raises(ConfigError, match=rf"reads source\.orders, a view that uses {used}"):
        see("select household_id from orders")


@pytest.mark.attack("a query of a model tells the time, throws dice, or reaches around its sources")
def test_a_view_that_shows_where_rows_lie_is_refused(warehouse, see):
    """A dump that is restored lays them elsewhere, under other numbers of transactions."""
    warehouse.session.execute(text("alter table source.orders rename to kept"))
    warehouse.session.execute(text("create view source.orders as select * from source.kept where ctid >= '(0,0)'"))
    with pytest.raises(ConfigError, match=r"reads source\.orders, a view that uses a column of PostgreSQL's own, such as ctid"):
        see("select household_id from orders")


def test_comments_and_texts_may_say_anything(see):
    sql = """
        -- source.orders; now() and :birthday stand here
        /* current_date; */
        select 'now(); :birthday 100%' as told -- the end;
    """
    assert see(sql.replace(":birthday 100", "100")) == [("now(); 100%",)]


def test_the_time_between_two_facts_may_be_asked(see):
    assert see("select age(timestamptz '2017-05-08 04:00+00', timestamptz '2017-05-07 04:00+00') = interval '1 day'") == [(True,)]


def test_a_source_that_does_not_exist_is_named(warehouse):
    declaration = with_source(LAPSE, "orders")
    model = declaration.model.model_copy(update={"sources": {"visits": declaration.model.sources["orders"]}})
    with (
        pytest.raises(ConfigError, match=r"\[sources.visits\] names a table source.visits, which does not exist"),
        open_views(warehouse.session, declaration.model_copy(update={"model": model}), feature_bounds(model, DAY)),
    ):
        pass


@pytest.mark.mltest("O1")
def test_a_column_that_a_source_lacks_is_named(see):
    with pytest.raises(ConfigError, match=r"\[sources.orders\] names the column seen_at, which source.orders lacks"):
        see("select 1", with_source(LAPSE, "orders", known_at="seen_at"))


def test_an_empty_source_is_refused_by_name(warehouse):
    warehouse.session.execute(text("delete from source.coupon_redemptions"))
    with pytest.raises(EmptySource, match=r"source.coupon_redemptions holds no fact"):
        warehouse.snapshot("lapse", "2017-05-08")


def test_history_that_was_loaded_in_bulk_is_empty_until_known_from_says_so(warehouse):
    warehouse.session.execute(text("update source.coupon_redemptions set known_at = '2019-01-01 22:00 -05'"))
    proposed = r"`known_from = 2019-01-02` under \[sources.coupon_redemptions\] of models/lapse.toml"
    with pytest.raises(EmptySource, match=proposed), warehouse.session.begin_nested():
        warehouse.snapshot("lapse", "2017-05-08")
    told = with_source(LAPSE, "coupon_redemptions", known_from=date(2019, 1, 2))
    assert build_snapshot(warehouse.session, told, run_of(LAPSE, DAY)).rows == 1


def test_a_query_that_gives_nobody_is_refused(warehouse):
    nobody = with_sql(LAPSE, LAPSE.features_sql.replace("having min(days_ago) <= 56", "having false"))
    with pytest.raises(EmptySource, match="gives no entity"):
        build_snapshot(warehouse.session, nobody, run_of(LAPSE, DAY))


def test_a_window_that_reaches_before_the_first_fact_is_refused(warehouse):
    with pytest.raises(HistoryTooShort, match=r"windows of 84 days begin at 2016-05-31"):
        warehouse.snapshot("lapse", "2016-08-23")


def test_a_window_that_begins_with_history_is_accepted(warehouse):
    assert warehouse.snapshot("lapse", "2016-08-25").rows == 1


def test_older_history_that_was_loaded_later_does_not_lengthen_what_a_day_knew(warehouse):
    warehouse.load("source.order_items", OLD_FACT_LOADED_LATER)
    with pytest.raises(
        HistoryTooShort, match=r"source.order_items that was known by 2016-08-23 10:00:00\+00:00 is of 2016-06-01"
    ):
        warehouse.snapshot("lapse", "2016-08-23")


def test_older_history_that_was_known_at_its_time_lengthens_what_a_day_knew(warehouse):
    warehouse.load("source.order_items", OLD_FACT_LOADED_LATER)
    warehouse.load("source.coupon_redemptions", OLD_FACT_LOADED_LATER.replace("ordered_at", "redeemed_at"))
    loaded_in_bulk = with_source(LAPSE, "order_items", known_from=date(2018, 6, 1))
    loaded_in_bulk = with_source(loaded_in_bulk, "coupon_redemptions", known_from=date(2018, 6, 1))
    assert build_snapshot(warehouse.session, loaded_in_bulk, run_of(LAPSE, date(2016, 8, 23))).rows == 1


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ({}, date(2016, 8, 25)),
        ({"known_from": date(2018, 6, 1)}, date(2016, 7, 25)),
        ({"lookback_days": 1}, date(2016, 6, 3)),
        ({"lookback_days": None}, date(2016, 6, 2)),
    ],
    ids=["older history was not known", "it was known at its time", "a day's window", "no window"],
)
def test_the_first_covered_day_is_the_first_that_is_not_refused(warehouse, changes, first):
    warehouse.load("source.order_items", OLD_FACT_LOADED_LATER)
    source = LAPSE.model.sources["order_items"].model_copy(update=changes)
    alone = LAPSE.model_copy(update={"model": LAPSE.model.model_copy(update={"sources": {"order_items": source}})})
    assert first_covered_day(warehouse.session, alone) == first


def test_after_the_block_names_mean_tables_again(warehouse, see):
    see("select household_id from orders")
    found = warehouse.session.execute(text("select to_regclass('orders')")).scalar_one()
    assert found is None
