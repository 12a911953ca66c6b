"""The calendar of a model: when a day starts, settles and matures. Lapse: New York, settle 6 h, horizon 28 d, grace 2 d."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest

from perennial.config import Model, load_model
from tests.paths import ROOT

LAPSE = load_model(ROOT / "models" / "lapse.toml")


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("as_of", "start"),
    [(date(2017, 5, 8), utc(2017, 5, 8, 4)), (date(2017, 1, 2), utc(2017, 1, 2, 5)), (date(2017, 11, 6), utc(2017, 11, 6, 5))],
    ids=["summer", "winter", "the day after the clocks went back"],
)
def test_a_day_starts_at_its_local_midnight(as_of, start):
    assert LAPSE.start(as_of) == start


def test_a_day_has_settled_six_hours_later():
    assert LAPSE.known_until(date(2017, 5, 8)) == utc(2017, 5, 8, 10)


def test_where_clocks_stand_still_a_refresh_may_fire_as_soon_as_the_day_has_settled():
    changes = {"timezone": "Asia/Tokyo", "schedule": {"refresh": "0 6 * * *", "retrain": "0 8 * * 3", "settle_hours": 6}}
    assert Model.model_validate(LAPSE.model_dump() | changes).timezone == "Asia/Tokyo"


def test_the_horizon_ends_at_a_local_midnight_across_a_change_of_clocks():
    assert LAPSE.label_end(date(2017, 10, 30)) == utc(2017, 11, 27, 5)


def test_labels_mature_after_horizon_and_grace():
    assert LAPSE.matured_at(date(2017, 5, 8)) == utc(2017, 6, 7, 4)


@pytest.mark.parametrize(
    ("clock", "newest"),
    [
        (utc(2017, 6, 7, 4), date(2017, 5, 8)),
        (utc(2017, 6, 7, 3, 59), date(2017, 5, 1)),
        (utc(2017, 6, 13, 12), date(2017, 5, 8)),
        (utc(2017, 6, 14, 12), date(2017, 5, 15)),
    ],
)
def test_the_newest_matured_as_of_is_a_monday(clock, newest):
    assert LAPSE.latest_matured(clock) == newest


@pytest.mark.parametrize("days", range(0, 400, 13))
def test_the_newest_matured_as_of_has_matured_and_the_next_has_not(days):
    clock = utc(2017, 1, 1, 4, 30) + timedelta(days=days, hours=days % 24)
    newest = LAPSE.latest_matured(clock)
    assert LAPSE.matured_at(newest) <= clock < LAPSE.matured_at(newest + timedelta(days=7))


def test_training_as_ofs_are_the_mondays_of_the_period():
    assert LAPSE.training_as_ofs(date(2017, 5, 2), date(2017, 5, 22)) == (date(2017, 5, 8), date(2017, 5, 15), date(2017, 5, 22))


def test_a_period_without_a_monday_has_no_training_as_of():
    assert LAPSE.training_as_ofs(date(2017, 5, 9), date(2017, 5, 14)) == ()


def schedule(**changes):
    return LAPSE.model_dump() | {"schedule": LAPSE.schedule.model_dump() | changes}


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"refresh": "30 7 31 2 *"}, "does not fire on every monday (Monday, 2037-01-05"),
        ({"refresh": "30 7 1 * *"}, "does not fire on every monday"),
        ({"refresh": "30 7 * * 1-5", "snapshot_weekday": "sunday"}, "does not fire on every sunday (Sunday, 2037-01-04"),
        ({"refresh": "30 7 */2 * *"}, "does not fire on every monday"),
        (
            {"retrain": "0 8 1 * *"},
            'leaves 31 days between two retrainings, and training.refresh = "weekly" wants a retraining every week',
        ),
        ({"retrain": "0 8 31 2 *"}, "schedule.retrain = '0 8 31 2 *' never fires"),
    ],
)
def test_a_schedule_that_cannot_do_what_is_asked_is_refused_with_the_reason(changes, wanted):
    with pytest.raises(ValueError, match=re.escape(wanted)):
        Model.model_validate(schedule(**changes))


@pytest.mark.parametrize("cron", ["30 7 * * *", "30 7 * * 1-5", "30 7 1-31/1 * 0-7", "30 7 13 * 1", "30 7 * 1-12 7,1"])
def test_a_schedule_that_builds_every_training_day_is_taken(cron):
    assert Model.model_validate(schedule(refresh=cron)).schedule.refresh == cron
