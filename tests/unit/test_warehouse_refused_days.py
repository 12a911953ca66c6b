"""Days that a source cannot cover, and what is said and asked about them; what it means to PostgreSQL is tested in tests/sql."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest

from perennial.errors import EmptySource, HistoryTooShort
from perennial.stores.warehouse.conditions import clamp
from perennial.stores.warehouse.history import first_covered_day
from perennial.stores.warehouse.point_in_time import check_sources, describe_known_rules
from tests.statements import Statements
from tests.unit.test_warehouse_point_in_time import (
    BOUNDS,
    BULK,
    INSTANT,
    KNOWN,
    LOADED,
    MODEL,
    ORDERS,
    STATIC,
    WINDOW_BEGINS,
    WITHIN,
    declare,
    found,
)

MIN_EVENT, MIN_KNOWN = 'min("ordered_at")', 'min("known_at")'
OLDEST = "select case when min("
TABLES = {"read_table_columns": found({**ORDERS, "redeemed_at": INSTANT, "coupon_id": "bigint"})}


# Refused days
def check(answers, **changes):
    session = Statements(TABLES | answers)
    check_sources(session, declare(**changes), BOUNDS)
    return session.asked


def test_a_source_holds_a_fact_within_the_bounds_or_the_day_is_refused():
    assert check({"select exists": True}) == [
        (
            (
                'select exists (select from "source"."orders" where "ordered_at" < :happened_before '
                'and "known_at" <= :known_until and "order_id" is not null)'
            ),
            WITHIN,
        )
    ]


def test_a_window_begins_at_the_first_known_fact_or_later():
    sent = check({"select exists": True, OLDEST: WINDOW_BEGINS}, lookback_days=84)
    assert sent[0] == (
        (
            f'select {clamp(MIN_EVENT)} from "source"."orders" '
            'where "ordered_at" < :happened_before and "known_at" <= :known_until and "order_id" is not null'
        ),
        WITHIN,
    )


def test_a_window_that_begins_before_the_first_known_fact_is_refused():
    first = WINDOW_BEGINS + timedelta(seconds=1)
    with pytest.raises(HistoryTooShort) as refused:
        check({"select exists": True, OLDEST: first}, lookback_days=84)
    assert str(refused.value) == (
        f"lapse, as_of 2017-05-08: windows of 84 days begin at {WINDOW_BEGINS}, but the first fact of source.orders that was "
        f"known by {BOUNDS.known_until} is of {first}: they would count too little. Begin later; or load older history, with "
        "known_from under [sources.orders] for what was known at its time."
    )


def test_a_source_without_any_fact_is_empty_and_not_too_short():
    with pytest.raises(EmptySource):
        check({"select exists": False, OLDEST: None}, lookback_days=84)


@pytest.mark.parametrize("changes", [{"lookback_days": None}, STATIC | {"lookback_days": 84}], ids=["no window", "no dates"])
def test_a_source_without_a_window_or_dates_has_no_first_day(changes):
    assert [text[:13] for text, _ in check({"select exists": True}, **changes)] == ["select exists"]


def refuse_as_empty(learned_at, **changes):
    session = Statements({**TABLES, "select exists": False, OLDEST: learned_at})
    with pytest.raises(EmptySource) as refused:
        check_sources(session, declare(**changes), BOUNDS)
    return str(refused.value), session.asked


@pytest.mark.parametrize("learned_at", [None, BOUNDS.known_until], ids=["nothing", "nothing that was loaded late"])
def test_an_empty_source_is_to_be_loaded(learned_at):
    said, sent = refuse_as_empty(learned_at)
    assert said == (
        f"lapse, as_of 2017-05-08: source.orders holds no fact that was known by {BOUNDS.known_until}. Nothing was built and the "
        "former scores stay; load the table, then run refresh again."
    )
    assert sent[-1] == (
        f'select {clamp(MIN_KNOWN)} from "source"."orders" where "ordered_at" < :happened_before',
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
        f'select {clamp(f"min({KNOWN})")} from "source"."orders" where "ordered_at" < :happened_before',
        {"happened_before": BOUNDS.happened_before, **LOADED},
    )


def test_an_empty_table_without_dates_is_to_be_loaded():
    said, sent = refuse_as_empty(None, **STATIC)
    assert said.endswith("load the table, then run refresh again.")
    assert sent == [('select exists (select from "source"."orders" where true)', {})]


# The first day
OLDEST_INSTANTS = "select cast(instant as text) as written"
COVERED = "select min(greatest("


def instants(*days):
    return [SimpleNamespace(written=day, instant=datetime.fromisoformat(day).replace(tzinfo=UTC)) for day in days]


def ask_first_day(covered, declaration):
    session = Statements({**TABLES, COVERED: covered, OLDEST_INSTANTS: instants("2016-06-01")})
    return first_covered_day(session, declaration), session.asked


@pytest.mark.parametrize(
    ("covered", "day"),
    [(datetime(2016, 8, 25, 0, 0), date(2016, 8, 25)), (datetime(2016, 8, 25, 0, 0, 1), date(2016, 8, 26))],  # noqa: DTZ001 - a local clock
    ids=["from its midnight on", "within a day: the next"],
)
def test_the_first_day_begins_when_its_window_is_covered(covered, day):
    found_day, sent = ask_first_day(covered, declare(lookback_days=84))
    assert found_day == day
    event_at, known = clamp('"ordered_at"'), clamp('"known_at"')
    assert sent[1] == (
        (
            f"select min(greatest(({event_at} at time zone :zone) + make_interval(days => :lookback_days), "
            f"({known} - make_interval(hours => :settle_hours)) at time zone :zone)) "
            'from "source"."orders" where "ordered_at" >= :history_begins and "known_at" is not null'
        ),
        {"zone": "America/New_York", "lookback_days": 84, "settle_hours": 6, "history_begins": datetime(2016, 6, 1, tzinfo=UTC)},
    )


def test_what_was_loaded_in_bulk_covers_days_before_it_was_loaded():
    _, sent = ask_first_day(datetime(2016, 8, 25), declare(lookback_days=84, **BULK))  # noqa: DTZ001 - a local clock
    assert f"({clamp(KNOWN)} - make_interval(hours" in sent[1][0]
    assert sent[1][1].items() >= LOADED.items()


@pytest.mark.parametrize(
    ("days", "begins", "outliers"),
    [
        (("1970-01-01", "2025-01-06", "2025-01-07"), "2025-01-06", ["1970-01-01"]),
        (("2024-07-10", "2025-01-06", "2025-01-07"), "2024-07-10", []),
        (("2024-07-09", "2025-01-06", "2025-01-07"), "2025-01-06", ["2024-07-09"]),
        (("1969-12-31", "1970-01-01", "2025-01-06", "2025-01-07"), "1969-12-31", []),
        (("2025-01-06",), "2025-01-06", []),
    ],
    ids=["decades", "half a year", "a day more", "two of four are history", "alone"],
)
def test_history_begins_after_the_long_silence_that_follows_an_outlier(caplog, days, begins, outliers):
    session = Statements({**TABLES, COVERED: datetime(2025, 3, 1), OLDEST_INSTANTS: instants(*days)})  # noqa: DTZ001 - a local clock
    first_covered_day(session, declare(lookback_days=84))
    assert session.asked[1][1]["history_begins"] == datetime.fromisoformat(begins).replace(tzinfo=UTC)
    assert [
        f"source.orders: facts whose ordered_at is {day} begin no history: correct them" for day in outliers
    ] == caplog.messages


def test_a_declared_beginning_asks_for_no_instants():
    session = Statements({**TABLES, COVERED: datetime(2025, 3, 1)})  # noqa: DTZ001 - a local clock
    first_covered_day(session, declare(lookback_days=84, history_from=date(2025, 1, 6)))
    assert [values["history_begins"] for _, values in session.asked] == [datetime(2025, 1, 6, 5, tzinfo=UTC)]


def test_the_first_day_is_the_latest_of_all_sources():
    declaration = declare(lookback_days=84)
    later = MODEL.sources["coupon_redemptions"]
    sources = {**declaration.model.sources, "coupon_redemptions": later, "products": MODEL.sources["products"]}
    both = declaration.model_copy(update={"model": declaration.model.model_copy(update={"sources": sources})})
    own = COVERED + "(" + clamp('"ordered_at"')
    days = {own: datetime(2016, 8, 25), COVERED: datetime(2016, 9, 1)}  # noqa: DTZ001 - local clocks
    session = Statements({**TABLES, OLDEST_INSTANTS: instants("2016-06-01"), **days})
    assert first_covered_day(session, both) == date(2016, 9, 1)
    assert len(session.asked) == 4


def test_without_a_window_history_begins_the_day_after_the_first_fact():
    found_day, sent = ask_first_day(datetime(2016, 6, 1), declare())  # noqa: DTZ001 - a local clock
    assert (found_day, sent[1][1]["lookback_days"]) == (date(2016, 6, 2), 0)


def test_without_dates_every_day_is_covered():
    assert first_covered_day(Statements(), declare(**STATIC, lookback_days=84)) == date.min


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
