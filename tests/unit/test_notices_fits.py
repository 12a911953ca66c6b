"""What the owner reads about a weekly fit: that it lies far from the last one, is held back, or may not serve."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from perennial import notices
from perennial.records import FitDistance, Promotion
from tests.cards import VERSION

DAY = date(2017, 11, 6)
USUAL = FitDistance(6, DAY, 2209, rank_correlation=0.9, top_decile_overlap=0.6, mean_shift=0.25)
"""Each at its limit."""
FIT, SERVING = replace(VERSION, version=7, recipe=3), replace(VERSION, version=6, recipe=3)


def test_what_lies_at_the_limits_is_usual():
    assert notices.say_distance(USUAL) == ()
    assert notices.say_distance(replace(USUAL, mean_shift=-0.25)) == ()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rank_correlation": 0.89}, "Its ranks correlate 0.89 with those of version 6 (usual: over 0.9)."),
        ({"top_decile_overlap": 0.59}, "59% of the top tenth of version 6 stay in it (usual: 60% or more)."),
        ({"mean_shift": 0.26}, "Its mean score lies +26% from that of version 6 (usual: within 25%)."),
        ({"mean_shift": -0.26}, "Its mean score lies -26% from that of version 6 (usual: within 25%)."),
    ],
    ids=["ranks", "top tenth", "a higher mean", "a lower mean"],
)
def test_what_lies_beyond_a_limit_is_said(changes, sentence):
    assert notices.say_distance(replace(USUAL, **changes)) == (sentence,)


def test_all_that_lies_beyond_is_said():
    far = replace(USUAL, rank_correlation=0.1, top_decile_overlap=0.1, mean_shift=2.0)
    assert len(notices.say_distance(far)) == 3


FAR = notices.say_distance(replace(USUAL, rank_correlation=0.5))


def test_a_fit_that_lies_far_serves_and_people_are_told():
    notice = notices.write_distance(FIT, USUAL, FAR, None, DAY, before=SERVING)
    assert (notice.event, notice.as_of) == ("fit_distance", DAY)
    assert notice.headline == "the fit of this week lies far from the last one"
    assert notice.summary == FAR[0]
    assert notice.system_did == (
        "Fitted recipe 3 on as_ofs up to 2017-09-25.",
        "Let version 7 serve, as every week: only the distance is unusual.",
    )
    assert "`perennial rollback lapse`; it then stays until a person unpins it" in notice.you_must[1]


def test_a_fit_that_is_held_back_says_why_and_who_serves():
    held = "Its mean score lies +90% from that of version 6."
    notice = notices.write_distance(FIT, USUAL, (), held, DAY, before=SERVING)
    assert (notice.event, notice.summary) == ("fit_held", held)
    assert notice.headline.endswith(", and is held back")
    assert notice.system_did[-1] == f"Kept version 6 serving. {held}"


def test_the_figures_stand_beside_the_version_that_they_are_measured_from():
    notice = notices.write_distance(FIT, replace(USUAL, mean_shift=-0.126), FAR, None, DAY, before=SERVING)
    assert [(name, now, beside) for name, _, now, beside in notice.moved] == [
        ("rank correlation", "0.9", "with version 6"),
        ("share of the top tenth that stays", "0.6", "of version 6"),
        ("change of the mean score", "-12.6%", "from version 6"),
    ]


def pin(kind):
    return Promotion(9, "lapse", 5, 7, kind, "applied", None, "It looked wrong.", "ann", datetime(2017, 11, 1, 12, tzinfo=UTC), 3)


@pytest.mark.parametrize(
    ("kind", "how"),
    [("rollback", "was put back"), ("manual", "was put there by hand in the registry"), ("forced", "was moved by hand")],
)
def test_a_pin_says_who_moved_what_and_how_to_end_it(kind, how):
    assert notices.say_pin(pin(kind)) == (
        f'Version 5 {how} on 2017-11-01 by ann, and no refresh serves until `perennial unpin lapse --reason "..."`.'
    )


def test_the_weekly_reminder_repeats_the_reason_and_the_command():
    notice = notices.write_pin(pin("rollback"), DAY, refresh="weekly")
    assert (notice.event, notice.as_of, notice.headline) == ("pinned", DAY, "version 5 is pinned and grows old")
    assert notice.summary.endswith('`perennial unpin lapse --reason "..."`. It looked wrong.')
    assert '`perennial unpin lapse --reason "..."`' in notice.you_must[0]
    assert "nothing was fitted this week" in notice.system_did[0]


def test_where_nothing_is_ever_refreshed_the_reminder_says_so():
    (then,) = notices.write_pin(pin("rollback"), DAY, refresh="never").you_must
    assert then.endswith('nothing refreshes it then either (training.refresh = "never").')
