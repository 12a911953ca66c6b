"""The SQL that bounds a source to what was known, and the refusals; what it means to PostgreSQL is tested in tests/sql."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest

from perennial.config import Declaration, load_model
from perennial.errors import ConfigError, EmptySource, HistoryTooShort
from perennial.stores.warehouse.point_in_time import (
    Bounds,
    check_sources,
    describe_known_rules,
    feature_bounds,
    first_covered_day,
    label_bounds,
    open_views,
)
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


def build_view(columns=None, **changes):
    """The statement that makes the view, and what it binds."""
    session = Statements({"read_source_columns": found(columns or ORDERS)})
    with open_views(session, declare(**changes), BOUNDS):
        return session.sent[1]


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
            '"order_id", "household_id", "ordered_at", "known_at" as "known_at", "note" '
            'from source."orders" where "ordered_at" < :happened_before and "known_at" <= :known_until '
            'order by "order_id", "ordered_at" desc, "known_at" desc, "household_id"'
        ),
        WITHIN,
    )


@pytest.mark.parametrize("kind", ["json", "xml", "point", "box", "circle", "line", "lseg", "path", "polygon"])
def test_a_column_that_cannot_be_sorted_orders_no_versions(kind):
    statement, _ = build_view(ORDERS | {"note": kind})
    assert statement.endswith('order by "order_id", "ordered_at" desc, "known_at" desc, "household_id"')


def test_a_column_that_can_be_sorted_tells_versions_of_the_same_instant_apart():
    statement, _ = build_view(ORDERS | {"note": "jsonb"})
    assert statement.endswith('"known_at" desc, "household_id", "note"')


def test_a_key_of_two_columns_is_one_key():
    statement, _ = build_view(key=("order_id", "household_id"))
    assert 'distinct on ("order_id", "household_id") "order_id"' in statement
    assert statement.endswith('order by "order_id", "household_id", "ordered_at" desc, "known_at" desc')


def test_without_a_key_every_row_is_a_fact():
    statement, _ = build_view(key=())
    assert statement == (
        'create temporary view "orders" as select "order_id", "household_id", "ordered_at", "known_at" as "known_at", "note" '
        'from source."orders" where "ordered_at" < :happened_before and "known_at" <= :known_until'
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
    assert statement.split(" from ")[1].strip() == 'source."orders" where true'
    assert values == {}


def test_between_opening_and_closing_only_the_views_are_seen():
    session = Statements({"read_source_columns": found(ORDERS)})
    with open_views(session, declare(), BOUNDS):
        opened = session.texts
        assert opened[-1] == "see_temporary_schema_only"
    assert session.texts[3:] == ["see_default_schemas", 'drop view if exists pg_temp."orders" cascade']
    assert session.sent[0] == ("read_source_columns", {"table": 'source."orders"'})


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
    ("column", "kind", "made_of"),
    [
        ("ordered_at", "date", '("ordered_at")'),
        ("known_at", "date", '("known_at" + 1)'),
        ("known_at", "timestamp without time zone", '("known_at")'),
    ],
    ids=["a day begins at midnight", "a day is known when it is over", "a clock without its zone"],
)
def test_a_time_that_is_no_instant_is_refused_with_the_statement_that_makes_one(column, kind, made_of):
    with pytest.raises(ConfigError) as refused:
        build_view(ORDERS | {column: kind})
    assert str(refused.value) == (
        f"models/lapse.toml: [sources.orders] names the column {column}, which is of type {kind}: it must be {INSTANT}. "
        f'Run: alter table source."orders" alter "{column}" type {INSTANT} '
        f"using {made_of}::timestamp at time zone 'America/New_York'; "
        "(or the zone that its clock showed)."
    )


# Refused days
def check(answers, **changes):
    session = Statements(answers)
    check_sources(session, declare(**changes), BOUNDS)
    return session.sent


def test_a_source_holds_a_fact_within_the_bounds_or_the_day_is_refused():
    assert check({"select exists": True}) == [
        (
            'select exists (select from source."orders" where "ordered_at" < :happened_before and "known_at" <= :known_until)',
            WITHIN,
        )
    ]


def test_a_window_begins_at_the_first_known_fact_or_later():
    sent = check({"select exists": True, "select min(": WINDOW_BEGINS}, lookback_days=84)
    assert sent[0] == (
        'select min("ordered_at") from source."orders" where "ordered_at" < :happened_before and "known_at" <= :known_until',
        WITHIN,
    )


def test_a_window_that_begins_before_the_first_known_fact_is_refused():
    first = WINDOW_BEGINS + timedelta(seconds=1)
    with pytest.raises(HistoryTooShort) as refused:
        check({"select exists": True, "select min(": first}, lookback_days=84)
    assert str(refused.value) == (
        f"lapse, as_of 2017-05-08: windows of 84 days begin at {WINDOW_BEGINS}, but the first fact of source.orders that was "
        f"known by {BOUNDS.known_until} is of {first}: they would count too little. Begin later; or load older history, with "
        "known_from under [sources.orders] for what was known at its time."
    )


def test_a_source_without_any_fact_is_empty_and_not_too_short():
    with pytest.raises(EmptySource):
        check({"select exists": False, "select min(": None}, lookback_days=84)


@pytest.mark.parametrize("changes", [{"lookback_days": None}, STATIC | {"lookback_days": 84}], ids=["no window", "no dates"])
def test_a_source_without_a_window_or_dates_has_no_first_day(changes):
    assert [text[:13] for text, _ in check({"select exists": True}, **changes)] == ["select exists"]


def refuse_as_empty(learned_at, **changes):
    session = Statements({"select exists": False, "select min(": learned_at})
    with pytest.raises(EmptySource) as refused:
        check_sources(session, declare(**changes), BOUNDS)
    return str(refused.value), session.sent


@pytest.mark.parametrize("learned_at", [None, BOUNDS.known_until], ids=["nothing", "nothing that was loaded late"])
def test_an_empty_source_is_to_be_loaded(learned_at):
    said, sent = refuse_as_empty(learned_at)
    assert said == (
        f"lapse, as_of 2017-05-08: source.orders holds no fact that was known by {BOUNDS.known_until}. Nothing was built and the "
        "former scores stay; load the table, then run refresh again."
    )
    assert sent[-1] == (
        'select min("known_at") from source."orders" where "ordered_at" < :happened_before',
        {"happened_before": BOUNDS.happened_before},
    )


def test_history_that_was_loaded_in_bulk_is_to_be_declared_as_known_before_the_day_after():
    """Loaded at 03:00 UTC on 01-02, which is the evening of 01-01 in New York."""
    learned_at = datetime(2019, 1, 2, 3, tzinfo=UTC)
    said, _ = refuse_as_empty(learned_at)
    assert (
        f"it has facts of before that day, and the first of them was learned at {learned_at}: if history was loaded then, write "
        "`known_from = 2019-01-02` under [sources.orders] of models/lapse.toml, then run refresh again."
    ) in said


def test_what_was_declared_as_loaded_in_bulk_counts_when_a_remedy_is_looked_for():
    _, sent = refuse_as_empty(None, **BULK)
    assert sent[-1] == (
        f'select min({KNOWN}) from source."orders" where "ordered_at" < :happened_before',
        {"happened_before": BOUNDS.happened_before, **LOADED},
    )


def test_an_empty_table_without_dates_is_to_be_loaded():
    said, sent = refuse_as_empty(None, **STATIC)
    assert said.endswith("load the table, then run refresh again.")
    assert sent == [('select exists (select from source."orders" where true)', {})]


# The first day
def ask_first_day(covered, declaration):
    session = Statements({"select min(greatest(": covered})
    return first_covered_day(session, declaration), session.sent


@pytest.mark.parametrize(
    ("covered", "day"),
    [(datetime(2016, 8, 25, 0, 0), date(2016, 8, 25)), (datetime(2016, 8, 25, 0, 0, 1), date(2016, 8, 26))],  # noqa: DTZ001 - a local clock
    ids=["from its midnight on", "within a day: the next"],
)
def test_the_first_day_begins_when_its_window_is_covered(covered, day):
    found_day, sent = ask_first_day(covered, declare(lookback_days=84))
    assert found_day == day
    assert sent == [
        (
            (
                'select min(greatest(("ordered_at" at time zone :zone) + make_interval(days => :lookback_days), '
                '("known_at" - make_interval(hours => :settle_hours)) at time zone :zone)) from source."orders"'
            ),
            {"zone": "America/New_York", "lookback_days": 84, "settle_hours": 6},
        )
    ]


def test_what_was_loaded_in_bulk_covers_days_before_it_was_loaded():
    _, sent = ask_first_day(datetime(2016, 8, 25), declare(lookback_days=84, **BULK))  # noqa: DTZ001 - a local clock
    assert f"({KNOWN} - make_interval(hours" in sent[0][0]
    assert sent[0][1].items() >= LOADED.items()


def test_the_first_day_is_the_latest_of_all_sources():
    declaration = declare(lookback_days=84)
    later = MODEL.sources["coupon_redemptions"]
    sources = {**declaration.model.sources, "coupon_redemptions": later, "products": MODEL.sources["products"]}
    both = declaration.model_copy(update={"model": declaration.model.model_copy(update={"sources": sources})})
    session = Statements({'select min(greatest(("ordered_at"': datetime(2016, 8, 25), "select": datetime(2016, 9, 1)})  # noqa: DTZ001 - local
    assert first_covered_day(session, both) == date(2016, 9, 1)
    assert len(session.sent) == 2


@pytest.mark.parametrize("changes", [{}, STATIC | {"lookback_days": 84}], ids=["no window", "no dates"])
def test_without_a_window_every_day_is_covered(changes):
    assert first_covered_day(Statements(), declare(**changes)) == date.min


def test_a_table_without_facts_covers_no_day():
    with pytest.raises(EmptySource, match=r"lapse: source.orders holds no fact: load the table first\."):
        ask_first_day(None, declare(lookback_days=84))


# What is written down
@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({}, {"rule": "newest version of a key"}),
        ({"key": ()}, {"rule": "every row is a fact"}),
        (BULK, {"rule": "newest version of a key", "known_from": "2019-01-02", "typical_delay_minutes": 60}),
        (STATIC, {"rule": "static"}),
        (STATIC | {"times": "current_state"}, {"rule": "current_state"}),
    ],
    ids=["versions", "facts", "loaded in bulk", "without dates", "updated in place"],
)
def test_how_times_were_read_is_described(changes, rule):
    assert describe_known_rules(declare(**changes).model) == {"orders": rule}
