"""What people read of a search while they wait for it."""

from __future__ import annotations

import pytest

from perennial.records import SearchProgress


@pytest.mark.parametrize(
    ("done", "seconds", "sentence"),
    [
        (0, 0.0, "0 of 12 trials done"),
        (3, 6.0, "3 of 12 trials done, about 18 s left"),
        (3, 27.0, "3 of 12 trials done, about 33 s left"),  # at 9 s each nine more want 81, and the limit leaves 33
        (5, 61.0, "5 of 12 trials done, the search has reached its time limit"),
        (12, 24.0, "12 of 12 trials done"),
        (12, 61.0, "12 of 12 trials done"),
    ],
)
def test_a_search_says_how_many_trials_are_done_and_how_long_the_rest_takes(done, seconds, sentence):
    progress = SearchProgress("lapse-0123456789ab", done=done, wanted=12, seconds=seconds, limit_seconds=60.0)
    assert progress.sentence == sentence
