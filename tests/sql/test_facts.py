"""What the database itself keeps people from doing to the ledger, and the champion of an instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from perennial.stores.sessions import Database

FACTS = """
insert into ledger.recipes (model, recipe, algorithm, parameters, origin, because, purpose, effective_at)
values ('toy', 1, 'logistic', '{}', 'search', 'A test wants it.', 'simulation', '2017-10-30');
insert into ledger.versions (
    model, version, recipe, algorithm, mlflow_run_id, manifest, data_hash, training_as_ofs, holdout_as_ofs, trained_for,
    parameters, config_hash, query_hash, code_version, effective_at
)
values ('toy', 3, 1, 'logistic', 'm', '{}', 'd', '{2017-08-07}', '{2017-09-04}', '2017-10-30', '{}', 'c', 'q', '0', '2017-10-30');
insert into ledger.evaluations (model, as_of, challenger_version, verdict, evidence, purpose, effective_at)
values ('toy', '2017-10-30', 3, 'PROMOTE', '{}', 'simulation', '2017-10-30 12:00+00');
insert into ledger.validations (model, as_of, passed, rows, quarantined, results, effective_at)
values ('toy', '2017-10-30', true, 1, 0, '[]', '2017-10-30');
insert into ledger.decisions (model, as_of, choice, rule, sentence, evidence, purpose, effective_at)
values ('toy', '2017-10-30', 'SKIP', 'quiet', 'Nothing moved.', '{}', 'simulation', '2017-10-30');
insert into ledger.contests
    (model, challenger_recipe, champion_recipe, side, alpha, last_look, overlap, opened_for, purpose, effective_at)
