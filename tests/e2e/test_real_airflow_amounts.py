"""A model of amounts on real purchases: a day and the week's retraining in a real Airflow, and weeks by replay."""

from __future__ import annotations

from datetime import date

import pytest

from perennial.demo.life import Life
from tests.e2e.conftest import COPY

MODEL = "spend_next_28d"
FIRST, NEXT, LAST = date(2017, 10, 30), date(2017, 11, 6), date(2017, 12, 4)
VERSIONS = f"""
    select version, trained_for, origin, manifest from ledger.versions
    where model = '{MODEL}' and trained_for <= '{NEXT}' order by version"""
VERDICTS = f"""
    select as_of, challenger_version, verdict from ledger.evaluations
    where model = '{MODEL}' and as_of <= '{NEXT}' order by evaluation_id"""
DECISIONS = f"select as_of, choice, rule from ledger.decisions where model = '{MODEL}' and as_of = '{FIRST}'"
SCORES = f"""
    select count(*), md5(string_agg(entity_id || ':' || score, ',' order by entity_id))
    from analytics.{MODEL}_scores_history where as_of = '{FIRST}'"""


@pytest.fixture(scope="module")
def lived(stack, history):
    """The first champion on one key, and the weekly tick of the next: how each run ended."""
    life = Life(stack.airflow, MODEL)
    life.wake()
    asked = (("refresh", FIRST), ("score", FIRST), ("retrain_weekly", NEXT))
    return [(run.verb, run.state) for verb, day in asked for run in life.start(verb, day)]


@pytest.fixture(scope="module")
def replayed(replay):
    """Two weeks, and after three that nobody lived the one in which the labels of the first have matured."""
    return [*replay(MODEL, FIRST, NEXT), *replay(MODEL, LAST, LAST)]


def test_every_run_succeeds(lived):
    verbs = ("refresh", "score", "retrain", "score", "monitor", "retrain_weekly", "retrain")
    assert [(verb, "success") for verb in verbs] == lived


def test_the_first_champion_is_refitted_by_the_week(lived, ask):
    assert [(1, FIRST, "training"), (2, NEXT, "refresh")] == [row[:3] for row in ask("warehouse", VERSIONS)]
    assert [(FIRST, 1, "PROMOTE")] == ask("warehouse", VERDICTS)


def test_analysts_read_amounts_with_reasons(lived, ask):
    latest = f"select count(*), count(reason_1), max(score) from analytics.{MODEL}_scores_latest"
    ((rows, reasons, most),) = ask("warehouse", latest)
    assert 2000 < rows == reasons
    assert most > 100


@pytest.mark.parametrize("query", [VERSIONS, VERDICTS, DECISIONS, SCORES], ids=["versions", "verdicts", "decisions", "scores"])
def test_a_replay_comes_to_the_same(lived, replayed, ask, query):
    """Of versions the hashes of their files as well."""
    assert ask("warehouse", query) == ask(COPY, query) != []


def test_every_week_of_a_replay_is_scored_by_the_fit_of_the_week_before(replayed):
    assert [(FIRST, 1), (NEXT, 1), (LAST, 2)] == [(week.as_of, week.version) for week in replayed]
    assert all(week.rows > 2000 for week in replayed)


def test_amounts_that_have_come_true_are_measured_in_the_headline(replayed, ask):
    found = ask(COPY, f"select as_of, metric, value, total_bias, is_set_aside from analytics.{MODEL}_outcomes")
    ((as_of, metric, gini, bias, is_set_aside),) = found
    assert (as_of, metric, is_set_aside) == (FIRST, "gini", False)
    assert (0.75 < gini < 0.9, 0.8 < bias < 1.25) == (True, True)
