"""Timing in turns: who is measured when."""

from perennial.pipeline.measuring import time_in_turns


def test_tasks_take_turns_after_a_round_that_is_not_measured():
    calls = []
    taken = time_in_turns([lambda: calls.append("ours"), lambda: calls.append("theirs")], repetitions=2)
    assert calls == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]
    assert [len(each) for each in taken] == [2, 2]


def test_a_slower_task_takes_longer():
    slow, quick = time_in_turns([lambda: sum(range(300_000)), lambda: None], repetitions=3)
    assert min(slow) > max(quick)
