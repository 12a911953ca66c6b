"""The grid: which days are as_ofs and teach, of a daily, a weekly and a monthly model, whatever months and clocks do."""

import re
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from perennial.compare.account import count_drift_retrainings, size_challenge
from perennial.config import Declaration, Model, load_model
from perennial.errors import AmbiguousAsOf
from perennial.monitor import watch_calibration
from perennial.pipeline.walking import find_fit_day
from perennial.records import MaturedRate, Run
from perennial.refresh import check_as_of
from tests.paths import ROOT

LAPSE = load_model(ROOT / "models" / "lapse.toml")
WEEKLY = {"every": "week", "refresh": "30 7 * * 1", "retrain": "0 8 * * 3", "snapshot_weekday": "monday"}
MONTHLY = {"every": "month", "refresh": "30 7 28 * *", "retrain": "0 9 28 * *"}


def declare(schedule, **tables):
    """Lapse with another schedule; what follows from the cadence is left out."""
    declared = LAPSE.model_dump(exclude_unset=True)
    declared["training"].pop("refresh")
    declared["features"].pop("freshness_hours")
    for table, keys in tables.items():
        declared[table] |= keys
    return Model.model_validate(declared | {"schedule": schedule})


def day(text):
    return date.fromisoformat(text)


def days(*texts):
    return tuple(map(day, texts))


DAILY = declare(LAPSE.schedule.model_dump())
WEEK, MONTH = declare(WEEKLY), declare(MONTHLY)


@pytest.mark.parametrize(
    ("model", "first", "last", "as_ofs", "teaching"),
    [
        (DAILY, "2024-03-02", "2024-03-05", ("2024-03-02", "2024-03-03", "2024-03-04", "2024-03-05"), ("2024-03-04",)),
        (WEEK, "2024-02-20", "2024-03-11", ("2024-02-26", "2024-03-04", "2024-03-11"), None),
        (MONTH, "2023-12-29", "2024-04-28", ("2024-01-28", "2024-02-28", "2024-03-28", "2024-04-28"), None),
        (MONTH, "2024-01-29", "2024-02-27", (), None),
        (WEEK, "2024-03-05", "2024-03-04", (), None),
    ],
    ids=["day", "week", "month", "no day of a month", "nothing"],
)
def test_the_as_ofs_of_a_period(model, first, last, as_ofs, teaching):
    found = model.grid.as_ofs(day(first), day(last)), model.training_as_ofs(day(first), day(last))
    assert (days(*as_ofs), days(*(as_ofs if teaching is None else teaching))) == found


def test_a_daily_model_that_rests_on_sundays_has_no_as_of_then():
    model = declare(LAPSE.schedule.model_dump() | {"refresh": "30 7 * * 1-6"})
    assert model.grid.as_ofs(day("2024-03-09"), day("2024-03-11")) == days("2024-03-09", "2024-03-11")


@pytest.mark.parametrize("model", [DAILY, WEEK, MONTH], ids=["day", "week", "month"])
@pytest.mark.parametrize("offset", range(0, 800, 37))
def test_counting_on_and_back_are_one_grid(model, offset):
    grid, somewhere = model.grid, day("2023-01-01") + timedelta(days=offset)
    onward = grid.count_on(somewhere, 14)
    assert grid.count_back(onward[-1] + timedelta(days=1), 14) == onward == grid.teaching(somewhere, onward[-1])
    assert grid.newest_teaching(onward[0]) == onward[0] < grid.next_teaching(onward[0]) == onward[1]
    assert all(grid.shortest_step <= later - earlier <= grid.longest_step for earlier, later in pairwise(onward))


@pytest.mark.parametrize(
    ("steps", "there"), [(1, "2024-02-29"), (13, "2025-02-28"), (-2, "2023-11-30"), (11, "2024-12-31"), (0, "2024-01-31")]
)
def test_a_month_later_is_the_same_day_or_the_last_of_a_shorter_month(steps, there):
    assert MONTH.grid.add(day("2024-01-31"), steps) == day(there)


