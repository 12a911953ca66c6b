"""What the ledger says about runs, snapshots, versions, champions and mail."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from perennial.errors import SnapshotMissing, VersionMissing, WarehouseBusy
from perennial.records import (
    FitDistance,
    Interval,
    MetricComparison,
    Move,
    Notice,
    Outcome,
    Recipe,
    RuleResult,
    Run,
    Tuning,
    Validation,
    Verdict,
    Version,
)
from perennial.stores import ledger
from perennial.stores.sessions import Database, take_lock

DAY = date(2017, 11, 13)
CLOCK = datetime(2017, 11, 13, 11, tzinfo=UTC)
RUN = Run("lapse", DAY, CLOCK, "simulation", actor="tests")
WEEK = timedelta(days=7)

RECIPE = Recipe("xgboost", {"max_depth": 4})
VERSION = Version(
    model="lapse",
    version=3,
    algorithm="xgboost",
    mlflow_run_id="a" * 32,
    manifest={"model.ubj": "12ab", "contract.json": "34cd"},
    data_hash="feed",
    training_as_ofs=(date(2017, 8, 7), date(2017, 8, 14)),
    holdout_as_ofs=(date(2017, 9, 11), date(2017, 9, 18)),
    trained_for=DAY,
    effective_at=CLOCK,
    parameters={"max_depth": 4, "booster": "gbtree"},
    holdout_mean_score=0.31,
    holdout_headline=0.84,
    newest_mean_score=0.3,
    distance=FitDistance(2, date(2017, 10, 23), 2000, 0.97, 0.8, -0.02),
    config_hash="c0",
    query_hash="9e",
    code_version="0.1.0",
)
VERDICT = Verdict(
    model="lapse",
    as_of=DAY,
    outcome=Outcome.PROMOTE,
    challenger_version=3,
    champion_version=2,
    holdout_as_ofs=(date(2017, 9, 11), date(2017, 9, 18)),
    rows=4000,
    positives=1200,
    metrics=(MetricComparison("roc_auc", 0.85, 0.86, Interval(0.01, 0.004, 0.016, 0.003)),),
    baselines=(MetricComparison("recency roc_auc", None, 0.86, None),),
    segments=(),
    knowledge_lag_days=84,
    reasons=("better",),
)
NOTICE = Notice("lapse", DAY, "blocked", "BLOCK: no amounts", "Sum.", (("a", "b", "c", "d"),), ("x",), (), chart={"a": 0.5})


@pytest.fixture
def database(warehouse_urls):
    return Database(warehouse_urls.pipeline, "tests")


@pytest.fixture
def session(database):
    with database.transaction() as session:
        yield session


def on(as_of: date, purpose: str = "simulation") -> Run:
    return Run("lapse", as_of, datetime(as_of.year, as_of.month, as_of.day, 11, tzinfo=UTC), purpose)


def put_snapshot(session, run: Run, rows: int = 10, status: str = "valid") -> None:
    statement = """insert into ledger.snapshots
        (model, as_of, kind, rows, checksum, query_hash, config_hash, columns, status, purpose, effective_at)
        values (:model, :as_of, 'features', :rows, 'abc', 'q', 'c', '[{"name": "recency_days", "type": "bigint"}]',
            :status, :purpose, :clock)"""
    values = {"model": run.model, "as_of": run.as_of, "rows": rows, "status": status, "purpose": run.purpose}
    session.execute(text(statement), {**values, "clock": run.clock})


def move(database, run: Run, version: int, kind: str = "promote") -> None:
    book = ledger.PromotionBook(database, run)
    previous = next(iter(reversed(book.history())), None)
    book.apply(book.intend(ledger_move(version, kind), previous.version if previous else None))


def ledger_move(version: int, kind: str):
    return Move(version, kind, "because")


# Runs and snapshots
def test_an_attempt_is_running_until_it_says_how_it_ended(session):
    run_id = ledger.start_run(session, RUN, "refresh")
    started = session.execute(text("select status, finished_at from ledger.runs")).one()
    ledger.finish_run(session, run_id, "failed", "no rows")
    ended = session.execute(text("select status, message, finished_at is not null from ledger.runs")).one()
    assert tuple(started) == ("running", None)
    assert tuple(ended) == ("failed", "no rows", True)


def test_a_snapshot_is_found_with_its_columns_and_status(session):
    put_snapshot(session, RUN, status="built")
    ledger.mark_snapshot(session, RUN, "valid")
    found = ledger.find_snapshot(session, "lapse", DAY)
    assert (found.rows, found.status, found.columns[0].name) == (10, "valid", "recency_days")


def test_a_day_without_snapshot_is_an_error_that_says_what_to_do(session):
    with pytest.raises(SnapshotMissing, match="perennial refresh lapse --as-of 2017-11-13"):
        ledger.find_snapshot(session, "lapse", DAY)


def test_former_rows_are_those_of_valid_days_before_newest_first(session):
    put_snapshot(session, on(DAY - 3 * WEEK), rows=1)
    put_snapshot(session, on(DAY - 2 * WEEK), rows=2)
    put_snapshot(session, on(DAY - WEEK), rows=3, status="invalid")
    put_snapshot(session, RUN, rows=4)
    assert ledger.former_rows(session, "lapse", DAY, limit=8) == (2, 1)
    assert ledger.former_rows(session, "lapse", DAY, limit=1) == (2,)
    assert ledger.valid_days(session, "lapse", first=DAY - 2 * WEEK, last=DAY) == {DAY - 2 * WEEK: "q", DAY: "q"}


def test_the_newest_validation_of_a_day_is_found(session):
    first = Validation("lapse", DAY, passed=False, rows=10, quarantined=0, results=())
    second = replace(first, passed=True, results=(RuleResult("bands", "rows", None, True, 0, 10, "10 rows"),))
    ledger.record_validation(session, RUN, first)
    ledger.record_validation(session, RUN, second)
    assert second == ledger.find_validation(session, "lapse", DAY)


# Versions and verdicts
@pytest.fixture
def versions(session):
    """A session of a ledger that knows one recipe."""
    ledger.enter_recipe(session, RUN, RECIPE, origin="search", chosen_on=DAY - 4 * WEEK, because="A search found it.")
    return session


def test_a_recipe_keeps_its_number_and_who_found_it_first(versions):
    again = ledger.enter_recipe(versions, RUN, RECIPE, origin="person", chosen_on=None, because="Found again.")
    assert (1, "search", RECIPE, DAY - 4 * WEEK) == (again.number, again.origin, again.recipe, again.chosen_on)
    other = replace(RECIPE, features=("orders_28d",), rulings={"exclude": "tenure_days"})
    assert 2 == ledger.enter_recipe(versions, RUN, other, origin="ruling", chosen_on=None, because="Ruled.").number
    assert other == ledger.get_recipe(versions, "lapse", 2).recipe
    with pytest.raises(VersionMissing, match="does not know recipe 3"):
        ledger.get_recipe(versions, "lapse", 3)


def test_a_version_comes_back_as_it_was_recorded(versions):
    assert ledger.record_version(versions, VERSION) == VERSION
    assert ledger.get_version(versions, "lapse", 3) == VERSION
    assert ledger.find_fit(versions, "lapse", DAY, "feed", recipe=1) == VERSION
    assert ledger.find_fit(versions, "lapse", DAY, "feed", recipe=2) is None
    assert ledger.trained_on_day(versions, "lapse", DAY) == VERSION
    assert ledger.newest_fit(versions, "lapse", 1, until=DAY) == VERSION
    assert ledger.newest_fit(versions, "lapse", 1, until=DAY - WEEK) is None


def test_of_two_versions_of_one_fit_the_first_stands(versions):
    ledger.record_version(versions, VERSION)
    assert ledger.record_version(versions, replace(VERSION, version=4)) == VERSION


def test_an_unknown_version_is_an_error(session):
    with pytest.raises(VersionMissing, match="does not know version 9"):
        ledger.get_version(session, "lapse", 9)


def test_a_day_does_not_see_its_own_training_as_the_last_one(versions):
    former = replace(VERSION, version=2, trained_for=DAY - WEEK)
    ledger.record_version(versions, former)
    ledger.record_version(versions, VERSION)
    assert former == ledger.last_training(versions, "lapse", before=DAY)
    assert ledger.last_training(versions, "lapse", before=DAY + WEEK) == VERSION
    assert ledger.last_training(versions, "lapse", before=DAY - WEEK) is None


def test_the_last_search_is_the_newest_older_training_that_searched(versions):
    searched = Tuning(True, "Because.", Recipe("lightgbm", {"num_leaves": 15}), "0f", 12, Interval(0.1, 0.0, 0.2, 0.05))
    former = replace(VERSION, version=1, trained_for=DAY - 2 * WEEK, tuning=searched)
    ledger.record_version(versions, former)
    ledger.record_version(
        versions, replace(VERSION, version=2, trained_for=DAY - WEEK, tuning=replace(searched, is_searched=False))
    )
    ledger.record_version(versions, replace(former, version=3, trained_for=DAY))
    ledger.record_version(versions, replace(VERSION, version=4, trained_for=DAY - 3 * WEEK))
    assert ledger.last_search(versions, "lapse", before=DAY) == former
    assert ledger.last_search(versions, "lapse", before=DAY - 2 * WEEK) is None


def test_the_newest_verdict_on_a_challenger_comes_back_whole(session):
    ledger.record_evaluation(session, RUN, replace(VERDICT, outcome=Outcome.REJECT))
    number = ledger.record_evaluation(session, RUN, VERDICT)
    found = ledger.latest_evaluation(session, "lapse", 3)
    assert (number, VERDICT) == (found.evaluation_id, found.verdict)
    assert ledger.latest_evaluation(session, "lapse", 4) is None


def test_the_newest_verdict_on_a_recipe_is_found_by_any_of_its_fits(versions):
    another = replace(RECIPE, parameters={"max_depth": 6})
    other = ledger.enter_recipe(versions, RUN, another, origin="search", chosen_on=None, because="A search found it.").number
    for version, recipe, day in ((3, 1, DAY), (4, 1, DAY + WEEK), (5, other, DAY + WEEK)):
        ledger.record_version(versions, replace(VERSION, version=version, recipe=recipe, trained_for=day))
    newer = replace(VERDICT, challenger_version=4)
    for verdict in (VERDICT, newer, replace(VERDICT, challenger_version=5)):
        ledger.record_evaluation(versions, RUN, verdict)
    assert ledger.latest_evaluation_of_recipe(versions, "lapse", 3).verdict == newer


# Champions
def test_before_the_first_promotion_there_is_no_champion(session):
    assert ledger.champion(session, "lapse") is None
    assert ledger.champion_at(session, "lapse", CLOCK) is None


def test_the_champion_at_an_instant_follows_promotions_and_rollbacks(database):
    for weeks, version, kind in ((0, 1, "promote"), (1, 2, "promote"), (2, 1, "rollback")):
        move(database, on(DAY + weeks * WEEK), version, kind)
    with database.transaction() as session:
        served = [ledger.champion_at(session, "lapse", CLOCK + weeks * WEEK) for weeks in (-1, 0, 1, 2)]
        assert served == [None, 1, 2, 1]
        assert ledger.champion(session, "lapse") == 1
        assert [promotion.version for promotion in ledger.champion_history(session, "lapse")] == [1, 2, 1]


def test_an_intent_is_open_until_it_is_applied_or_undone(database):
    book = ledger.PromotionBook(database, RUN)
    undone = book.undo(book.intend(ledger_move(1, "promote"), None), "The file is gone.")
    intent = book.intend(ledger_move(2, "promote"), None)
    assert intent == book.find_open()
    assert book.history() == ()
    applied = book.apply(intent)
    assert book.find_open() is None
    assert (applied,) == book.history()
    assert (undone.status, undone.reason) == ("undone", "because Undone: The file is gone.")


# Mail
def test_the_same_event_of_a_day_waits_once(session):
    first = ledger.put_notice(session, RUN, NOTICE, "growth@example.com")
    second = ledger.put_notice(session, RUN, replace(NOTICE, headline="again"), "growth@example.com")
    assert first == second == "<lapse.2017-11-13.blocked@perennial.invalid>"
    assert (first,) == ledger.waiting_notices(session, "lapse") == ledger.waiting_notices(session)
    assert ledger.claim_notice(session, first).notice == NOTICE


def test_a_notice_that_somebody_else_is_sending_is_passed_over(database):
    with database.transaction() as session:
        message_id = ledger.put_notice(session, RUN, NOTICE, "growth@example.com")
    with database.transaction() as sender, database.transaction() as other:
        assert ledger.claim_notice(sender, message_id) is not None
        assert ledger.claim_notice(other, message_id) is None


def test_a_refused_notice_waits_and_a_sent_one_does_not(session):
    message_id = ledger.put_notice(session, RUN, NOTICE, "growth@example.com")
    ledger.mark_failed(session, message_id, "421 try later")
    assert ledger.claim_notice(session, message_id).attempts == 1
    ledger.mark_sent(session, message_id)
    assert ledger.claim_notice(session, message_id) is None
    assert ledger.waiting_notices(session) == ()


# Waiting
def wait_briefly_for_the_lock(database):
    with database.transaction() as rerun:
        rerun.execute(text("set local lock_timeout = '100ms'"))
        take_lock(rerun, "lapse", DAY)


def test_a_lock_that_somebody_keeps_is_an_error_that_may_be_retried(database):
    with database.transaction() as survivor:
        take_lock(survivor, "lapse", DAY)
        with pytest.raises(WarehouseBusy, match="another attempt at the same work"):
            wait_briefly_for_the_lock(database)
