"""What the ledger keeps of the looks at contests, and what later tests of the model learn from them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from perennial.records import Look, Run
from perennial.stores import ledger
from perennial.stores.sessions import Database

DAY = date(2017, 11, 13)
CLOCK = datetime(2017, 11, 13, 11, tzinfo=UTC)
RUN = Run("lapse", DAY, CLOCK, "simulation", actor="tests")
WEEK = timedelta(days=7)
LOOK = Look((DAY - 5 * WEEK, DAY - 4 * WEEK), 0.004, 0.003, 0.3, 0.0001, 3.6, surplus=-1.5e-6, shock=0.0039)


@pytest.fixture
def session(warehouse_urls):
    with Database(warehouse_urls.pipeline, "tests").transaction() as session:
        yield session


def enter_contest(session, challenger, run=RUN):
    return ledger.open_contest(session, run, (challenger, 2), ledger.Terms(0.001, 16, 4))


def test_a_look_comes_back_with_what_it_saw_of_shocks(session):
    contest = enter_contest(session, 3)
    ledger.record_look(session, RUN, contest.contest_id, LOOK)
    assert ledger.find_contest(session, "lapse", (3, 2)).looks == (LOOK,)


def test_the_newest_look_at_every_other_pair_before_the_run_tells_of_shocks(session):
    longer = replace(LOOK, as_ofs=(*LOOK.as_ofs, DAY - 3 * WEEK), surplus=2e-6)
    unmeasured, own = replace(LOOK, surplus=None, shock=0.0), replace(LOOK, surplus=7e-6)
    for challenger, looks in ((3, (LOOK, longer)), (4, (unmeasured,)), (5, (own,))):
        contest = enter_contest(session, challenger)
        for look in looks:
            ledger.record_look(session, RUN, contest.contest_id, look)
    later = replace(RUN, clock=CLOCK + WEEK)
    assert ledger.earlier_looks(session, later, contest.contest_id) == (longer,)
    assert set(ledger.earlier_looks(session, later, None)) == {longer, own}
    assert ledger.earlier_looks(session, RUN, contest.contest_id) == ()
    assert ledger.earlier_looks(session, replace(later, model="spend_drop"), None) == ()


def test_of_timings_of_a_pair_the_first_stand(session):
    pair = ledger.TimedPair("lapse", "a" * 64, "b" * 64)
    first, second = ledger.Timings((1.0, 1.5), (2.0, 2.5)), ledger.Timings((9.0,), (9.0,))
    assert ledger.find_timings(session, pair) is None
    assert ledger.record_timings(session, pair, first) == first
    assert ledger.record_timings(session, pair, second) == first
    assert ledger.find_timings(session, replace(pair, model="spend_drop")) is None
