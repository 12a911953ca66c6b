"""When a day may be photographed, and when its labels are complete."""

from datetime import date, timedelta

import pytest

from perennial.config import load_model
from perennial.errors import TooEarly
from perennial.records import Run
from perennial.refresh import check_clock
from perennial.stores.warehouse import assess_delivery
from tests.paths import ROOT

LAPSE = load_model(ROOT / "models" / "lapse.toml")
DAY = date(2017, 5, 8)
SETTLED_AT = LAPSE.known_until(DAY)


def run_at(clock):
    return Run("lapse", DAY, clock, "live")


def deliver(first: date, last: date, facts: int = 100, without: tuple[date, ...] = ()) -> dict[date, int]:
    days = (first + timedelta(days=offset) for offset in range((last - first).days + 1))
    return {day: facts for day in days if day not in without}


USUAL = deliver(DAY - timedelta(days=56), DAY - timedelta(days=1))


def test_a_run_before_the_day_has_settled_is_refused():
    with pytest.raises(TooEarly, match=r"it is 2017-05-08 09:59 UTC, and the day has settled only at 2017-05-08 10:00 UTC"):
        check_clock(LAPSE, run_at(SETTLED_AT - timedelta(seconds=1)))


def test_a_run_at_the_instant_of_settling_is_accepted():
    check_clock(LAPSE, run_at(SETTLED_AT))


def test_a_full_delivery_is_complete():
    assert assess_delivery(LAPSE, DAY, USUAL | deliver(DAY, date(2017, 6, 4))) is None


def test_a_delivery_that_ends_before_the_last_day_is_incomplete():
    found = assess_delivery(LAPSE, DAY, USUAL | deliver(DAY, date(2017, 6, 3)))
    assert found == "lapse, as_of 2017-05-08: the newest fact of orders is of 2017-06-03; labels need it up to 2017-06-04."


def test_no_delivery_at_all_is_incomplete():
    assert "the newest fact of orders is of None" in assess_delivery(LAPSE, DAY, {})


def test_at_the_end_of_a_season_the_way_out_is_said():
    quiet = LAPSE.model_copy(update={"entity": LAPSE.entity.model_copy(update={"may_be_empty": True})})
    found = assess_delivery(quiet, DAY, USUAL | deliver(DAY, date(2017, 6, 3)))
    assert "take absence_of out of [label] in models/lapse.toml" in found
    assert "absence_of" not in assess_delivery(LAPSE, DAY, USUAL | deliver(DAY, date(2017, 6, 3)))


def test_an_outage_of_four_days_within_the_horizon_is_incomplete():
    outage = tuple(date(2017, 5, day) for day in (15, 16, 17, 18))
    found = assess_delivery(LAPSE, DAY, USUAL | deliver(DAY, date(2017, 6, 4), without=outage))
    assert "orders holds 300 facts in the 7 days from 2017-05-15, and its usual week 700: at least 350" in found


@pytest.mark.parametrize("closed", [date(2017, 5, 20), date(2017, 6, 4)], ids=["in the middle", "on the last day"])
def test_a_single_closed_day_is_no_outage(closed):
    days = USUAL | deliver(DAY, date(2017, 6, 8), without=(closed,))
    assert assess_delivery(LAPSE, DAY, days) is None


def test_where_history_is_shorter_than_eight_weeks_the_weeks_that_exist_count():
    short = deliver(DAY - timedelta(days=14), DAY - timedelta(days=1))
    assert assess_delivery(LAPSE, DAY, short | deliver(DAY, date(2017, 6, 4), facts=51)) is None


def test_a_last_week_that_is_cut_short_needs_its_part_of_a_week():
    ten_days = LAPSE.model_copy(update={"label": LAPSE.label.model_copy(update={"horizon_days": 10})})
    assert assess_delivery(ten_days, DAY, USUAL | deliver(DAY, date(2017, 5, 17))) is None


def test_without_one_usual_week_before_the_day_nothing_can_be_assessed():
    short = deliver(DAY - timedelta(days=6), date(2017, 6, 4))
    assert "orders holds no usual week before this day" in assess_delivery(LAPSE, DAY, short)
