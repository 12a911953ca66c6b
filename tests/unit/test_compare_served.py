"""What a canary has shown counts in the gate: the same boundary crossed by other rows, the same floor."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from perennial.compare.served import ServedEvidence, weigh_canary
from perennial.compare.superiority import assess_superiority
from perennial.pipeline.drawing import Window, find_windows
from perennial.records import Interval, Look, Outcome
from perennial.records.canaries import ArmFigures, Canary, FiguresOfArms
from perennial.stores.ledger import SharesOfDay
from tests.harm_worlds import MODEL
from tests.unit.test_compare_superiority import FLOOR, make_contest, see

DAYS = (date(2017, 7, 3), date(2017, 7, 10))
SHOWN = Look(DAYS, 0.05, 0.01, 0.2, 0.001, 4.0)
BEGAN = datetime(2017, 7, 3, tzinfo=UTC)
RATE = ArmFigures(900, Interval(0.8, 0.75, 0.85, 0.02), Interval(0.4, 0.3, 0.5, 0.05), None)
CANARY = Canary(
    1, "lapse", 1, 2, 1, "5f0c", 0.001, 0.05, 26, 4, 0.0, DAYS[0], "ann", "live", BEGAN,
    looks=(SHOWN,), arms=FiguresOfArms(RATE, RATE),
)  # fmt: skip


def assess(served, *, estimate=0.001, high=0.02):
    gain, look = see(estimate, high=high, lower=-0.01)
    return assess_superiority(replace(make_contest(former=(look,)), served=served), gain, FLOOR)


@pytest.mark.parametrize(
    ("lower", "floor", "is_outcome", "high", "outcome"),
    [
        (0.01, 0.008, False, 0.02, Outcome.PROMOTE),
        (-0.01, 0.008, False, 0.02, Outcome.INCONCLUSIVE),  # it may be chance
        (0.01, 0.06, False, 0.02, Outcome.INCONCLUSIVE),  # below the floor
        (0.01, 0.008, False, 0.0079, Outcome.REJECT),  # all rows say that it cannot reach the floor
        (0.01, 0.008, True, 0.0079, Outcome.PROMOTE),  # what came true of acting on it says more
        (-0.01, 0.008, True, 0.0079, Outcome.REJECT),
    ],
)
def test_a_canary_that_crosses_its_boundary_and_reaches_the_floor_is_promoted(lower, floor, is_outcome, high, outcome):
    look = replace(SHOWN, boundary=(SHOWN.estimate - lower) / SHOWN.standard_error)
    assert outcome is assess(ServedEvidence(look, floor, is_outcome, 26), high=high).outcome


def test_the_verdict_says_what_was_served():
    found = assess(ServedEvidence(SHOWN, 0.008, False, 26))
    assert found.reasons[0].startswith(
        "On what was served its canary did better by 0.05 in the headline, which reaches the floor of 0.008. Over all looks "
        "together its lower bound is +0.01, after 2 of at most 26 as_ofs. Recipe 2, refitted every week, ranked better by"
    )


def test_without_a_canary_nothing_is_otherwise():
    assert Outcome.INCONCLUSIVE is assess(None).outcome


def test_the_floor_is_that_of_the_figure_by_which_the_arms_are_compared():
    acted = MODEL.model_copy(update={"scoring": MODEL.scoring.model_copy(update={"acted_on": "lowers"})})
    assert weigh_canary(MODEL, CANARY) == ServedEvidence(SHOWN, pytest.approx(0.008), False, 26)
    assert weigh_canary(acted, CANARY) == ServedEvidence(SHOWN, pytest.approx(0.004), True, 26)


def test_before_a_look_or_without_a_figure_nothing_is_weighed():
    assert weigh_canary(MODEL, replace(CANARY, looks=())) is None
    assert weigh_canary(MODEL, replace(CANARY, arms=None)) is None
    nameless = replace(RATE, headline=None)
    assert weigh_canary(MODEL, replace(CANARY, arms=FiguresOfArms(nameless, RATE))) is None


def test_an_as_of_counts_whose_label_window_was_served_and_the_share_is_that_of_all_of_it():
    before, first, later, last = date(2017, 6, 26), date(2017, 7, 3), date(2017, 7, 31), date(2017, 9, 4)
    shares = [SharesOfDay(first, 0.05, 0.05), SharesOfDay(date(2017, 7, 30), 0.05, 0.1), SharesOfDay(date(2017, 8, 1), 0.1, 0.1)]
    found = find_windows(MODEL, CANARY, (before, first, later, last), shares)
    assert {first: Window(0.05, 0.1), later: Window(0.1, 0.1)} == found
