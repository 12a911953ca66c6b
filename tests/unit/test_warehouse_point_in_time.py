"""The SQL that bounds a source to what was known, and the refusals; what it means to PostgreSQL is tested in tests/sql."""

from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest

from perennial.config import Declaration, load_model
from perennial.errors import ConfigError
from perennial.stores.warehouse.conditions import Bounds, feature_bounds, label_bounds
from perennial.stores.warehouse.point_in_time import open_views
from tests.paths import ROOT
from tests.statements import Statements

LAPSE = load_model(ROOT / "models" / "lapse.toml")
MODEL = LAPSE.model_copy(update={"label": LAPSE.label.model_copy(update={"absence_of": None})})  # any table may lack dates
DAY = date(2017, 5, 8)
BOUNDS = feature_bounds(MODEL, DAY)
INSTANT = "timestamp with time zone"
ORDERS = {"order_id": "bigint", "household_id": "bigint", "ordered_at": INSTANT, "known_at": INSTANT, "note": "json"}
WINDOW_BEGINS = datetime(2017, 2, 13, 5, tzinfo=UTC)  # 84 days before 05-08, at midnight of a winter in New York
WITHIN = {"happened_before": BOUNDS.happened_before, "known_until": BOUNDS.known_until}
LOADED = {"known_from": datetime(2019, 1, 2, 5, tzinfo=UTC), "delay_minutes": 60}
KNOWN = 'case when "known_at" < :known_from then "ordered_at" + make_interval(mins => :delay_minutes) else "known_at" end'
BULK = {"known_from": date(2019, 1, 2), "typical_delay_minutes": 60}
STATIC = {"event_at": None, "known_at": None, "key": (), "times": "static"}


def declare(name="orders", **changes):
    """The model with this source alone, declared otherwise."""
    source = MODEL.sources[name].model_copy(update=changes)
    model = MODEL.model_copy(update={"sources": {name: source}})
    return Declaration(model=model, features_sql="", labels_sql="", expectations=ROOT)


def found(columns):
    """What PostgreSQL would say of a table with these columns."""
    return [SimpleNamespace(name=name, type=kind) for name, kind in columns.items()]


def build_view(columns=None, sortable=(), **changes):
    """The statement that makes the view, and what it binds."""
    orderly = [SimpleNamespace(name=name) for name in sortable]
    session = Statements({"read_table_columns": found(columns or ORDERS), "read_sortable_columns": orderly})
    with open_views(session, declare(**changes), BOUNDS):
        return next(sent for sent in session.sent if sent[0].startswith("create temporary view"))


# Bounds
def test_features_see_what_had_happened_at_midnight_and_was_known_six_hours_later():
    assert BOUNDS == Bounds(DAY, datetime(2017, 5, 8, 4, tzinfo=UTC), datetime(2017, 5, 8, 10, tzinfo=UTC))


def test_labels_see_the_horizon_and_what_was_known_within_the_grace():
    assert label_bounds(MODEL, DAY) == Bounds(DAY, datetime(2017, 6, 5, 4, tzinfo=UTC), datetime(2017, 6, 7, 4, tzinfo=UTC))


# Views
def test_a_view_holds_the_newest_version_of_each_key_that_was_known():
    assert build_view() == (
        (
            'create temporary view "orders" as select distinct on ("order_id") '
            '"order_id", "household_id", "ordered_at", "known_at", "note" '
            'from "source"."orders" where "ordered_at" < :happened_before and "known_at" <= :known_until '
            'and "order_id" is not null '
            'order by "order_id", "ordered_at" desc, "known_at" desc, "household_id", cast("note" as text)'
        ),
        WITHIN,
    )


@pytest.mark.parametrize("kind", ["json", "xml", "point", "integer[]", "geometry(Point,4326)"])
def test_a_column_that_cannot_be_sorted_tells_versions_apart_by_its_text(kind):
    statement, _ = build_view(ORDERS | {"note": kind})
    assert statement.endswith('"ordered_at" desc, "known_at" desc, "household_id", cast("note" as text)')


@pytest.mark.parametrize("kind", ["jsonb", "numeric(10,2)", "citext"])
def test_values_that_are_equal_and_not_the_same_are_told_apart_by_their_text_too(kind):
    statement, _ = build_view(ORDERS | {"note": kind}, sortable=["note"])
    assert statement.endswith('"known_at" desc, "household_id", "note", cast("note" as text)')


@pytest.mark.parametrize("kind", ["text", "bigint", "character varying(20)", "uuid"])
def test_values_of_which_equal_ones_are_the_same_need_no_text(kind):
    statement, _ = build_view(ORDERS | {"note": kind})
    assert statement.endswith('"known_at" desc, "household_id", "note"')


