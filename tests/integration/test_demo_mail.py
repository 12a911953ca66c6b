"""The demo asks for the notices of every event that it tells."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from perennial.demo.account import Account
from perennial.demo.story import Story
from tests.world import FIRST_DAY


def ask_for_notices(world, *events: str) -> list[str]:
    """What the story finds wrong with the mail of the world's first day."""
    story = Story(world.stores, None, Account(Console(file=StringIO())), world.loader_url)
    story.expect_notices({FIRST_DAY: set(events)})
    return story.account.failures


def test_notices_that_were_told_and_sent_are_well(world, smtp_sink):
    world.with_smtp(smtp_sink.settings).mail()
    assert [] == ask_for_notices(world, "decision", "verdict")


def test_a_notice_that_nobody_wrote_fails_the_demo(world, smtp_sink):
    world.with_smtp(smtp_sink.settings).mail()
    assert ["2 mails were sent, 0 wait; never written: blocked of 2017-06-12"] == ask_for_notices(world, "decision", "blocked")


def test_a_notice_that_waits_fails_the_demo(world):
    assert ["2 mails were sent, 2 wait"] == ask_for_notices(world, "decision")
