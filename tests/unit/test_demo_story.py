"""The demo assesses what it tells: a run that ends otherwise than the story has it fails the demo."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from perennial.demo.account import Account
from perennial.demo.life import Lived
from perennial.demo.story import QUIET, Story


class HandmadeLife:
    """An Airflow in which every refresh ends as told."""

    def __init__(self, state: str) -> None:
        self.lived = (Lived("refresh", "run-1", state, {"refresh": "success", "validate": state}, 1.0),)

    def start(self, verb, as_of):
        return self.lived


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
