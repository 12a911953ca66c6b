"""What the ledger says about published days: outcomes, drift, decisions, and days that somebody forgot."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from perennial.records import (
    Choice,
    Decision,
    DecisionEvidence,
    DriftCheck,
    FeatureDrift,
    Interval,
    Move,
    Realised,
    RuleResult,
    Run,
    Validation,
)
from perennial.stores import ledger
from perennial.stores.sessions import Database

DAY = date(2017, 11, 13)
CLOCK = datetime(2017, 11, 13, 11, tzinfo=UTC)
RUN = Run("lapse", DAY, CLOCK, "simulation", actor="tests")
WEEK = timedelta(days=7)

CHECK = DriftCheck(
    model="lapse",
    as_of=DAY,
    version=3,
    rows=2000,
    features=(FeatureDrift("recency_days", 0.2, 9.5, None, 0.0, 0.1, is_drifted=True, can_trigger=True),),
    drifted_share=1.0,
    prediction_shift=0.2,
    score_psi=0.3,
    is_drifted=True,
    report="reports/lapse.html",
)
EVIDENCE = DecisionEvidence(
    model="lapse",
    as_of=DAY,
    clock=CLOCK,
    blocked_because=None,
    champion_version=3,
    champion_age_days=14,
    checks=(True, False),
    drifted_share=1.0,
    prediction_shift=0.2,
    drifted_columns=("recency_days",),
    auc_loss=None,
    last_training_at=CLOCK,
    retrains=(CLOCK,),
    newest_matured=date(2017, 10, 9),
    newest_trained=date(2017, 10, 2),
    next_maturity=date(2017, 11, 15),
    labels_mature_on=None,
)
DECISION = Decision("lapse", DAY, Choice.TRAIN, "drift", "It drifted.", EVIDENCE)


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


def put_publication(session, run: Run, status: str = "live", attempt: int = 1, message: str | None = None) -> None:
    statement = """insert into ledger.publications (model, as_of, version, attempt, status, rows, mean_score,
        snapshot_checksum, manifest_hash, config_hash, query_hash, code_version, purpose, message, effective_at, published_at)
        values (:model, :as_of, 3, :attempt, :status, 10, 0.25, '', '', '', '', '', :purpose, :message, :clock,
            clock_timestamp())"""
    values = {"model": run.model, "as_of": run.as_of, "attempt": attempt, "status": status, "message": message}
    session.execute(text(statement), {**values, "purpose": run.purpose, "clock": run.clock})


# Publications and outcomes
def test_the_live_publication_is_found_among_its_attempts(session):
    put_publication(session, RUN, "replaced", attempt=1)
    put_publication(session, RUN, "live", attempt=2)
    assert ledger.live_publication(session, "lapse", DAY).attempt == 2


def test_an_outcome_is_recorded_once_for_each_publication(session):
    put_publication(session, on(DAY - WEEK))
    put_publication(session, RUN)
    (publication,) = ledger.without_outcome(session, "lapse", until=DAY - WEEK)
    realised = Realised(
        "lapse",
        DAY - WEEK,
        3,
        10,
        4,
        {"auc": Interval(0.85, 0.8, 0.9, 0.025), "log_loss": Interval(0.4, 0.3, 0.5, 0.05)},
        0.25,
        0.4,
    )
    ledger.record_outcome(session, on(DAY), publication, replace(realised, positives=5))
    ledger.record_outcome(session, on(DAY + WEEK), publication, realised)  # measured anew, and known as early
    assert ledger.without_outcome(session, "lapse", until=DAY - WEEK) == ()
    assert (realised,) == ledger.outcomes(session, "lapse", known_by=CLOCK, limit=5)
    assert ledger.outcomes(session, "lapse", known_by=CLOCK, limit=5, recipe=4) == ()
    assert ledger.outcomes(session, "lapse", known_by=CLOCK - WEEK, limit=5) == ()


def test_an_outcome_of_amounts_has_no_positives_and_keeps_its_headline_first(session):
    put_publication(session, on(DAY - WEEK))
    put_publication(session, RUN)
    (publication,) = ledger.without_outcome(session, "lapse", until=DAY - WEEK)
    metrics = {
        "tweedie": Interval(7.0, 6.0, 8.0, 0.5),
        "mse": Interval(9e3, 8e3, 1e4, 500.0),
        "total_bias": Interval(2.0, 1.8, 2.2, 0.1),
    }
    realised = Realised("lapse", DAY - WEEK, 3, 10, None, metrics, 60.0, 30.0)
    ledger.record_outcome(session, on(DAY), publication, realised)
    (found,) = ledger.outcomes(session, "lapse", known_by=CLOCK, limit=5)
    assert (found, list(found.metrics)) == (realised, list(metrics))
    (rate,) = ledger.matured_rates(session, "lapse", known_by=CLOCK, since=DAY - 2 * WEEK, zone="UTC")
    assert (rate.came, rate.total_bias) == (300.0, metrics["total_bias"])


def test_a_blocked_publication_says_why_until_a_later_attempt_is_live(session):
    put_publication(session, RUN, "blocked", attempt=1, message="mean shift")
    assert ledger.blocked_because(session, "lapse", DAY) == "mean shift"
    put_publication(session, RUN, "live", attempt=2)
    assert ledger.blocked_because(session, "lapse", DAY) is None


def test_an_invalid_snapshot_says_which_suites_stopped_the_day(session):
    put_snapshot(session, RUN, status="invalid")
    rules = (
        RuleResult("source", "not_null", "amount", False, 10, 10, "All amounts are null."),
        RuleResult("source", "between", "amount", True, 0, 10, "Fine."),
        RuleResult("bands", "rows", None, False, 0, 10, "Half the rows."),
    )
    ledger.record_validation(session, RUN, Validation("lapse", DAY, passed=False, rows=10, quarantined=0, results=rules))
    assert ledger.blocked_because(session, "lapse", DAY) == "All amounts are null. Half the rows."
    ledger.mark_snapshot(session, RUN, "valid")
    assert ledger.blocked_because(session, "lapse", DAY) is None


# Drift and decisions
def test_checks_come_newest_first_and_a_rerun_replaces_its_day(session):
    former = replace(CHECK, as_of=DAY - WEEK, is_drifted=False)
    ledger.record_drift_check(session, on(DAY - WEEK), former)
    ledger.record_drift_check(session, RUN, replace(CHECK, rows=1))
    ledger.record_drift_check(session, RUN, CHECK)
    assert (CHECK, former) == ledger.last_checks(session, "lapse", DAY, limit=3)
    assert (former,) == ledger.last_checks(session, "lapse", DAY - WEEK, limit=3)


def test_the_page_of_a_check_stays_when_the_day_is_checked_again_with_the_same_version(session):
    check, page = replace(CHECK, report=None), "reports/drawn.html"
    ledger.record_drift_check(session, RUN, check)
    ledger.record_report(session, replace(check, version=check.version + 1), "reports/of another version.html", [])
    ledger.record_report(session, check, page, ["a part"])
    ledger.record_drift_check(session, RUN, check)
    assert (replace(check, report=page),) == ledger.last_checks(session, check.model, check.as_of, limit=1)


def test_the_page_of_a_former_version_does_not_stay(session):
    newer = replace(CHECK, report=None, version=CHECK.version + 1)
    ledger.record_drift_check(session, RUN, CHECK)
    ledger.record_drift_check(session, RUN, newer)
    assert (newer,) == ledger.last_checks(session, newer.model, newer.as_of, limit=1)


def test_of_several_decisions_on_a_day_the_newest_holds(session):
    ledger.record_decision(session, RUN, replace(DECISION, choice=Choice.SKIP))
    ledger.record_decision(session, RUN, DECISION)
    assert ledger.find_decision(session, "lapse", DAY) == DECISION
    assert ledger.find_decision(session, "lapse", DAY - WEEK) is None


def test_a_day_does_not_see_its_own_request_for_training(session):
    for as_of in (DAY - 2 * WEEK, DAY - WEEK, DAY):
        ledger.record_decision(session, on(as_of), replace(DECISION, as_of=as_of))
    ledger.record_decision(session, on(DAY - WEEK), replace(DECISION, as_of=DAY - WEEK, choice=Choice.SKIP))
    assert ledger.asked_trainings(session, "lapse", since=DAY - 4 * WEEK, before=DAY) == (CLOCK - 2 * WEEK,)


# Days that somebody forgot
def test_valid_days_under_a_champion_without_scores_are_named(database):
    book = ledger.PromotionBook(database, on(DAY - WEEK))
    book.apply(book.intend(Move(1, "promote", "better"), None))
    with database.transaction() as session:
        put_snapshot(session, on(DAY - 2 * WEEK))  # before the first champion
        put_snapshot(session, on(DAY - WEEK, "backfill"))
        put_snapshot(session, on(DAY))
        put_snapshot(session, on(DAY + WEEK))
        put_publication(session, on(DAY + WEEK))
        put_snapshot(session, on(DAY + 2 * WEEK))
        put_publication(session, on(DAY + 2 * WEEK), "blocked")
        put_snapshot(session, on(DAY + 3 * WEEK), status="invalid")
        assert ledger.unpublished_days(session, "lapse", since=DAY - 9 * WEEK) == (DAY,)


def test_scores_that_nobody_checked_or_decided_on_are_named(session):
    put_publication(session, on(DAY - WEEK))
    put_publication(session, RUN)
    ledger.record_drift_check(session, RUN, CHECK)
    assert ledger.unchecked_days(session, "lapse", since=DAY - 9 * WEEK) == (DAY - WEEK, DAY)
    ledger.record_decision(session, RUN, DECISION)
    assert ledger.unchecked_days(session, "lapse", since=DAY - 9 * WEEK) == (DAY - WEEK,)


def test_days_that_training_will_want_and_nobody_built_are_named(session):
    wanted = tuple(DAY + week * WEEK for week in range(4))
    put_snapshot(session, on(DAY - 9 * WEEK))
    assert ledger.unbuilt_days(session, "lapse", wanted) == ()  # the model rests
    put_snapshot(session, on(DAY + WEEK), status="invalid")
    put_snapshot(session, on(DAY + 4 * WEEK))
    assert ledger.unbuilt_days(session, "lapse", wanted) == (DAY, DAY + 2 * WEEK, DAY + 3 * WEEK)


def test_days_before_the_first_snapshot_are_not_missed(session):
    put_snapshot(session, RUN)
    assert ledger.unbuilt_days(session, "lapse", (DAY - WEEK, DAY, DAY + WEEK)) == (DAY + WEEK,)


@pytest.mark.parametrize("stage", ["assemble", "train"])
def test_a_decision_to_train_is_lost_until_somebody_begins(session, stage):
    ledger.record_decision(session, on(DAY - WEEK), replace(DECISION, as_of=DAY - WEEK, choice=Choice.SKIP))
    ledger.record_decision(session, RUN, DECISION)
    assert ledger.untrained_days(session, "lapse", since=DAY - WEEK) == (DAY,)
    ledger.start_run(session, replace(RUN, dag_run_id="drift"), stage)
    assert ledger.untrained_days(session, "lapse", since=DAY - WEEK) == ()


def test_a_training_that_a_shell_left_half_done_is_lost_until_it_is_assessed(session):
    ledger.record_decision(session, RUN, DECISION)
    ledger.start_run(session, RUN, "train")
    assert ledger.untrained_days(session, "lapse", since=DAY) == (DAY,)
    ledger.finish_run(session, ledger.start_run(session, RUN, "compare"), "ok", None)
    assert ledger.untrained_days(session, "lapse", since=DAY) == ()
