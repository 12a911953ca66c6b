"""Whatever is added outside the bounds of a day, its snapshot and its labels stay as they are."""

from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from perennial.stores.warehouse import build_labels, build_snapshot
from tests.drawn import DEMO_MODELS, declare, run_of

DAY = date(2017, 6, 5)
DECLARED = [declare(name) for name in DEMO_MODELS]
(TIMES,) = {
    (each.model.start(DAY), each.model.known_until(DAY), each.model.label_end(DAY), each.model.matured_at(DAY))
    for each in DECLARED
}
START, KNOWN_UNTIL, LABEL_END, MATURED_AT = TIMES

minutes = st.integers(min_value=0, max_value=200 * 24 * 60).map(lambda count: timedelta(minutes=count))
instant = timedelta(microseconds=1)
anything = st.integers(min_value=-100, max_value=200).map(lambda days: START + timedelta(days=days, hours=7))


def facts(*times):
    """A fact of an old or a new household and order, with an amount and its two dates."""
    amounts = st.none() | st.integers(min_value=0, max_value=10**6)
    return st.lists(st.tuples(st.integers(1, 60), st.integers(1, 5), amounts, st.one_of(*times)), min_size=1, max_size=12)


too_late = st.tuples(minutes.map(lambda after: START + after), anything)
learned_late = st.tuples(anything, minutes.map(lambda after: KNOWN_UNTIL + instant + after))
after_the_horizon = st.tuples(minutes.map(lambda after: LABEL_END + after), anything)
after_the_grace = st.tuples(anything, minutes.map(lambda after: MATURED_AT + instant + after))
own_session = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(params=DECLARED, ids=DEMO_MODELS)
def built(request, sample):
    """The session with the snapshot and labels of a model, and known versions of the orders that the facts will contradict."""
    declared = request.param
    sample.execute(text("alter table source.orders drop constraint orders_pkey"))
    known = [(1, order, 500, (START - timedelta(days=order), START - timedelta(days=order - 1))) for order in range(1, 6)]
    add(sample, known)
    run = run_of(declared, DAY)
    return sample, declared, build_snapshot(sample, declared, run), build_labels(sample, declared, run, DAY)


def add(session, drawn):
    rows = [
        {"household": household, "order": order, "amount": amount, "event_at": event_at, "known_at": known_at}
        for household, order, amount, (event_at, known_at) in drawn
    ]
    session.execute(text("insert into source.orders values (:order, :household, 1, :event_at, :known_at, :amount)"), rows)
    session.execute(
        text(
            "insert into source.order_items values (:order, :household, 1, :event_at, :known_at, 1, coalesce(:amount, 0), 0, 0)"
        ),
        rows,
    )
    session.execute(text("insert into source.coupon_redemptions values (:household, 1, 1, :event_at, :known_at)"), rows)


@pytest.mark.mltest("D7")
@own_session
@given(facts(too_late, learned_late))
@example([(1, 1, 7, (START, START))])
@example([(1, 1, 7, (START - timedelta(days=1), KNOWN_UNTIL + instant))])
def test_no_fact_outside_the_bounds_changes_a_snapshot(built, drawn):
    session, declared, snapshot, _ = built
    with session.begin_nested() as trial:
        add(session, drawn)
        assert build_snapshot(session, declared, run_of(declared, DAY)) == snapshot
        trial.rollback()


@own_session
@given(facts(after_the_horizon, after_the_grace))
@example([(1, 1, 7, (LABEL_END, LABEL_END))])
@example([(1, 1, 7, (START, MATURED_AT + instant))])
def test_no_fact_outside_the_bounds_changes_labels(built, drawn):
    session, declared, _, labels = built
    with session.begin_nested() as trial:
        add(session, drawn)
        assert build_labels(session, declared, run_of(declared, DAY), DAY) == labels
        trial.rollback()


@settings(own_session, max_examples=6)
@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_on_disk_changes_no_snapshot(built, chance):
    session, declared, snapshot, _ = built
    with session.begin_nested() as trial:
        session.execute(text("set local enable_indexscan = off"))
        for table in ("orders", "order_items", "coupon_redemptions"):
            salt = {"salt": str(chance.random())}
            session.execute(
                text(
                    "create temporary table moved on commit drop as "
                    f"select * from source.{table} t order by md5(t::text || :salt)"
                ),
                salt,
            )
            session.execute(text(f"delete from source.{table}"))
            session.execute(text(f"insert into source.{table} select * from moved"))
            session.execute(text("drop table moved"))
        assert build_snapshot(session, declared, run_of(declared, DAY)) == snapshot
        trial.rollback()