values ('toy', 4, 3, 'superiority', .001, 16, 4, '2017-10-30', 'simulation', '2017-10-30');
insert into ledger.looks (contest_id, as_ofs, estimate, standard_error, information, spent, boundary, effective_at)
values (1, '{2017-09-04}', .01, .004, .3, .0001, 3.5, '2017-10-30');
insert into ledger.approvals (model, as_of, version, evaluation_id, because, deadline, actor, purpose, effective_at)
values ('toy', '2017-10-30', 3, 1, '{}', '2017-11-02', 'airflow', 'simulation', '2017-10-30');
insert into ledger.promotions (model, version, kind, evaluation_id, reason, actor, purpose, effective_at)
values ('toy', 3, 'promote', 1, 'Better.', 'airflow', 'simulation', '2017-10-30 12:00+00');
"""
WRITTEN_ONCE = ("recipes", "versions", "evaluations", "validations", "decisions", "looks")
ENDING_ONCE = ("promotions", "contests", "approvals")
APPLY = "update ledger.promotions set status = 'applied', applied_at = '2017-10-30'"
MOVE = """insert into ledger.promotions (model, version, previous_version, kind, reason, actor, purpose, effective_at)
    values ('toy', {version}, {previous}, 'rollback', '', 'ann', '{purpose}', '{at}')"""


@pytest.fixture(params=["pipeline", "owner"])
def role(request):
    return request.param


@pytest.fixture
def run(warehouse_urls, role):
    """Runs a statement under the role, committed; the ledger holds one row of each kind."""
    with Database(warehouse_urls.pipeline).transaction() as session:
        session.exec_driver_sql(FACTS)

    def run_as_role(statement):
        with Database(getattr(warehouse_urls, role)).transaction() as session:
            session.exec_driver_sql(statement)

    return run_as_role


def refuse(run, statement, role="owner"):
    """Rights stop pipeline before a trigger would, where it has none; the owner is stopped by triggers alone."""
    said = r"is append-only|moves once" if role == "owner" else r"is append-only|moves once|permission denied"
    with pytest.raises(DBAPIError, match=said):
        run(statement)


# Facts
@pytest.mark.parametrize("table", WRITTEN_ONCE)
def test_what_is_written_once_is_not_changed(run, role, table):
    refuse(run, f"update ledger.{table} set effective_at = '2018-01-01'", role)


@pytest.mark.parametrize("table", WRITTEN_ONCE + ENDING_ONCE)
def test_no_row_is_deleted(run, role, table):
    refuse(run, f"delete from ledger.{table}", role)


@pytest.mark.parametrize("table", WRITTEN_ONCE + ENDING_ONCE)
def test_no_table_is_emptied(run, role, table):
    refuse(run, f"truncate ledger.{table} cascade", role)


@pytest.mark.parametrize("table", ENDING_ONCE)
def test_what_ends_once_changes_nothing_on_the_way(run, role, table):
    refuse(run, f"update ledger.{table} set effective_at = '2018-01-01'", role)


@pytest.mark.parametrize(
    "change",
    [
        "status = 'undone'",
        "status = 'intended', applied_at = null",
        "reason = 'It was better.'",
        "version = 9",
        "applied_at = '2018-01-01'",
    ],
)
def test_an_applied_movement_stays_as_it_is(run, role, change):
    run(APPLY)
    refuse(run, f"update ledger.promotions set {change}", role)


@pytest.mark.parametrize("change", ["version = 9", "actor = 'bob'", "previous_version = 1", "evaluation_id = null"])
def test_a_movement_that_is_applied_moves_to_what_was_intended(run, role, change):
    refuse(run, f"{APPLY}, {change}", role)


@pytest.mark.parametrize(
    "change", ["status = 'open', ended_at = null", "status = 'promoted'", "alpha = .5", "reason = 'Something else.'"]
)
def test_a_contest_that_has_ended_stays_as_it_is(run, role, change):
    run("update ledger.contests set status = 'rejected', ended_at = '2017-11-06', reason = 'Too small.'")
    refuse(run, f"update ledger.contests set {change}", role)


def test_a_contest_does_not_change_its_alpha_when_it_ends(run, role):
    refuse(run, "update ledger.contests set status = 'promoted', ended_at = '2017-11-06', alpha = .05", role)


def test_a_superuser_who_means_it_can_restore_and_purge(run, warehouse_urls):
    with Database(warehouse_urls.superuser).transaction() as session:
        session.exec_driver_sql("set local session_replication_role = replica; delete from ledger.looks")
        assert session.execute(text("select count(*) from ledger.looks")).scalar_one() == 0


# The chain
@pytest.mark.parametrize(
    ("move", "said"),
    [
        (MOVE.format(version=2, previous=1, purpose="live", at="2017-11-06"), "the champion of toy is version 3, not 1"),
        (MOVE.format(version=2, previous="null", purpose="live", at="2017-11-06"), "the champion of toy is version 3"),
        (MOVE.format(version=2, previous=3, purpose="live", at="2017-10-29"), "was moved at 2017-10-30 12:00:00"),
        (MOVE.format(version=2, previous=3, purpose="backfill", at="2017-11-06"), "a backfill never moves the champion of toy"),
    ],
)
def test_a_movement_starts_from_the_champion_and_after_it_and_in_no_backfill(run, move, said):
    run(APPLY)
    with pytest.raises(DBAPIError, match=said):
        run(move)


def test_a_movement_begins_as_an_intent(run):
    run(APPLY)
    statement = """insert into ledger.promotions (model, version, previous_version, kind, status, reason, actor, purpose,
        effective_at, applied_at) values ('toy', 2, 3, 'manual', 'applied', '', 'ann', 'live', '2017-11-06', '2017-11-06')"""
    with pytest.raises(DBAPIError, match="begins as an intent"):
        run(statement)


def test_one_movement_at_a_time(run):
    with pytest.raises(DBAPIError, match="one_open_promotion"):
        run(MOVE.format(version=2, previous="null", purpose="live", at="2017-11-06"))


# The champion of an instant
@pytest.fixture
def ask(run, warehouse_urls):
    """The champion at an instant as an analyst is told; version 3 from 10-30 12:00 on, 2 from 11-06 12:00 on."""
    run(APPLY)
    run(MOVE.format(version=2, previous=3, purpose="live", at="2017-11-06 12:00+00"))
    run(f"{APPLY} where status = 'intended'")

    def champion_at(instant):
        with Database(warehouse_urls.analyst).transaction() as session:
            return session.execute(text("select analytics.champion_at('toy', :at)"), {"at": instant}).scalar_one()

    return champion_at


def test_an_analyst_asks_who_was_champion(ask):
    instant = datetime(2017, 10, 30, 12, tzinfo=UTC)
    moment, week = timedelta(microseconds=1), timedelta(days=7)
    served = [ask(at) for at in (instant - moment, instant, instant + week - moment, instant + week)]
    assert served == [None, 3, 3, 2]


def test_a_movement_that_was_undone_made_nobody_champion(ask, run):
    run(MOVE.format(version=9, previous=2, purpose="live", at="2017-11-13"))
    run("update ledger.promotions set status = 'undone' where status = 'intended'")
    assert ask(datetime(2018, 1, 1, tzinfo=UTC)) == 2


def test_nobody_else_may_ask(warehouse_urls):
    statement = "select analytics.champion_at('toy', '2018-01-01')"
    with pytest.raises(DBAPIError, match="permission denied"), Database(warehouse_urls.loader).transaction() as session:
        session.exec_driver_sql(statement)


def test_the_function_says_what_it_tells(warehouse_urls):
    statement = "select obj_description('analytics.champion_at'::regproc)"
    with Database(warehouse_urls.analyst).transaction() as session:
        assert "runs' clock" in session.exec_driver_sql(statement).scalar_one()
