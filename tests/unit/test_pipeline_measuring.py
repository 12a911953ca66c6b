"""Timing in turns: who is measured when, and what is kept."""

from perennial.pipeline.measuring import _keep, time_in_turns


def test_tasks_take_turns_after_a_round_that_is_not_measured():
    calls = []
    taken = time_in_turns([lambda: calls.append("ours"), lambda: calls.append("theirs")], repetitions=2)
    assert calls == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]
    assert [len(each) for each in taken] == [2, 2]


def test_a_slower_task_takes_longer():
    slow, quick = time_in_turns([lambda: sum(range(300_000)), lambda: None], repetitions=3)
    assert min(slow) > max(quick)


def test_the_first_timings_of_a_pair_are_kept(tmp_path):
    path = tmp_path / "timings" / "pair.json"
    _keep(path, [[1.0], [2.0]])
    _keep(path, [[9.0], [9.0]])
    assert path.read_text(encoding="utf-8") == "[[1.0], [2.0]]"
    assert [each.name for each in path.parent.iterdir()] == ["pair.json"]