@pytest.mark.parametrize(
    ("model", "somewhere", "nearest"),
    [
        (WEEK, "2024-02-28", ("2024-02-26", "2024-03-04")),
        (MONTH, "2024-02-29", ("2024-02-28", "2024-03-28")),
        (MONTH, "2024-12-31", ("2024-12-28", "2025-01-28")),
    ],
)
def test_a_day_off_the_grid_is_refused_with_the_nearest(model, somewhere, nearest):
    run = Run(model.name, day(somewhere), clock=model.known_until(day(somewhere)), purpose="simulation", actor="test")
    with pytest.raises(AmbiguousAsOf, match=f"is no as_of: a .* The nearest are {nearest[0]} and {nearest[1]}"):
        check_as_of(model, run)


@pytest.mark.parametrize("model", [DAILY, WEEK, MONTH], ids=["day", "week", "month"])
@pytest.mark.parametrize("offset", range(0, 800, 13))
def test_the_newest_matured_as_of_has_matured_and_the_next_has_not(model, offset):
    clock = datetime(2023, 1, 1, 4, 30, tzinfo=UTC) + timedelta(days=offset, hours=offset % 24)
    newest = model.latest_matured(clock)
    assert model.matured_at(newest) <= clock < model.matured_at(model.grid.next_teaching(newest))


def test_an_as_of_starts_at_local_midnight_on_either_side_of_a_change_of_clocks():
    first, second, third = WEEK.grid.count_on(day("2024-03-04"), 3)  # New York's clocks go forward on 03-10
    assert [WEEK.start(each).hour for each in (first, second, third)] == [5, 4, 4]
    assert WEEK.start(second) - WEEK.start(first) == timedelta(days=7, hours=-1)


@pytest.mark.parametrize(("model", "hours"), [(DAILY, 26), (WEEK, 170), (MONTH, 746)])
def test_freshness_follows_the_cadence(model, hours):
    assert model.freshness == timedelta(hours=hours)


def test_freshness_that_is_said_holds():
    assert declare(WEEKLY, features={"freshness_hours": 50}).freshness == timedelta(hours=50)


@pytest.mark.parametrize(("model", "refreshes"), [(DAILY, "weekly"), (WEEK, "weekly"), (MONTH, "monthly")])
def test_the_fit_is_made_anew_with_every_as_of_that_teaches(model, refreshes):
    assert model.refreshes == refreshes


@pytest.mark.parametrize(
    ("model", "horizon", "until"),
    [
        (DAILY, 28, "2024-03-01"),
        (WEEK, 28, "2024-03-01"),
        (WEEK, 10, "2024-02-16"),
        (MONTH, 28, "2024-03-02"),
        (MONTH, 60, "2024-04-02"),
    ],
)
def test_a_rest_ends_once_labels_that_do_not_overlap_have_matured(model, horizon, until):
    label = model.label.model_copy(update={"horizon_days": horizon})
    assert model.model_copy(update={"label": label}).rests_until(day("2024-02-02")) == day(until)


@pytest.mark.parametrize(
    ("schedule", "wanted"),
    [
        ({**WEEKLY, "refresh": "30 7 * * *"}, "fires on Thursday, 2037-01-01, too, and a weekly model (schedule.every"),
        ({**WEEKLY, "refresh": "30 7 * * 2"}, "does not fire on every monday (Monday, 2037-01-05, is left out)"),
        ({**WEEKLY, "every": "day"}, 'fires once a week: write schedule.every = "week"'),
        (
            {**MONTHLY, "snapshot_weekday": "friday"},
            "schedule.snapshot_weekday = 'friday' means nothing in a monthly",
        ),
        ({**MONTHLY, "refresh": "30 7 29 * *"}, "does not fire in 2037-02, and a monthly model"),
        ({**MONTHLY, "refresh": "30 7 31 2 *"}, "does not fire in 2037-01, and a monthly model"),
        ({**MONTHLY, "refresh": "30 7 1,15 * *"}, "fires on 2 days in 2037-01, and a monthly model"),
        ({**MONTHLY, "refresh": "30 7 1 1-6 *"}, "does not fire in 2037-07"),
        ({**MONTHLY, "refresh": "30 7 * * 1"}, "fires on 4 days in 2037-01"),
        ({**MONTHLY, "every": "day"}, "does not fire on every monday"),
        (
            {**MONTHLY, "retrain": "0 8 1 1-6 *"},
            'and training.refresh = "monthly" wants a retraining every month: write a day of',
        ),
    ],
)
def test_a_cron_that_cannot_fire_as_said_is_refused_with_the_reason(schedule, wanted):
    with pytest.raises(ValueError, match=re.escape(wanted)):
        declare(schedule)


