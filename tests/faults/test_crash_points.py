"""Whatever a process was doing when it was killed with -9, the same thing run again ends as if nothing had happened.

Every gap between two calls of an operation is a point: what it has done is done, and nothing else is. `make faults` kills at
each, and judges each state that is left once; of amounts and classes it kills behind each call that leaves something, unless
FAULTS is `every`. `make test` kills at a few.
"""

from __future__ import annotations

import random

import pytest

from tests.faults.conftest import IS_WHOLE, POINTS, tell
from tests.faults.lived import Course
from tests.faults.points import Point
from tests.faults.stages import KILLED, OPERATIONS, READING
from tests.faults.stories import HABITS, MINUTES, STORIES, Story

SEED, MOST_OPERATIONS, POINTS_EACH = 14, 2, 2
CASES = [pytest.param(story, operation, id=f"{story.model}-{operation}") for story in STORIES for operation in story.operations]
CHANGES = ("commit", "http P", "http D", "file ", "mail ")
"""Calls around which a sample looks: of others nothing is left."""


def list_points(calls: list[str], story: Story) -> list[Point]:
    """Every gap: before each call, and after the last; or those of the story, or as many as were asked for."""
    if POINTS not in {"all", "every"}:
        return draw_points(calls, random.Random(SEED), int(POINTS))
    if not story.is_everywhere and POINTS == "all":
        return [Point(1), *(Point(number, "after") for number, name in enumerate(calls, 1) if name.startswith(CHANGES))]
    return [*(Point(number) for number in range(1, len(calls) + 1)), Point(len(calls), "after")]


def draw_points(calls: list[str], dice: random.Random, most: int) -> list[Point]:
    """A few gaps beside calls that leave something."""
    places = [number for number, name in enumerate(calls, 1) if name.startswith(CHANGES)]
    drawn = sorted(dice.sample(places, min(most, len(places))))
    return [Point(number, dice.choice(("before", "after"))) for number in drawn]


def kill_everywhere(course: Course, operation: str, points: list[Point], calls: list[str], seen: set[str]) -> list[str]:
    """Kill at each point; what is wrong after the rerun from each state that was not seen before."""
    wrong = []
    for point in points:
        with course.open_before(operation) as place:
            assert course.start(operation, place, point).join() in {KILLED, 0}  # calls of threads may change their places
            place.wait_for_the_dead()
            state = course.digest(place)
            if state not in seen:
                seen.add(state)
                found = course.rerun_and_judge(operation, place, everything=IS_WHOLE)
                said = [
                    f"{course.story.model} {operation}, killed {point.moment} {calls[point.number - 1]}: {each}" for each in found
                ]
                for each in said:
                    tell(each)
                wrong += said
    return wrong


@pytest.mark.skipif(not IS_WHOLE, reason="make faults kills at every point")
@pytest.mark.parametrize(("story", "operation"), CASES)
def test_an_operation_that_is_killed_anywhere_ends_as_if_nothing_had_happened(follow, story, operation):
    course, seen = follow(story), set()
    calls = course.count(operation)
    points = list_points(calls, story)
    wrong = kill_everywhere(course, operation, points, calls, seen)
    left = f"which left {len(seen)} states; wrong: {len(wrong)}"
    tell(f"{story.model} {operation}: killed at {len(points)} of {len(calls) + 1} points, {left}")
    assert [] == wrong
    assert (len(seen) == 1) == (operation in READING) or POINTS.isdigit(), "it left nothing, or what it should not have"


@pytest.mark.skipif(not IS_WHOLE, reason="make faults kills at every point")
@pytest.mark.parametrize("story", [MINUTES, HABITS], ids=lambda story: story.model)
def test_what_amounts_and_classes_live_has_a_search_a_comparison_and_scores_that_came_true(follow, story):
    lived = follow(story).life.afters["look"]
    assert [("promote", "applied"), ("refresh", "applied")] == [(row["kind"], row["status"]) for row in lived["promotions"]]
    assert {"search", "person"} == {row["origin"] for row in lived["recipes"]}
    assert {story.days["train"], story.days["look"]} == {row["as_of"] for row in lived["evaluations"]}
    assert {story.days["train"]} == {row["as_of"] for row in lived["figures"]}
    assert set(story.days.values()) == {row["as_of"] for row in lived["publications"]}
    assert story.days["train"] in {row["as_of"] for row in lived["admissions"]}


@pytest.mark.skipif(IS_WHOLE, reason="make faults kills at every point")
def test_operations_that_are_killed_at_a_few_points_end_as_if_nothing_had_happened(course):
    dice, wrong = random.Random(SEED), []
    for operation in dice.sample(sorted(OPERATIONS), MOST_OPERATIONS):
        calls = course.count(operation)
        wrong += kill_everywhere(course, operation, draw_points(calls, dice, POINTS_EACH), calls, set())
    assert [] == wrong


@pytest.mark.skipif(IS_WHOLE, reason="make faults kills at every point")
@pytest.mark.parametrize("story", [MINUTES.look_only_at("promote"), HABITS.look_only_at("train")], ids=lambda story: story.model)
def test_amounts_and_classes_that_are_killed_at_a_few_points_end_as_if_nothing_had_happened(follow, story):
    course, dice, wrong = follow(story), random.Random(SEED), []
    for operation in story.operations:
        calls = course.count(operation)
        wrong += kill_everywhere(course, operation, draw_points(calls, dice, POINTS_EACH), calls, set())
    assert [] == wrong
