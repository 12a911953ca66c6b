"""Whatever a process was doing when it was killed with -9, the same thing run again ends as if nothing had happened.

Every gap between two calls of an operation is a point: what it has done is done, and nothing else is. `make faults` kills at
each, and judges each state that is left once; `make test` kills at a few.
"""

from __future__ import annotations

import random

import pytest

from tests.faults.conftest import IS_WHOLE, POINTS, tell
from tests.faults.lived import Course
from tests.faults.points import Point
from tests.faults.stages import KILLED, OPERATIONS, READING

SEED, MOST_OPERATIONS, POINTS_EACH = 14, 2, 2
CHANGES = ("commit", "http P", "http D", "file ", "mail ")
"""Calls around which a sample looks: of others nothing is left."""


def list_points(calls: list[str]) -> list[Point]:
    """Every gap: before each call, and after the last; or as many as were asked for."""
    if POINTS != "all":
        return draw_points(calls, random.Random(SEED), int(POINTS))
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
                said = [f"{operation}, killed {point.moment} {calls[point.number - 1]}: {each}" for each in found]
                for each in said:
                    tell(each)
                wrong += said
    return wrong


@pytest.mark.skipif(not IS_WHOLE, reason="make faults kills at every point")
@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_that_is_killed_anywhere_ends_as_if_nothing_had_happened(course, operation):
    calls, seen = course.count(operation), set()
    points = list_points(calls)
    wrong = kill_everywhere(course, operation, points, calls, seen)
    tell(f"{operation}: killed at {len(points)} of {len(calls) + 1} points, which left {len(seen)} states; wrong: {len(wrong)}")
    assert [] == wrong
    assert (len(seen) == 1) == (operation in READING) or POINTS != "all", "it left nothing, or what it should not have"


@pytest.mark.skipif(IS_WHOLE, reason="make faults kills at every point")
def test_operations_that_are_killed_at_a_few_points_end_as_if_nothing_had_happened(course):
    dice, wrong = random.Random(SEED), []
    for operation in dice.sample(sorted(OPERATIONS), MOST_OPERATIONS):
        calls = course.count(operation)
        wrong += kill_everywhere(course, operation, draw_points(calls, dice, POINTS_EACH), calls, set())
    assert [] == wrong