@pytest.mark.parametrize(
    ("schedule", "tables", "wanted"),
    [
        (
            MONTHLY,
            {"training": {"refresh": "weekly"}},
            'training.refresh = "weekly" has nothing newer to learn in a monthly model',
        ),
        (MONTHLY, {"training": {"refresh": "4 weeks"}}, 'training.refresh = "4 weeks" has nothing newer to learn'),
        (WEEKLY, {"training": {"refresh": "monthly"}}, 'training.refresh = "monthly" is for monthly models'),
        (
            MONTHLY,
            {"label": {"horizon_days": 60}, "training": {"min_as_ofs": 3}},
            "monthly snapshots span less than label.horizon_days = 60, so that no fold could validate: write min_as_ofs = 4",
        ),
    ],
)
def test_keys_that_do_not_go_with_the_cadence_are_refused(schedule, tables, wanted):
    with pytest.raises(ValueError, match=re.escape(wanted)):
        declare(schedule, **tables)


def test_months_span_the_horizon_that_as_many_weeks_do_not():
    assert declare(MONTHLY, label={"horizon_days": 60}, training={"min_as_ofs": 4}).training.min_as_ofs == 4


def test_that_a_cohort_may_be_empty_changes_no_definition():
    quiet = LAPSE.model_copy(update={"entity": LAPSE.entity.model_copy(update={"may_be_empty": True})})
    assert hash_features(quiet) == hash_features(LAPSE)


def hash_features(model):
    declaration = Declaration(model=model, features_sql="select 1", labels_sql="select 1", expectations=ROOT)
    return declaration.definition_hash("features")


# What counts trainings, fits and publications by the grid
@pytest.mark.parametrize(
    ("served", "fitted_on"),
    [
        ("2024-02-28", "2024-01-31"),
        ("2024-02-29", "2024-02-29"),
        ("2024-03-28", "2024-02-29"),
        ("2024-01-30", "2023-12-31"),
        ("2025-03-28", "2025-02-28"),
    ],
)
def test_a_monthly_fit_made_on_the_31st_serves_until_the_end_of_the_next_month(served, fitted_on):
    assert find_fit_day(MONTH, day(served), day("2024-01-31")) == day(fitted_on)


@pytest.mark.parametrize(("model", "scheduled", "most"), [(DAILY, 52, 37), (WEEK, 52, 37), (MONTH, 12, 14)])
def test_the_error_account_divides_a_year_by_the_trainings_that_the_grid_allows(model, scheduled, most):
    assert (model.grid.trainings_per_year, count_drift_retrainings(model)) == (scheduled, most)
    assert size_challenge(model) == pytest.approx(model.promotion.false_promotions_per_year / (scheduled + most))


def test_fewer_publications_in_a_year_are_named_sooner():
    """Fourteen tests that begin within a year share the budget of 53."""
    off = [MaturedRate(each, 400, 116, 0.18, each + timedelta(days=30)) for each in MONTH.grid.count_on(day("2024-01-01"), 6)]
    known = [
        [
            watch_calibration(off[:count], horizon=timedelta(days=28), budget=0.02, period=period) is not None
            for count in range(1, 7)
        ]
        for period in (timedelta(days=28), timedelta(days=1))
    ]
    assert known[0].index(True) < known[1].index(True)
