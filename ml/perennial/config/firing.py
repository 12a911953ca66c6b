"""Do the crons of a schedule fire as it says? Looked at over one year, day by day; a ValueError says on which they do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from functools import lru_cache
from itertools import pairwise

from perennial.config.cron import fires_on
from perennial.config.grid import DAY, Every, Grid
from perennial.config.inputs import Schedule

YEAR_OF_RULES = 2037  # the last for which every copy of the timezone database writes out all changes
YEAR = tuple(date(YEAR_OF_RULES, 1, 1) + number * DAY for number in range(366))
WEEK_DAYS, MONTH_DAYS = 7, 31


def check_refresh(schedule: Schedule) -> None:
    """What is never photographed never teaches, and what is photographed off the grid is no as_of.

    Raises:
        ValueError: the cron leaves out a day of the grid, or fires on one that is none.
    """
    checks: dict[Every, Callable[[Schedule], None]] = {"day": _check_daily, "week": _check_weekly, "month": _check_monthly}
    checks[schedule.every](schedule)


def _check_daily(schedule: Schedule) -> None:
    _check_weekdays(schedule, "fire daily, such as '30 7 * * *', or choose another snapshot_weekday")
    if all(day.weekday() == schedule.grid.weekday for day in YEAR if fires_on(schedule.refresh, day)):
        raise ValueError(
            f"schedule.refresh = '{schedule.refresh}' fires once a week: write schedule.every = \"week\", so that limits of time "
            "follow, or fire on more days"
        )


def _check_weekly(schedule: Schedule) -> None:
    weekday, cron = schedule.snapshot_weekday, schedule.refresh
    wanted = f"write '30 7 * * {schedule.grid.weekday + 1}'"
    _check_weekdays(schedule, f"{wanted}, or choose another snapshot_weekday")
    more = next((day for day in YEAR if day.weekday() != schedule.grid.weekday and fires_on(cron, day)), None)
    if more:
        raise ValueError(
            f"schedule.refresh = '{cron}' fires on {more:%A}, {more}, too, and a weekly model (schedule.every = \"week\") has "
            f'one as_of a week, on {weekday}: {wanted}, or every = "day"'
        )


def _check_weekdays(schedule: Schedule, remedy: str) -> None:
    weekday, cron = schedule.snapshot_weekday, schedule.refresh
    missed = next((day for day in YEAR if day.weekday() == schedule.grid.weekday and not fires_on(cron, day)), None)
    if missed:
        raise ValueError(
            f"schedule.refresh = '{cron}' does not fire on every {weekday} ({missed:%A}, {missed}, is left out), so that "
            f"snapshots which train are never built: {remedy}"
        )


def _check_monthly(schedule: Schedule) -> None:
    cron, remedy = schedule.refresh, "name one day of the month from 1 to 28, such as '30 7 1 * *'"
    if schedule.snapshot_weekday != "monday":  # the default, which nobody needs to have said
        raise ValueError(
            f"schedule.snapshot_weekday = '{schedule.snapshot_weekday}' means nothing in a monthly model (schedule.every = "
            '"month"), whose day is the one on which refresh fires: leave it out'
        )
    firing = [day for day in YEAR[:365] if fires_on(cron, day)]
    for month in range(1, 13):
        found = sum(day.month == month for day in firing)
        if found != 1:
            often = f"fires on {found} days" if found else "does not fire"
            raise ValueError(
                f"schedule.refresh = '{cron}' {often} in {YEAR_OF_RULES}-{month:02d}, and a monthly model (schedule.every = "
                f'"month") has one as_of in each month: {remedy}'
            )
    if not cron.split()[2].isdigit():
        raise ValueError(f"schedule.refresh = '{cron}' fires on another day in another year: {remedy}")


def check_fits(schedule: Schedule, refreshes: str) -> None:
    """A fit that is to be made anew needs a retraining that comes as often, and something new to learn.

    Args:
        refreshes: `training.refresh`, or what follows from the grid.

    Raises:
        ValueError: the two do not fit together.
    """
    is_monthly = schedule.every == "month"
    if is_monthly and refreshes in ("weekly", "4 weeks"):
        raise ValueError(
            f'training.refresh = "{refreshes}" has nothing newer to learn in a monthly model (schedule.every = "month"): write '
            '"monthly" or "never", or leave it out'
        )
    if refreshes == "monthly" and not is_monthly:
        raise ValueError(
            f'training.refresh = "monthly" is for monthly models, and schedule.every = "{schedule.every}": write "weekly", '
            '"4 weeks" or "never"'
        )
    _check_retrain(schedule.retrain, refreshes)


def _check_retrain(cron: str, refreshes: str) -> None:
    longest = _measure_gap(cron)
    if longest <= (WEEK_DAYS if refreshes == "weekly" else MONTH_DAYS):
        return
    found = f"leaves {longest} days between two retrainings" if any(fires_on(cron, day) for day in YEAR) else "never fires"
    wanted = "every week" if refreshes == "weekly" else "every month"
    such = "a weekday, such as '0 8 * * 3'" if refreshes != "monthly" else "a day of the month, such as '0 8 3 * *'"
    raise ValueError(
        f"schedule.retrain = '{cron}' {found}, and training.refresh = \"{refreshes}\" wants a retraining {wanted}: write {such}"
    )


@lru_cache(maxsize=256)
def _measure_gap(cron: str) -> int:
    """The most days from one firing to the next."""
    firing: Sequence[int] = [number for number, day in enumerate(YEAR) if fires_on(cron, day)]
    return max(later - earlier for earlier, later in pairwise([-1, *firing, len(YEAR)]))


def name_nearest(grid: Grid, day: date) -> str:
    """The as_ofs around a day that is none, in words: `2024-01-01 and 2024-02-01`."""
    return " and ".join(str(each) for each in grid.nearest(day))


def say_grid(schedule: Schedule) -> str:
    """Which days are as_ofs, in words."""
    if schedule.every == "week":
        return f"a weekly model has one as_of a week, on {schedule.snapshot_weekday}"
    if schedule.every == "month":
        return f"a monthly model has one as_of a month, when schedule.refresh = '{schedule.refresh}' fires"
    return f"an as_of is a day on which schedule.refresh = '{schedule.refresh}' fires"
