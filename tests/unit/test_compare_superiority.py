"""One look at a gain: what it decides, in which words, and when nobody may look."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from perennial.compare import ComparisonInput, TestPlan
from perennial.compare.assessment import next_look_on, say_gain
from perennial.compare.superiority import assess_superiority, is_last, look_again
from perennial.errors import MisalignedScores
from perennial.metrics import DailyGain
from perennial.records import Interval, Look, Outcome
from perennial.tasks.binary import Binary
from tests.harm_worlds import DAYS, MODEL, contend

AS_OFS = tuple(day.date() for day in DAYS)
PLAN = TestPlan(alpha=0.01, final=8, overlap=4, seed=7)
FLOOR = 0.008


def rank(positives, negatives, *, positive_score, days=DAYS):
    """Everybody's label and score on each day; the champion sees nothing."""
    index = pd.MultiIndex.from_product([days, range(positives + negatives)], names=["as_of", "entity_id"])
    is_positive = index.get_level_values("entity_id") < positives
    labels = pd.Series(is_positive.astype(int), index=index)
    noise = np.random.default_rng(3).random(len(index))
    return labels, pd.Series(0.3 * noise + positive_score * is_positive, index=index), pd.Series(noise[::-1].copy(), index=index)


def make_contest(positives=60, positive_score=0.5, *, negatives=200, **changes):
    labels, ours, theirs = rank(positives, negatives, positive_score=positive_score)
    contest = ComparisonInput(
        model=MODEL,
        as_of=date(2017, 11, 6),
        challenger=contend(2, ours),
        champion=contend(1, theirs),
        labels=labels,
        segments=pd.DataFrame(index=labels.index),
        test=PLAN,
    )
    return replace(contest, **changes)


def see(estimate, *, high=None, lower=0.0):
    """A look whose lower bound is the given one, beside the interval that is shown."""
    look = Look(AS_OFS, estimate, (estimate - lower) / 3.0, 0.5, 0.001, 3.0)
    return Interval(estimate, estimate - 0.01, estimate + 0.01 if high is None else high, 0.005), look


def assess(estimate, *, high=None, lower=0.0, **changes):
    """What one look on the very rows that were looked at before decides."""
    gain, look = see(estimate, high=high, lower=lower)
    return assess_superiority(make_contest(former=(look,), **changes), gain, FLOOR)


BETTER = "Recipe 2, refitted every week, ranked better"
OVER = "than recipe 1, refitted every week, over 4 as_ofs."
BOUND = "standard errors below, after 4 of at most 8 as_ofs."


@pytest.mark.parametrize(
    ("estimate", "high", "lower", "outcome", "sentence"),
    [
        (
            0.020,
            0.030,
            0.002,
            Outcome.PROMOTE,
            (
                f"{BETTER} by +0.0200 AUC [+0.0100, +0.0300] {OVER} That reaches the floor of +0.0080. "
                f"Over all looks together its lower bound is +0.0020, 3.00 {BOUND}"
            ),
        ),
        (
            0.001,
            0.0079,
            -0.01,
            Outcome.REJECT,
            f"{BETTER} by +0.0010 AUC [-0.0090, +0.0079] {OVER} That does not reach the floor of +0.0080.",
        ),
        (
            0.020,
            0.030,
            -0.001,
            Outcome.INCONCLUSIVE,
            (
                f"{BETTER} by +0.0200 AUC [+0.0100, +0.0300] {OVER} That reaches the floor of +0.0080, but it may still be "
                f"chance. Over all looks together its lower bound is -0.0010, 3.00 {BOUND}"
            ),
        ),
        (
            0.006,
            0.016,
            0.001,
            Outcome.INCONCLUSIVE,
            (
                f"{BETTER} by +0.0060 AUC [-0.0040, +0.0160] {OVER} That is above 0, but below the floor of +0.0080. "
                f"Over all looks together its lower bound is +0.0010, 3.00 {BOUND}"
            ),
        ),
        (
            0.006,
            0.016,
            -0.001,
            Outcome.INCONCLUSIVE,
            (
                f"{BETTER} by +0.0060 AUC [-0.0040, +0.0160] {OVER} That settles nothing: it may still reach the floor of "
                f"+0.0080, and it may be chance. Over all looks together its lower bound is -0.0010, 3.00 {BOUND}"
            ),
        ),
    ],
    ids=["won", "lost", "perhaps chance", "sure but small", "nothing is known"],
)
def test_a_look_decides_and_says_why(estimate, high, lower, outcome, sentence):
    found = assess(estimate, high=high, lower=lower)
    assert (found.outcome, found.reasons, len(found.looks)) == (outcome, (sentence,), 1)


def test_a_recipe_that_ranked_worse_is_said_to_have():
    found = assess(-0.001, high=0.004)
    assert found.reasons[0].startswith(
        "Recipe 2, refitted every week, ranked worse by -0.0010 AUC [-0.0110, +0.0040] than recipe 1,"
    )


