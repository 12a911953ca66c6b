"""The demo assesses what it tells: a run that ends otherwise than the story has it fails the demo."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from perennial.demo.account import Account
from perennial.demo.life import VERBS, Life, Lived
from perennial.demo.story import QUIET, Story


class HandmadeLife:
    """An Airflow in which every refresh ends as told."""

    def __init__(self, state: str) -> None:
        self.lived = (Lived("refresh", "run-1", state, {"refresh": "success", "validate": state}, 1.0),)

    def start(self, verb, as_of):
        return self.lived


class Terminal(StringIO):
    """A terminal that remembers what was written."""

    def isatty(self):
        return True


class SlowToRead:
    """An Airflow that knows its DAGs at the third look."""

    def __init__(self):
        self.deadlines, self.looks, self.woken = 0, 0, set()

    def until(self, deadline):
        self.deadlines += not deadline.is_over
        return self

    def dags(self):
        self.looks += 1
        return tuple(f"lapse.{verb}" for verb in VERBS) if self.looks > 2 else ()

    def unpause(self, dag_id):
        self.woken.add(dag_id)


class Ending:
    """An Airflow whose run ends at the third look, and wakes nothing."""

    def __init__(self):
        self.looks = 0

    def until(self, deadline):
        return self

    def trigger(self, dag_id, *, partition_key):
        return "run-1"

    def dag_run(self, dag_id, run_id):
        self.looks += 1
        times = {"start_date": "2017-11-06T05:00:00+00:00", "end_date": "2017-11-06T05:01:00+00:00"}
        return {"state": "success" if self.looks > 2 else "running", **times}

    def task_instances(self, dag_id, run_id):
        return ()


def watch(state: str, **wanted: str) -> list[str]:
    """What the story finds wrong with a run that ended so."""
    story = Story(stores=None, life=HandmadeLife(state), account=Account(Console(file=StringIO())), loader_url="")
    story.watch(story.life.start("refresh", QUIET), **wanted)
    return story.account.failures


def test_a_green_run_is_as_it_should_be():
    assert [] == watch("success")


def test_a_red_run_fails_the_demo():
    assert ["lapse.refresh ended as failed, not success: validate failed"] == watch("failed")


def test_the_broken_day_must_be_red():
    assert [] == watch("failed", wanted="failed")
    assert ["lapse.refresh ended as success, not failed: every task"] == watch("success", wanted="failed")


def test_a_long_step_shows_how_many_are_done_and_hands_them_on():
    account = Account(Console(file=(output := Terminal())))
    assert ["a", "b"] == list(account.count(iter("ab"), "snapshots built", of=2))
    assert "1 of 2 snapshots built, about " in output.getvalue()
    assert "2 of 2 snapshots built, about 0 s left" in output.getvalue()


def test_a_log_is_not_filled_with_passing_lines():
    account = Account(Console(file=(output := StringIO())))
    list(account.count(range(9), "snapshots built", of=9))
    assert "" == output.getvalue()


def test_a_step_of_the_story_asks_a_silent_airflow_until_its_own_limit():
    airflow = SlowToRead()
    Life(airflow, "lapse").wake()
    assert airflow.deadlines == 1
    assert {f"lapse.{verb}" for verb in VERBS} == airflow.woken


def test_while_a_run_goes_on_somebody_looks_at_what_goes_on_inside():
    begun, seen = [], []

    def begin_to_look():
        begun.append("begun")
        return lambda: seen.append("seen")

    (lived,) = Life(Ending(), "lapse", begin_to_look=begin_to_look).start("retrain", QUIET)
    assert (lived.seconds, begun, seen) == (60.0, ["begun"], ["seen", "seen"])


def test_what_is_said_next_takes_the_passing_line_away():
    account = Account(Console(file=(output := Terminal())))
    account.show("5 of 12 trials done, about 9 s left")
    account.lived("lapse.retrain", "success", 60.0, "every task")
    assert "9 s left\r\x1b[K" in output.getvalue()
