"""Two sides of a day compared value by value, the days that are compared, and a plan as Markdown."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from perennial.config import load_declaration
from perennial.config.grid import WEEKDAYS
from perennial.homes.planning import ColumnChange, Item, Plan, write_markdown
from perennial.homes.planning.comparing import compare_columns, compare_scores, compare_values
from perennial.homes.planning.explaining import list_moved, list_unbuilt
from perennial.homes.planning.standing import Known, choose_days
from perennial.homes.planning.writing import CUT, MOST_CHARACTERS
from perennial.pipeline.labelling import Standing
from perennial.stores.ledger.built import BuiltDay
from tests.paths import ROOT

MONDAY = date(2025, 3, 3)
NOTHING = Standing((), (), ())


def series(values, **options):
    return pd.Series(values, index=pd.Index(["a", "b", "c", "d"][: len(values)]), name="x", **options)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param([1.0, 2.0], [1.0, 2.0], None, id="the same"),
        pytest.param([1.0, np.nan], [1.0, np.nan], None, id="missing on both sides"),
        pytest.param([1.0, 2.0], [1.0, -3.0], ColumnChange("x", "changed", 0.5, 5.0), id="a number"),
        pytest.param([1.0, np.nan], [1.0, 7.0], ColumnChange("x", "changed", 0.5), id="known on one side only"),
        pytest.param(["u", "v"], ["u", "w"], ColumnChange("x", "changed", 0.5), id="a text"),
        pytest.param(["u", None], ["u", "w"], ColumnChange("x", "changed", 0.5), id="a text that was missing"),
        pytest.param([1.0, 2.0], ["1", "2"], ColumnChange("x", "changed", 1.0), id="another type"),
    ],
)
def test_values_are_compared_where_both_sides_hold_the_entity(before, after, expected):
    assert expected == compare_values(series(before), series(after))


def test_categories_of_other_lists_are_compared_by_their_texts():
    before, after = series(["u", "v"], dtype="category"), series(["v", "v"], dtype="category")
    assert ColumnChange("x", "changed", 0.5) == compare_values(before, after)


def test_columns_that_came_and_went_are_named_in_the_order_of_the_query():
    before = pd.DataFrame({"old": [1.0], "kept": [2.0]}, index=["a"])
    after = pd.DataFrame({"new": [1.0], "kept": [3.0]}, index=["a"])
    changes = [(change.name, change.kind) for change in compare_columns(before, after)]
    assert [("new", "new"), ("kept", "changed"), ("old", "gone")] == changes


def test_who_enters_and_leaves_the_top_tenth_is_counted_on_all_rows_of_each_side():
    before = pd.Series(np.linspace(0, 1, 20), index=range(20))
    after = before.drop(19)  # the highest is gone, so that the third moves up
    change = compare_scores(before, after)
    assert (2, 1, 1, 0.0) == (change.top, change.entering, change.leaving, change.share)


def make_known(days, standing, config_hash="c"):
    """A model before its first champion."""
    return Known(
        clock=datetime(2025, 5, 10, tzinfo=UTC),
        features=tuple(BuiltDay(day, "features", 9, "q", config_hash, "valid") for day in days),
        labels=(),
        standing=standing,
        champion=None,
        entry=None,
        contests=(),
        searched=None,
        day_seconds=None,
    )


@pytest.mark.parametrize(
    ("weekday", "standing", "is_changed", "moved", "unbuilt"),
    [
        pytest.param(3, NOTHING, True, [0, 1, 2, 3, 4, 5], 10, id="another weekday"),
        pytest.param(3, NOTHING, False, [], 0, id="no Thursday has matured yet"),
        pytest.param(3, Standing((MONDAY,), (), ()), True, [], 0, id="some teach"),
        pytest.param(0, NOTHING, True, [], 0, id="another key"),
    ],
)
def test_before_a_champion_days_that_have_matured_and_teach_no_more_are_found(weekday, standing, is_changed, *, moved, unbuilt):
    declaration = load_declaration(ROOT, "lapse")
    schedule = declaration.model.schedule.model_copy(update={"snapshot_weekday": WEEKDAYS[weekday]})
    declaration = declaration.model_copy(update={"model": declaration.model.model_copy(update={"schedule": schedule})})
    days = [MONDAY + timedelta(days=7 * week) for week in range(8)]  # the last two have not matured
    known = make_known(days, standing, "c" if is_changed else declaration.model.config_hash)
    assert moved == [days.index(day) for day in list_moved(declaration, known)]
    assert unbuilt == len(list_unbuilt(declaration, known))


@pytest.mark.parametrize(
    ("count", "expected"), [(0, []), (1, [7]), (2, [0, 7]), (3, [0, 3, 7]), (8, [*range(8)]), (99, [*range(8)])]
)
def test_the_newest_day_is_always_compared_and_others_lie_evenly_before_it(count, expected):
    days = [MONDAY + timedelta(days=7 * week) for week in range(8)]
    known = make_known(days, Standing(tuple(days[:6]), (days[6],), ()))
    assert expected == [days.index(day) for day in choose_days(known, count)]


def test_what_others_wrote_is_no_markup():
    text = write_markdown([Plan("churn", (Item("features", "breaks", "a|b <b> @owner [x](y) `a_b` c_d\nnext"),))])
    assert r"| breaks | features | a\|b &lt;b> @" in text
    assert r"\[x\](y) `a_b` c\_d next |" in text
    assert "@owner" not in text


def test_a_backquote_alone_opens_no_code():
    assert "it's" in write_markdown([Plan("churn", (Item("features", "breaks", "it`s"),))])


def test_what_is_longer_than_a_comment_is_cut_and_says_so():
    plans = [Plan(f"m{number}", (Item("features", "note", "x" * 900),)) for number in range(100)]
    text = write_markdown(plans)
    assert (True, CUT) == (len(text) <= MOST_CHARACTERS + len(CUT) + 2, text.splitlines()[-1])