@pytest.mark.parametrize(("refresh", "how"), [("4 weeks", "refitted every 4 weeks"), ("never", "not refitted")])
def test_the_sentence_says_how_often_both_recipes_are_refitted(refresh, how):
    model = MODEL.model_copy(update={"training": MODEL.training.model_copy(update={"refresh": refresh})})
    found = assess(0.02, model=model).reasons[0]
    assert found.startswith(f"Recipe 2, {how}, ranked better by +0.0200 AUC")
    assert f"than recipe 1, {how}, over 4 as_ofs." in found


def test_a_gain_at_the_floor_reaches_it():
    assert "reaches the floor" in assess(FLOOR, lower=-0.001).reasons[0]


def test_an_undecided_challenger_is_looked_at_again_when_one_more_as_of_has_matured():
    """10-09 is the next as_of; its labels are complete on 10-09 + 28 + 2 days."""
    assert assess(0.006).compared_again_on == date(2017, 11, 8)


def test_after_its_last_look_an_undecided_challenger_is_not_looked_at_again():
    found = assess(0.006, test=replace(PLAN, final=4))
    assert (found.outcome, found.compared_again_on) == (Outcome.INCONCLUSIVE, None)


@pytest.mark.parametrize(("as_of", "day"), [(date(2017, 11, 7), date(2017, 11, 8)), (date(2017, 11, 8), None)], ids=str)
def test_a_day_that_has_come_already_is_not_promised(as_of, day):
    assert next_look_on(make_contest(as_of=as_of)) == day


@pytest.mark.parametrize(("final", "is_over"), [(3, True), (4, True), (5, False)])
def test_the_last_look_is_that_at_all_as_ofs_of_the_plan(final, is_over):
    assert is_last(make_contest(test=replace(PLAN, final=final))) is is_over


def test_without_a_plan_no_look_is_the_last():
    assert not is_last(make_contest(test=None))


@pytest.mark.parametrize(("positives", "negatives", "looks"), [(29, 200, 0), (30, 200, 1), (200, 29, 0), (200, 30, 1)])
def test_thirty_entities_of_either_class_are_the_fewest_to_look_at(positives, negatives, looks):
    found = assess_superiority(make_contest(positives, negatives=negatives), Interval(0.02, 0.01, 0.03, 0.005), FLOOR)
    assert len(found.looks) == looks


@pytest.mark.parametrize(("contest", "label"), [(make_contest(29), "positive"), (make_contest(negatives=29), "negative")])
def test_too_few_entities_of_a_class_are_counted(contest, label):
    found = assess_superiority(contest, Interval(0.02, 0.01, 0.03, 0.005), FLOOR)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.reasons == (f"Only 29 different entities carry a {label} label, and 30 are the fewest to decide on.",)


@pytest.mark.parametrize(("day", "until"), [(date(2018, 1, 8), " until 2018-01-08"), (None, "")])
def test_an_empty_account_says_until_when(day, until):
    found = assess_superiority(make_contest(test=None, account_frees_on=day), Interval(0.02, 0.01, 0.03, 0.005), FLOOR)
    assert (found.outcome, found.compared_again_on, found.looks) == (Outcome.INCONCLUSIVE, day, ())
    assert found.reasons == (f"The account of false promotions is empty{until}: the budget of the last 365 days is drawn.",)


def test_a_gain_is_said_with_its_sign_and_limits():
    assert say_gain(Interval(0.005, -0.001, 0.011, 0.003), Binary(MODEL).headline) == "+0.0050 AUC [-0.0010, +0.0110]"


# Looking again
def gain_on(*days):
    influence = np.random.default_rng(3).standard_normal((400, len(days))) / 400
    return DailyGain(days, np.full(len(days), 0.02), influence, {"carry a positive label": 300})


def test_one_more_as_of_is_one_more_look():
    first = look_again(gain_on(*AS_OFS[:2]), (), PLAN)
    second = look_again(gain_on(*AS_OFS[:3]), first, PLAN)
    assert [len(look.as_ofs) for look in second] == [2, 3]
    assert second[0] == first[0]


def test_the_same_as_ofs_are_looked_at_once():
    first = look_again(gain_on(*AS_OFS[:2]), (), PLAN)
    assert look_again(gain_on(*AS_OFS[:2]), first, PLAN) == first


def test_as_ofs_that_are_gone_are_listed():
    first = look_again(gain_on(*AS_OFS[:3]), (), PLAN)
    with pytest.raises(MisalignedScores, match=r"not there any more: 2017-09-11, 2017-09-18\. Build these snapshots again\."):
        look_again(gain_on(*AS_OFS[2:]), first, PLAN)


def test_as_ofs_in_another_order_are_told_apart_from_those_that_are_gone():
    first = look_again(gain_on(AS_OFS[1], AS_OFS[0]), (), PLAN)
    with pytest.raises(MisalignedScores, match="any more: their order"):
        look_again(gain_on(*AS_OFS[:2]), first, PLAN)


@pytest.mark.parametrize(("final", "looks"), [(2, 1), (3, 2)])
def test_after_the_last_look_of_the_plan_nothing_is_looked_at(final, looks):
    plan = replace(PLAN, final=final)
    first = look_again(gain_on(*AS_OFS[:2]), (), plan)
    assert len(look_again(gain_on(*AS_OFS[:3]), first, plan)) == looks
