"""Of several verdicts of a day the one to act on, and whether a person is asked about it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from perennial.errors import PromotionRefused
from perennial.promote import check_cooldown, choose_challenger, choose_evaluation, find_taken_back, must_ask
from perennial.records import Evaluation, Interval, MetricComparison, Move, Outcome
from tests.register import CLOCK, RUN
from tests.unit.test_promote import assess, history

PROMOTE, REJECT, INCONCLUSIVE = Outcome.PROMOTE, Outcome.REJECT, Outcome.INCONCLUSIVE


def draw(version, outcome, gain=None) -> Evaluation:
    """A verdict with a gain in AUC; a larger loss in log-loss stands beside it and counts for nothing."""
    interval = None if gain is None else Interval(gain, gain - 0.01, gain + 0.01, 0.005)
    metrics = tuple(MetricComparison(name, None, 0.8, found) for name, found in (("auc", interval), ("log_loss", None)))
    evaluation = assess(version, 1, outcome)
    return replace(evaluation, verdict=replace(evaluation.verdict, metrics=metrics))


@pytest.mark.parametrize(
    ("drawn", "chosen"),
    [
        ([draw(2, PROMOTE, 0.010), draw(3, PROMOTE, 0.020), draw(4, PROMOTE, 0.015)], 3),
        ([draw(2, PROMOTE, -0.001), draw(3, INCONCLUSIVE, 0.020)], 2),
        ([draw(2, PROMOTE), draw(3, PROMOTE, 0.001)], 3),
        ([draw(2, PROMOTE), draw(3, PROMOTE, -0.001)], 2),
        ([draw(2, INCONCLUSIVE, 0.02), draw(4, REJECT, 0.01), draw(3, INCONCLUSIVE, 0.03)], 4),
    ],
    ids=[
        "the largest gain",
        "what is promoted before what is not",
        "without a figure a gain is none",
        "and no loss",
        "none is promoted: the newest",
    ],
)
def test_of_several_verdicts_one_is_acted_on(drawn, chosen):
    assert choose_evaluation(drawn).verdict.challenger_version == chosen


def doubtful(outcome=PROMOTE) -> Evaluation:
    evaluation = assess(2, 1, outcome)
    return replace(evaluation, verdict=replace(evaluation.verdict, doubts=("Log-loss may be worse.",)))


@pytest.mark.parametrize(
    ("evaluation", "approval", "is_asked"),
    [
        (assess(2, 1), "auto", False),
        (doubtful(), "auto", True),
        (assess(2, 1), "manual", True),
        (doubtful(), "never", False),
        (doubtful(INCONCLUSIVE), "manual", False),
        (doubtful(REJECT), "auto", False),
    ],
    ids=["no doubt", "a doubt", "by rule", "never promoted", "undecided", "rejected"],
)
def test_a_person_is_asked_only_about_what_would_be_promoted(evaluation, approval, is_asked):
    assert must_ask(evaluation, approval) is is_asked


def test_all_that_speaks_for_asking_stands_in_the_refusal():
    evaluation = doubtful()
    with pytest.raises(PromotionRefused, match=r'a person decides: promotion\.approval = "manual"\. Log-loss may be worse\.$'):
        choose_challenger(history(("promote", 1)), evaluation, RUN, approval="manual")


def test_the_instant_at_which_a_version_was_taken_back_is_that_of_the_move():
    moves = history(("promote", 1), ("promote", 2), ("promote", 3), ("rollback", 1), ("promote", 4))
    assert find_taken_back(moves) == {2: CLOCK - timedelta(days=1), 3: CLOCK - timedelta(days=1)}


def test_a_later_move_does_not_prolong_the_rest_of_what_was_taken_back():
    moves = history(("promote", 1), ("promote", 2), ("rollback", 1), ("forced", 5), ("rollback", 1))
    assert find_taken_back(moves) == {2: CLOCK - timedelta(days=2), 5: CLOCK}


def test_a_resting_version_does_not_say_that_it_is_another_fit_of_itself():
    taken_back = history(("promote", 1), ("promote", 2), ("rollback", 1))
    with pytest.raises(PromotionRefused, match=r"version 2 was taken back.*and version 1 still serves.*rollback lapse --to 2"):
        check_cooldown(taken_back, Move(2, "promote", ""), RUN, fits=frozenset({2}), days=28)
