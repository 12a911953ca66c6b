"""Tables of states: rows with valid_from and valid_to, and tables updated in place whose history is captured from now on."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from perennial.config import Source
from perennial.config.inputs import CAPTURED_AT
from perennial.errors import ColumnContractBroken, ConfigError, EmptySource, GrainViolated
from perennial.records import Window
from perennial.stores.sessions import Database, run_script
from perennial.stores.warehouse import open_audit
from perennial.stores.warehouse.capturing import Capture, capture_sources, describe_captures
from perennial.stores.warehouse.conditions import feature_bounds, label_bounds
from perennial.stores.warehouse.perturbing import delete_facts
from perennial.stores.warehouse.point_in_time import open_views
from tests.drawn import declare

DAY = date(2017, 5, 8)
LAPSE = declare("lapse")  # in New York: the day begins at 04:00 UTC
START = datetime(2017, 5, 8, 4, tzinfo=UTC)
PLANS = """
create schema crm;
create table crm.plans (customer_id bigint, plan text, valid_from timestamptz, valid_to timestamptz);
insert into crm.plans values
    (1, 'basic', '2017-01-01', '2017-05-01'), (1, 'gold', '2017-05-01', '2017-06-01'), (1, 'none', '2017-06-01', null),
    (2, 'basic', '2017-01-01', '2017-05-01'),
    (3, 'basic', '2017-01-01', '2017-05-08 04:00+00'), (3, 'gold', '2017-05-08 04:00+00', null),
    (4, 'basic', '2017-05-08 04:00+00', null),
    (5, 'basic', '2017-01-01', '2017-05-08 03:59+00'), (5, 'gold', '2017-05-08 03:59+00', 'infinity'),
    (6, 'basic', null, null);
create table crm.days (customer_id bigint, plan text, from_day date, to_day date);
insert into crm.days values
    (1, 'basic', '2017-01-01', '2017-05-07'), (1, 'gold', '2017-05-08', '9999-12-31'),
    (2, 'basic', '2017-01-01', '2017-05-06'), (2, 'gold', '2017-05-07', null),
    (3, 'basic', '2017-01-01', '2017-05-06');
