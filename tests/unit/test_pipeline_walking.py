"""What the fit that serves on a day had to learn from: every week, every four weeks, or once for all."""

from datetime import date, timedelta

import pytest

from perennial.config import load_declaration
from perennial.pipeline.walking import Walk, find_fit_day
from perennial.records import Run, SplitPlan
from tests.paths import ROOT

LAPSE = load_declaration(ROOT, "lapse")
FIRST = date(2017, 9, 4)


def mondays(first: date, count: int) -> tuple[date, ...]:
    return tuple(first + timedelta(days=7 * week) for week in range(count))


TEACHING = mondays(date(2017, 3, 27), 33)


def declare(refresh="weekly", as_ofs=26):
    """The model lapse refitted at this interval on so many as_ofs; its labels need 28 + 2 days."""
    training = LAPSE.model.training.model_copy(update={"refresh": refresh, "as_ofs": as_ofs})
    return LAPSE.model_copy(update={"model": LAPSE.model.model_copy(update={"training": training})})


def walk(refresh="weekly", as_ofs=26, *, first=None, teaching=TEACHING):
    """A walk without stores: planning asks nobody."""
    run = Run("lapse", date(2017, 12, 4), LAPSE.model.start(date(2017, 12, 4)), "simulation")
    return Walk(None, declare(refresh, as_ofs), run, teaching, first)  # type: ignore[arg-type] # - no stores


@pytest.mark.parametrize(
    ("refresh", "day", "fitted_on"),
    [
        ("weekly", FIRST, FIRST),
        ("weekly", date(2017, 9, 10), FIRST),
        ("weekly", date(2017, 9, 11), date(2017, 9, 11)),
        ("4 weeks", FIRST, FIRST),
        ("4 weeks", date(2017, 10, 1), FIRST),
        ("4 weeks", date(2017, 10, 2), date(2017, 10, 2)),
        ("4 weeks", date(2017, 10, 30), date(2017, 10, 30)),
        ("4 weeks", date(2017, 8, 28), date(2017, 8, 7)),
        ("never", date(2017, 10, 2), FIRST),
        ("never", date(2017, 8, 28), date(2017, 8, 28)),
    ],
)
def test_a_day_is_served_by_the_last_fit_of_the_models_interval(refresh, day, fitted_on):
    assert find_fit_day(declare(refresh).model, day, FIRST) == fitted_on


def test_a_fit_learns_from_what_had_matured_on_its_day_and_nothing_later():
    """The labels of 07-31 were complete on 08-30, those of 08-07 only on 09-06."""
    assert walk().plan(FIRST) == SplitPlan(mondays(date(2017, 3, 27), 19), (), knowledge_lag_days=35)


def test_the_day_on_which_labels_mature_is_learned_from_on_the_next():
    assert LAPSE.model.matured_at(date(2017, 8, 7)).date() == date(2017, 9, 6)
    walked = walk()
    assert [walked.plan(date(2017, 9, day)).training[-1] for day in (5, 7)] == [date(2017, 7, 31), date(2017, 8, 7)]


def test_a_fit_learns_from_the_newest_as_ofs_of_as_many_as_the_model_says():
    assert walk(as_ofs=5).plan(FIRST).training == mondays(date(2017, 7, 3), 5)


def test_what_may_not_teach_does_not_count_among_them():
    rested = tuple(day for day in TEACHING if day != date(2017, 7, 31))
    plan = walk(as_ofs=5, teaching=rested).plan(FIRST)
    assert (plan.training, plan.knowledge_lag_days) == (mondays(date(2017, 6, 26), 5), 42)


def test_before_anything_has_matured_nobody_is_fitted():
    assert walk().plan(date(2017, 4, 24)) is None


@pytest.mark.parametrize(("refresh", "day", "newest"), [("4 weeks", 25, date(2017, 7, 31)), ("never", 25, date(2017, 7, 31))])
def test_between_two_fits_what_matures_is_not_learned_from(refresh, day, newest):
    plan = walk(refresh, first=FIRST).plan(date(2017, 9, day))
    assert (plan.training[-1], plan.trained_for) == (newest, FIRST)
    assert walk("weekly", first=FIRST).plan(date(2017, 9, day)).training[-1] == date(2017, 8, 21)


def test_without_a_first_day_every_day_has_a_fit_of_its_own():
    assert walk("4 weeks").plan(date(2017, 9, 25)).trained_for == date(2017, 9, 25)