def test_a_key_of_two_columns_is_one_key():
    statement, _ = build_view(key=("order_id", "household_id"))
    assert 'distinct on ("order_id", "household_id") "order_id"' in statement
    assert statement.endswith('order by "order_id", "household_id", "ordered_at" desc, "known_at" desc, cast("note" as text)')


def test_without_a_key_every_row_is_a_fact_and_stands_in_an_order():
    statement, _ = build_view(key=())
    assert statement == (
        'create temporary view "orders" as select "order_id", "household_id", "ordered_at", "known_at", "note" '
        'from "source"."orders" where "ordered_at" < :happened_before and "known_at" <= :known_until '
        'order by "ordered_at" desc, "known_at" desc, "order_id", "household_id", cast("note" as text)'
    )


def test_a_lookback_ends_the_view_so_many_local_days_before():
    statement, values = build_view(lookback_days=84, key=())
    assert 'and "known_at" <= :known_until and "ordered_at" >= :looks_back_to' in statement
    assert values == WITHIN | {"looks_back_to": WINDOW_BEGINS}


def test_history_loaded_in_bulk_counts_as_known_when_it_typically_would_have_been():
    statement, values = build_view(**BULK)
    assert f'{KNOWN} as "known_at"' in statement
    assert f"and {KNOWN} <= :known_until" in statement
    assert f'"ordered_at" desc, {KNOWN} desc' in statement
    assert values == WITHIN | LOADED


def test_a_table_without_dates_is_seen_as_it_stands():
    statement, values = build_view({"product_id": "bigint"}, **STATIC)
    assert statement.split(" from ")[1].strip() == '"source"."orders" where true order by "product_id"'
    assert values == {}


def test_between_opening_and_closing_only_the_views_are_seen():
    session = Statements({"read_table_columns": found(ORDERS)})
    with open_views(session, declare(), BOUNDS):
        opened = session.texts
        assert opened[-1] == "see_temporary_schema_only"
    assert session.texts[session.texts.index("see_default_schemas") :] == [
        "see_default_schemas",
        'drop view if exists pg_temp."orders" cascade',
    ]
    assert session.sent[0] == ("read_table_columns", {"schema": "source", "table": "orders"})


def test_a_source_whose_table_is_missing_is_named():
    with (
        pytest.raises(ConfigError, match=r"models/lapse.toml: \[sources.orders\] names a table source.orders, which does not"),
        open_views(Statements(), declare(), BOUNDS),
    ):
        pass


@pytest.mark.parametrize("missing", ["order_id", "ordered_at", "known_at"])
def test_a_column_that_the_table_lacks_is_named_beside_those_it_has(missing):
    columns = {name: kind for name, kind in ORDERS.items() if name != missing}
    with pytest.raises(ConfigError) as refused:
        build_view(columns)
    assert str(refused.value) == (
        f"models/lapse.toml: [sources.orders] names the column {missing}, which source.orders lacks; found: {', '.join(columns)}."
    )


@pytest.mark.parametrize(
    ("column", "kind", "changes", "read"),
    [
        ("ordered_at", "date", {}, '(cast("ordered_at" as timestamp) at time zone :fact_zone) < :happened_before'),
        ("known_at", "date", {}, '(cast("known_at" + 1 as timestamp) at time zone :fact_zone) <= :known_until'),
        ("known_at", "timestamp without time zone", {"zone": "UTC"}, '("known_at" at time zone :fact_zone) <= :known_until'),
    ],
    ids=["a day begins at midnight", "a day is known when it is over", "a clock without its zone"],
)
def test_a_day_and_a_clock_are_read_as_instants(column, kind, changes, read):
    statement, values = build_view(ORDERS | {column: kind}, **changes)
    assert read in statement
    assert values == WITHIN | {"fact_zone": changes.get("zone", "America/New_York")}


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("timestamp without time zone", 'say which clock it shows, such as `zone = "UTC"`, beside it.'),
        ("text", "which is of type text: a time is a timestamp or a date. Name another column, or a view that casts it."),
    ],
)
def test_a_time_that_says_no_instant_is_refused(kind, said):
    with pytest.raises(ConfigError) as refused:
        build_view(ORDERS | {"known_at": kind})
    assert str(refused.value).startswith("models/lapse.toml: [sources.orders] names the column known_at, ")
    assert str(refused.value).endswith(said)


@pytest.mark.parametrize(
    ("table", "read"),
    [
        (None, '"source"."orders"'),
        ("Orders", '"source"."Orders"'),
        ("sales.Invoices", '"sales"."Invoices"'),
        ('"my.schema".orders', '"my.schema"."orders"'),
        ('sales."in ""quotes"""', '"sales"."in ""quotes"""'),
        ("sales.a:b", '"sales"."a:b"'),
    ],
)
def test_a_source_reads_the_table_that_it_names(table, read):
    statement, _ = build_view(table=table)
    assert f" from {read} where " in statement