create table crm."Customers:now" (id bigint, plan text, note json, "at %" double precision);
insert into crm."Customers:now" values (1, 'basic', '{}', 0.1), (2, 'gold', null, null);
"""
PLAN = {"table": "crm.plans", "times": "validity", "valid_from": "valid_from", "valid_to": "valid_to", "key": ["customer_id"]}
IN_PLACE = {"table": "crm.Customers:now", "times": "captured", "key": ["id"]}


@pytest.fixture
def session(warehouse):
    run_script(warehouse.session, PLANS)
    return warehouse.session


def with_plans(**declared):
    model = LAPSE.model.model_copy(update={"sources": {"plans": Source(**declared)}})
    return LAPSE.model_copy(update={"model": model})


def see(session, query, bounds=feature_bounds, **declared):
    declaration = with_plans(**declared)
    with open_views(session, declaration, bounds(declaration.model, DAY)):
        return [tuple(row) for row in session.execute(text(query))]


def test_at_an_as_of_exactly_the_row_counts_that_held_then_and_its_end_is_not_known(session):
    assert see(session, "select customer_id, plan, valid_to from plans order by 1", **PLAN) == [
        (1, "gold", None),
        (3, "basic", None),
        (5, "gold", None),
    ]


def test_labels_see_what_holds_at_the_end_of_the_horizon(session):
    """28 days on, on 06-05."""
    assert see(session, "select customer_id, plan from plans order by 1", label_bounds, **PLAN) == [
        (1, "none"),
        (3, "gold"),
        (4, "basic"),
        (5, "gold"),
    ]


def test_a_day_is_the_last_on_which_a_row_held(session):
    days = PLAN | {"table": "crm.days", "valid_from": "from_day", "valid_to": "to_day"}
    assert see(session, "select customer_id, plan, to_day from plans order by 1", **days) == [
        (1, "basic", None),
        (2, "gold", None),
    ]


def test_a_state_without_a_beginning_is_shown_to_suites_alone(session):
    declaration = with_plans(**PLAN)
    with open_views(session, declaration, feature_bounds(declaration.model, DAY), with_incomplete=True):
        assert session.execute(text("select count(*) from plans where valid_from is null")).scalar_one() == 1


def test_deleting_what_happens_later_opens_what_has_not_ended(session):
    """What the checks of a model change must not be seen in a snapshot."""
    before = see(session, "select * from plans order by 1", **PLAN)
    delete_facts(session, with_plans(**PLAN), since=START)
    assert see(session, "select * from plans order by 1", **PLAN) == before
    assert session.execute(text("select count(*) from crm.plans where valid_to < 'infinity'")).scalar_one() == 3


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (PLAN | {"key": []}, "needs key"),
        (PLAN | {"lookback_days": 7}, "excludes lookback_days"),
        (PLAN | {"event_at": "valid_from"}, "excludes event_at"),
        ({**PLAN, "valid_to": None}, "needs valid_to"),
        (IN_PLACE | {"known_at": "at"}, "excludes known_at"),
    ],
)
def test_a_state_is_declared_whole(declared, said):
    with pytest.raises(ValueError, match=said):
        Source(**declared)


# Captured
def photograph(session, at, **changes):
    return capture_sources(session, with_plans(**IN_PLACE | changes), at)


def test_a_photograph_keeps_what_is_new_changed_and_gone(session):
    hour = timedelta(hours=1)
    assert photograph(session, START - 3 * hour) == (Capture("plans", new=2, changed=0, gone=0),)
    assert photograph(session, START - 2 * hour) == (Capture("plans", new=0, changed=0, gone=0),)
    session.exec_driver_sql("""
        update crm."Customers:now" set note = '{"a": 1}' where id = 1; delete from crm."Customers:now" where id = 2;
        insert into crm."Customers:now" values (3, null, null, 'NaN')""")
    assert photograph(session, START - hour) == (Capture("plans", new=1, changed=1, gone=1),)
    assert photograph(session, START - hour) == (Capture("plans", new=0, changed=0, gone=0),)
    assert see(session, "select id, cast(note as text) from plans order by 1", **IN_PLACE) == [(1, '{"a": 1}'), (3, None)]


def test_what_was_captured_after_the_day_began_belongs_to_the_next(session):
    photograph(session, START - timedelta(days=1))
    session.exec_driver_sql("""update crm."Customers:now" set plan = 'none'""")
    photograph(session, START)
    assert see(session, "select distinct plan from plans order by 1", **IN_PLACE) == [("basic",), ("gold",)]
    assert see(session, "select distinct plan from plans order by 1", label_bounds, **IN_PLACE) == [("none",)]
    since = {"rule": "captured", "since": (START - timedelta(days=1)).isoformat()}
    assert describe_captures(session, with_plans(**IN_PLACE).model) == {"plans": since}


def test_a_new_column_is_captured_and_a_retyped_one_refused(session):
    photograph(session, START - timedelta(days=2))
    session.exec_driver_sql("""alter table crm."Customers:now" add city text default 'Lyon'""")
    assert photograph(session, START - timedelta(days=1)) == (Capture("plans", new=0, changed=2, gone=0),)
    assert see(session, "select id, city from plans order by 1", **IN_PLACE) == [(1, "Lyon"), (2, "Lyon")]
    session.exec_driver_sql("""alter table crm."Customers:now" alter id type text""")
    with pytest.raises(ColumnContractBroken, match=r"the column id of crm.Customers:now was bigint .* and is text now"):
        photograph(session, START)


def test_columns_of_a_length_are_kept_whole_and_may_grow(session):
    session.exec_driver_sql("""
        alter table crm."Customers:now" add code char(3) default 'abc', add bits bit(4) default b'1010',
            add codes char(2)[] default '{de,fr}', add price numeric(5, 2) default 1.25""")
    photograph(session, START - timedelta(days=2))
    session.exec_driver_sql("""
        alter table crm."Customers:now" alter code type char(5), alter bits type bit(6) using b'101011', alter price type numeric;
        update crm."Customers:now" set code = 'abcde', price = 1234567.875 where id = 1""")
    photograph(session, START - timedelta(days=1))
    found = see(session, "select code, cast(bits as text), codes[2], price from plans where id = 1", **IN_PLACE)
    assert [("abcde", "101011", "fr", Decimal("1234567.875"))] == found


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ("update {} set id = 1", GrainViolated, "of 2 rows 0 lack it, and there are 1 keys"),
        ("update {} set id = null where id = 1", GrainViolated, "of 2 rows 1 lack it"),
        ("delete from {}", EmptySource, "is empty, and was not when it was captured last"),
    ],
)
def test_a_table_that_is_not_whole_is_not_captured(session, change, error, said):
    photograph(session, START - timedelta(days=1))
    session.exec_driver_sql(change.format('crm."Customers:now"'))
    with pytest.raises(error, match=said):
        photograph(session, START)


def test_another_key_for_the_same_table_is_refused(session):
    photograph(session, START)
    with pytest.raises(ConfigError, match=r"declares the key \(plan\), and crm.Customers:now is captured by \(id\) already"):
        photograph(session, START, key=["plan"])


def test_before_the_first_photograph_nothing_is_known(session):
    with pytest.raises(ConfigError, match=r"nothing was captured of crm\.Customers:now yet: run `perennial capture lapse`"):
        see(session, "select 1", **IN_PLACE)


def test_a_suite_sees_the_columns_of_a_captured_table_as_queries_do(session):
    """Its column for rows that are gone is ours: no view shows it."""
    declaration = with_plans(**IN_PLACE)
    capture_sources(session, declaration, START - timedelta(hours=1))
    windows = {"whole": Window("plans", days=None, columns=None), "named": Window("plans", days=7, columns=("plan",))}
    with open_audit(session, declaration, DAY, "source", windows) as engine, engine.connect() as connection:
        whole = connection.execute(text("select * from whole")).keys()
        assert (*whole,) == ("id", "plan", "note", "at %", CAPTURED_AT, "age_days")
        assert [(2,)] == connection.execute(text("select count(plan) from named")).all()


def test_of_two_first_captures_at_once_the_second_waits_and_finds_nothing_new(warehouse_urls):
    database, declaration = Database(warehouse_urls.superuser, "test"), with_plans(**IN_PLACE)

    def capture():
        with database.transaction() as session:
            return capture_sources(session, declaration, START)

    with database.transaction() as session:
        run_script(session, PLANS)
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as first:
            assert (Capture("plans", new=2, changed=0, gone=0),) == capture_sources(first, declaration, START)
            second = pool.submit(capture)
            while not (second.done() or first.execute(text("select 1 from pg_locks where not granted")).first()):
                pass
        assert (Capture("plans", new=0, changed=0, gone=0),) == second.result()
    database.dispose()
