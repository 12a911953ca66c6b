"""One life in a real Airflow, on real purchases: two weeks by key, and the same two weeks in this process."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
import warnings
from dataclasses import dataclass, replace
from datetime import date
from email import message_from_bytes, policy
from urllib.parse import quote

import pytest
from sqlalchemy import text

from perennial import pipeline
from perennial.demo.life import Life
from perennial.pipeline import approving
from perennial.records import Outcome, Run
from perennial.stores import ledger
from perennial.stores.sessions import Database
from perennial.train import write_recipe
from tests.e2e.conftest import COPY
from tests.weeks import read_weeks, recall_weeks, split_page

MODEL = "lapse"
FIRST, NEXT = date(2017, 10, 30), date(2017, 11, 6)

SCORES = """
select as_of, count(*) as rows, md5(string_agg(entity_id || ':' || score, ',' order by entity_id)) as checksum
from analytics.lapse_scores_history
group by as_of
order by as_of
"""
DECISIONS = "select as_of, decision, rule from analytics.drift_daily where model = 'lapse' order by as_of"
SERVED = "select version, trained_for, kind from analytics.model_history where model = 'lapse' order by applied_at"
VERDICTS = "select as_of, challenger_version, verdict from ledger.evaluations where model = 'lapse' order by evaluation_id"


@dataclass(frozen=True)
class Told:
    """What one life left behind: runs of Airflow (none of a replay), and three tables."""

    runs: dict[tuple[str, date], list[str]]
    scores: list[tuple]
    decisions: list[tuple]
    verdicts: list[tuple]


def read(url, query):
    with Database(url).transaction() as session:
        return [tuple(row) for row in session.execute(text(query))]


def tell(stack, database, runs):
    """Scores and decisions as an analyst reads them; verdicts from the ledger."""
    analyst, owner = (stack.addresses.database_url(role, database) for role in ("analyst", "owner"))
    return Told(runs, read(analyst, SCORES), read(analyst, DECISIONS), read(owner, VERDICTS))


def open_page(stack, page):
    """A page of the plugin, as whoever holds the login sees it."""
    request = urllib.request.Request(f"{stack.addresses.airflow_url}/perennial/{page}")
    request.add_header("Authorization", f"Bearer {stack.airflow._fetch_token(30.0)}")
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode()


@pytest.fixture(scope="module")
def airflow_life(stack, history):
    """The first champion on one key; on the next a quiet day, the weekly tick, and a second request for its retraining."""
    life = Life(stack.airflow, MODEL)
    life.wake()
    runs = {}
    for verb, day in (("refresh", FIRST), ("score", FIRST), ("refresh", NEXT), ("retrain_weekly", NEXT), ("retrain", NEXT)):
        for lived in life.start(verb, day):
            runs.setdefault((lived.verb, day), []).append(lived.state)
    return tell(stack, "warehouse", runs)


@pytest.fixture(scope="module")
def replayed_life(stack, replay):
    """The same two weeks in this process, on the copy."""
    replay(MODEL, FIRST, NEXT)
    return tell(stack, COPY, {})


def test_the_plugin_is_loaded(stack):
    assert 0 == stack.airflow.request("GET", "/plugins/importErrors")["total_entries"]
    assert "perennial" in {plugin["name"] for plugin in stack.airflow.request("GET", "/plugins")["plugins"]}


@pytest.mark.mltest("I3")
def test_every_run_of_every_dag_succeeds(airflow_life):
    assert {
        ("refresh", FIRST): ["success"],
        ("score", FIRST): ["success", "success"],  # without a champion it asks for one; then it scores
        ("retrain", FIRST): ["success"],
        ("monitor", FIRST): ["success"],
        ("refresh", NEXT): ["success"],
        ("score", NEXT): ["success"],
        ("monitor", NEXT): ["success"],
        ("retrain_weekly", NEXT): ["success"],
        ("retrain", NEXT): ["success", "success"],  # woken by the week, then asked for once more
    } == airflow_life.runs


def test_every_run_carries_the_key(stack, airflow_life):
    keys = {
        run["partition_key"]
        for verb in ("refresh", "score", "monitor", "retrain")
        for run in stack.airflow.runs(f"{MODEL}.{verb}")
    }
    assert {FIRST.isoformat(), NEXT.isoformat()} == keys


def test_analysts_read_the_scores_of_both_days(airflow_life):
    assert [FIRST, NEXT] == [row[0] for row in airflow_life.scores]
    assert all(row[1] > 2000 for row in airflow_life.scores)


def test_each_day_has_its_decision(airflow_life):
    assert [(FIRST, "SKIP"), (NEXT, "SKIP")] == [row[:2] for row in airflow_life.decisions]


def test_the_first_champion_has_a_verdict_and_its_weekly_fit_needs_none(stack, airflow_life):
    assert [(FIRST, 1)] == [row[:2] for row in airflow_life.verdicts]
    assert [(1, FIRST, "promote"), (2, NEXT, "refresh")] == read(stack.addresses.database_url("analyst", "warehouse"), SERVED)


def test_a_second_request_on_one_key_fits_nothing_again(stack, airflow_life):
    made = "select version, trained_for, origin from ledger.versions where model = 'lapse' order by version"
    owner = stack.addresses.database_url("owner", "warehouse")
    assert [(1, FIRST, "training"), (2, NEXT, "refresh")] == read(owner, made)


@pytest.mark.attack("somebody without a login reads pages")
def test_pages_are_for_people_who_are_logged_in(stack, airflow_life):
    with pytest.raises(urllib.error.HTTPError, match="401") as refusal:
        urllib.request.urlopen(f"{stack.addresses.airflow_url}/perennial/")
    refusal.value.close()


@pytest.mark.parametrize(
    ("page", "sentence"),
    [
        ("", "2017-11-06, trained to"),
        ("dags/lapse.score", "as the first"),
        ("cards/lapse/1", "lapse, version 1: model card"),
        ("dags/unknown", "is not a DAG of a model"),
    ],
)
def test_pages_say_what_the_ledger_knows(stack, airflow_life, page, sentence):
    assert sentence in open_page(stack, page)


def test_the_tab_of_a_run_shows_its_stages(stack, airflow_life):
    run_id = stack.airflow.runs(f"{MODEL}.monitor", partition_key=NEXT.isoformat())[0]["dag_run_id"]
    page = open_page(stack, f"runs/{MODEL}.monitor/{quote(run_id)}")
    assert all(word in page for word in ("for 2017-11-06", "decide", "SKIP", "to growth@example.com"))


def test_the_owner_got_a_mail_for_each_decision_and_each_verdict(stack, airflow_life):
    notices = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in stack.addresses.mail_folder.glob("*.eml")]
    mine = sorted(str(notice["Message-ID"]) for notice in notices if f" {MODEL} " in str(notice["Subject"]))
    told = ((FIRST, "decision"), (FIRST, "verdict"), (NEXT, "decision"))
    expected = [f"<{MODEL}.{day}.{event}@perennial.invalid>" for day, event in told]
    assert expected == mine


def test_a_replay_publishes_the_same_scores(airflow_life, replayed_life):
    assert replayed_life.scores == airflow_life.scores


def test_a_replay_takes_the_same_decisions(airflow_life, replayed_life):
    assert replayed_life.decisions == airflow_life.decisions


def test_a_replay_reaches_the_same_verdicts(airflow_life, replayed_life):
    assert replayed_life.verdicts == airflow_life.verdicts


# A person decides
DOUBT = "A test doubts it."


def record_earned_verdict(stores, run):
    """A challenger that a person wrote, as if it had earned its promotion, with a doubt: two weeks of data rarely let one."""
    recipe = write_recipe("logistic", {"C": 0.01})
    challenger = pipeline.challenge(stores, run, recipe=recipe, reason="A test wants it.")
    pipeline.compare(stores, run)
    with stores.warehouse.transaction() as session:
        assessed = ledger.latest_evaluation(session, MODEL, challenger.version).verdict
        ledger.record_evaluation(session, run, replace(assessed, outcome=Outcome.PROMOTE, doubts=(DOUBT,)))
        return ledger.latest_evaluation(session, MODEL, challenger.version)


def await_from(read):
    """The first thing that is not empty."""
    deadline = time.monotonic() + 120
    while not (found := read()):
        assert time.monotonic() < deadline, read
        time.sleep(0.1)
    return found


def await_end(stack, dag_id, run_id):
    """How a run and its tasks ended."""
    state = await_from(lambda: (run := stack.airflow.dag_run(dag_id, run_id)["state"]) in ("success", "failed") and run)
    return state, {task["task_id"]: task["state"] for task in stack.airflow.task_instances(dag_id, run_id)}


@pytest.fixture(scope="module")
def asked(stack, airflow_life):
    """A question that the next run of the retraining hands to Airflow, answered there in the second in which it is shown."""
    asking, dag_id = f"{MODEL}.retrain", f"{MODEL}.approve"
    with warnings.catch_warnings(), pipeline.open_stores(stack.settings()) as stores:
        warnings.simplefilter("ignore")
        clock = stores.declaration(MODEL).model.known_until(NEXT)
        run = Run(MODEL, NEXT, clock, "simulation")
        approving.ask(stores, run, record_earned_verdict(stores, run), (DOUBT,))
    retrained = await_end(stack, asking, stack.airflow.trigger(asking, partition_key=NEXT.isoformat()))
    (woken,) = await_from(lambda: stack.airflow.runs(dag_id, partition_key=NEXT.isoformat()))
    run_id = woken["dag_run_id"]
    place = f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"
    (action,) = await_from(lambda: stack.airflow.request("GET", f"{place}/hitlDetails")["hitl_details"])
    answer = {"chosen_options": ["Approve"], "params_input": {}}
    stack.airflow.request("PATCH", f"{place}/taskInstances/ask/-1/hitlDetails", answer)
    return retrained, action, await_end(stack, dag_id, run_id)


def test_a_retraining_ends_when_the_question_is_asked(asked):
    (state, tasks), _, _ = asked
    assert ("success", "success") == (state, tasks["ask_for_approval"])


def test_the_required_action_shows_the_evidence(asked):
    _, action, _ = asked
    assert f"{MODEL}: may version 3 become champion?" == action["subject"]
    assert "| AUC |" in action["body"]
    assert ["Approve", "Reject"] == action["options"]


def test_an_answer_in_the_second_of_the_question_ends_well(asked):
    _, _, (state, tasks) = asked
    assert ("success", {"ask": "success", "promote": "success", "mail": "success"}) == (state, tasks)


def test_the_ledger_knows_who_answered_in_airflow_and_what_followed(stack, asked):
    owner = stack.addresses.database_url("owner", "warehouse")
    user = stack.login[0]
    assert [(3, "approved", user, "airflow")] == read(
        owner, "select version, status, answered_by, answer_source from ledger.approvals"
    )
    newest = "select version, kind, actor from ledger.promotions order by promotion_id desc limit 1"
    assert [(3, "promote", user)] == read(owner, newest)


# What models of yes or no were before
def test_the_weeks_leave_what_they_left_before_there_were_other_kinds_of_labels(stack, asked):
    with pipeline.open_stores(stack.settings()) as stores:
        page = read_weeks(stores, MODEL)
    (said, numbers), (said_before, numbers_before) = split_page(page), split_page(recall_weeks(page))
    assert said == said_before
    assert numbers == pytest.approx(numbers_before, rel=1e-6, abs=1e-9)
