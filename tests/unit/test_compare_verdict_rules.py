"""What outweighs what in a verdict: looks, vetoes, baselines and a short history; each on figures that a test writes."""

from dataclasses import replace
from datetime import date

import pandas as pd
import pytest

from perennial.compare import Contestant, compare
from perennial.compare.assessment import Assessment
from perennial.compare.baselines import object_to_baselines, praise_baselines
from perennial.compare.harm import Harm
from perennial.compare.measures import AUC, AUC_OVER_LOGISTIC, AUC_OVER_RECENCY, LOG_LOSS_OVER_LOGISTIC
from perennial.compare.verdict import (
    _assess,
    _assess_against_champion,
    _attribute,
    _hold_for_history,
    _mention_time,
    _mention_unassessed,
    _object,
    _open_verdict,
)
from perennial.records import Interval, Look, MetricComparison, Outcome, SegmentComparison
from tests.harm_worlds import MODEL, WEEKS
from tests.unit.test_compare_superiority import AS_OFS, PLAN, make_contest

PROMOTE, REJECT, INCONCLUSIVE = Outcome.PROMOTE, Outcome.REJECT, Outcome.INCONCLUSIVE
WON = Look(AS_OFS, 0.02, 0.001, 0.5, 0.001, 3.0)
NOT_YET = Look(AS_OFS, 0.02, 0.01, 0.5, 0.001, 3.0)
VETO = Harm(vetoes=("Log-loss rises.", "So does the rest."))


def auc(estimate=0.02, champion=0.8):
    """The figures of a comparison: the AUC alone."""
    gain = Interval(estimate, estimate - 0.01, estimate + 0.01, 0.005)
    return (MetricComparison("brier", 0.1, 0.2, gain), MetricComparison(AUC, champion, champion + estimate, gain))


def beside(recency=0.01, logistic=0.001, log_loss=0.001):
    """Lower bounds of the gains over the baselines."""
    names = (AUC_OVER_RECENCY, AUC_OVER_LOGISTIC, LOG_LOSS_OVER_LOGISTIC)
    bounds = zip(names, (recency, logistic, log_loss), strict=True)
    return tuple(MetricComparison(name, 0.7, 0.8, Interval(low + 0.01, low, low + 0.02, 0.005)) for name, low in bounds)


# Vetoes
@pytest.mark.parametrize("look", [WON, NOT_YET], ids=["won", "undecided"])
def test_a_veto_beats_every_look(look):
    found = _assess_against_champion(make_contest(former=(look,)), auc(), VETO)
    assert (found.outcome, found.compared_again_on, found.looks) == (REJECT, None, (look,))
    assert found.reasons[:2] == VETO.vetoes
    assert found.reasons[2].startswith("The gain of +0.0200 AUC")


def test_without_a_look_nothing_is_decided_not_even_by_a_veto():
    """The account is empty: the challenger was not tested, and is compared again when it frees."""
    contest = make_contest(test=None, account_frees_on=date(2018, 1, 8))
    found = _assess_against_champion(contest, auc(), VETO)
    assert (found.outcome, found.compared_again_on, found.looks) == (INCONCLUSIVE, date(2018, 1, 8), ())
    assert found.reasons == (
        "The account of false promotions is empty until 2018-01-08: the budget of the last 365 days is drawn.",
    )


def test_a_veto_against_too_few_entities_rejects_nobody():
    assert _assess_against_champion(make_contest(29), auc(), VETO).outcome is INCONCLUSIVE


def test_without_a_veto_the_look_decides():
    assert _assess_against_champion(make_contest(former=(WON,)), auc(), Harm()).outcome is PROMOTE
    assert _assess_against_champion(make_contest(former=(NOT_YET,)), auc(), Harm()).outcome is INCONCLUSIVE


@pytest.mark.parametrize(("champion", "floor"), [(0.75, 0.0075), (0.98, 0.001)])
def test_the_floor_is_a_share_of_the_champions_auc_and_of_what_is_left(champion, floor):
    contest, small = make_contest(former=(WON,)), floor - 0.0001
    assert f"below the floor of {floor:+.4f}" in _assess_against_champion(contest, auc(small, champion), Harm()).reasons[0]
    assert _assess_against_champion(contest, auc(floor + 0.0001, champion), Harm()).outcome is PROMOTE


def test_a_renewal_is_not_asked_for_a_gain():
    contest = make_contest(side="renewal", former=(WON,), test=replace(PLAN, final=4))
    assert "may renew the champion" in _assess_against_champion(contest, auc(-0.5), Harm()).reasons[0]


# Baselines
def test_a_challenger_above_every_baseline_is_praised():
    assert object_to_baselines(beside(), is_logistic=False) == ()
    assert praise_baselines(beside(), is_logistic=False) == (
        "It gains +0.0200 AUC [+0.0100, +0.0300] over the recency rule, and over logistic regression +0.0110 AUC "
        "[+0.0010, +0.0210] and +0.0110 log-loss [+0.0010, +0.0210]."
    )


@pytest.mark.parametrize(
    ("baselines", "objection"),
    [
        (beside(recency=0.0), "It is not clearly better than the recency rule: +0.0100 AUC [+0.0000, +0.0200]."),
        (
            beside(logistic=-0.01),
            "Against logistic regression its AUC may be worse by 0.01 or more: +0.0000 AUC [-0.0100, +0.0100].",
        ),
        (
            beside(log_loss=0.0),
            "Its log-loss is not clearly better than logistic regression's: gain +0.0100 log-loss [+0.0000, +0.0200].",
        ),
    ],
    ids=["recency", "AUC of logistic regression", "log-loss of logistic regression"],
)
def test_a_baseline_that_is_as_good_is_an_objection(baselines, objection):
    assert object_to_baselines(baselines, is_logistic=False) == (objection,)


def test_an_auc_a_little_behind_logistic_regression_is_borne():
    assert object_to_baselines(beside(logistic=-0.0099), is_logistic=False) == ()


def test_logistic_regression_is_not_compared_with_itself():
    assert object_to_baselines(beside(logistic=-1, log_loss=-1), is_logistic=True) == ()
    assert praise_baselines(beside(), is_logistic=True) == (
        "It gains +0.0200 AUC [+0.0100, +0.0300] over the recency rule, and is itself the logistic regression."
    )


@pytest.mark.parametrize("outcome", [REJECT, INCONCLUSIVE])
def test_an_objection_stands_behind_what_was_decided_anyway(outcome):
    assert _object(Assessment(outcome, ("Decided.",)), ("Objection.",)) == Assessment(outcome, ("Decided.", "Objection."))


def test_an_objection_keeps_a_promotion_undecided_and_stands_first():
    assert _object(Assessment(PROMOTE, ("Won.",)), ("Objection.",)) == Assessment(INCONCLUSIVE, ("Objection.", "Won."))
    assert _object(Assessment(PROMOTE, ("Won.",)), ()) == Assessment(PROMOTE, ("Won.",))


# Everything together
def first(**changes):
    return make_contest(champion=None, test=None, **changes)


def test_a_first_champion_beats_the_baselines():
    found = _assess(first(), auc(), beside(), Harm())
    assert found.outcome is PROMOTE
    assert found.reasons[0] == "Version 2 is fit to be the first champion."
    assert found.reasons[1].startswith("It gains +0.0200 AUC")


def test_a_first_champion_that_does_not_beat_them_is_rejected_without_praise():
    found = _assess(first(), auc(), beside(recency=-0.01), Harm())
    assert found.outcome is REJECT
    assert found.reasons[0].startswith("It is not clearly better than the recency rule")
    assert found.reasons[1:] == ("There is no champion yet, and this is not fit to be the first.",)


def test_a_winner_that_a_baseline_equals_waits():
    found = _assess(make_contest(former=(WON,)), auc(), beside(log_loss=-0.01), Harm())
    assert found.outcome is INCONCLUSIVE
    assert [reason.split()[0] for reason in found.reasons] == ["Its", "The"]


def test_a_logistic_regression_is_known_by_its_algorithm():
    contest = make_contest(former=(WON,))
    logistic = replace(contest, challenger=replace(contest.challenger, algorithm="logistic"))
    assert _assess(logistic, auc(), beside(log_loss=-0.01), Harm()).outcome is PROMOTE


@pytest.mark.parametrize(("as_ofs", "outcome", "again_on"), [(7, INCONCLUSIVE, date(2017, 11, 13)), (8, PROMOTE, None)])
def test_a_short_history_decides_nothing_until_the_weeks_that_are_missing_have_passed(as_ofs, outcome, again_on):
    contest = make_contest()
    contest = replace(contest, challenger=replace(contest.challenger, training_as_ofs=WEEKS[:as_ofs]))
    found = _hold_for_history(contest, Assessment(PROMOTE, ("Won.",)))
    assert (found.outcome, found.compared_again_on, found.reasons[-1]) == (outcome, again_on, "Won.")


def test_a_short_history_is_counted_in_the_sentence():
    contest = make_contest()
    contest = replace(contest, challenger=replace(contest.challenger, training_as_ofs=WEEKS[:7]))
    assert _hold_for_history(contest, Assessment(REJECT, ())).reasons == (
        "It was trained on 7 as_ofs, and 8 are the fewest to promote on: there are enough from 2017-11-13.",
    )


# What stands in every verdict
def test_a_verdict_counts_only_the_rows_that_were_compared():
    verdict = _open_verdict(make_contest(former=(WON,)), Assessment(PROMOTE, ("Won.",), looks=(WON,)), AS_OFS[:3])
    assert (verdict.rows, verdict.positives, verdict.holdout_as_ofs) == (3 * 260, 3 * 60, AS_OFS[:3])
    assert (verdict.model, verdict.as_of, verdict.outcome) == ("lapse", date(2017, 11, 6), PROMOTE)
    assert (verdict.challenger_version, verdict.champion_version, verdict.opponent) == (2, 1, "champion")
    assert (verdict.side, verdict.alpha, verdict.looks) == ("superiority", 0.01, (WON,))
    assert (verdict.metrics, verdict.baselines, verdict.segments) == ((), (), ())
    assert verdict.reasons[0] == "Won."


def test_a_verdict_on_a_first_champion_has_no_opponent_but_the_baselines():
    verdict = _open_verdict(first(), Assessment(PROMOTE, ("Fit.",), date(2017, 11, 13)), AS_OFS)
    assert (verdict.champion_version, verdict.opponent, verdict.side, verdict.alpha) == (None, "baselines", "first", None)
    assert verdict.compared_again_on == date(2017, 11, 13)


def test_the_knowledge_lag_counts_from_the_newest_training_as_of():
    assert _mention_time(make_contest()) == (
        "The newest rows it was trained on are of 2017-08-14, a knowledge lag of 84 days on 2017-11-06.",
    )


def test_after_drift_the_day_of_the_first_labels_stands_before_the_lag():
    said = _mention_time(make_contest(shifted_labels_mature_on=date(2017, 12, 20)))
    assert said[0] == (
        "The labels of the shifted rows mature from 2017-12-20: until then nothing can learn them or be assessed on them."
    )
    assert len(said) == 2


def test_segments_that_are_too_small_are_counted():
    small, large = (SegmentComparison("income", str(known), 10, 5, known, None) for known in (False, True))
    assert _mention_unassessed((small, large, small)) == ("2 of 3 segments hold too few positives to be assessed.",)
    assert _mention_unassessed((large,)) == ()


def test_new_data_and_new_recipe_add_up_to_the_gain():
    contest = make_contest()
    halfway = (contest.challenger.scores + contest.champion.scores) / 2
    found = _attribute(replace(contest, refit=halfway))
    whole = _attribute(replace(contest, refit=contest.champion.scores)).new_recipe
    assert found.new_data.estimate > 0.001
    assert found.new_data.estimate + found.new_recipe.estimate == pytest.approx(whole.estimate)


@pytest.mark.parametrize("changes", [{"refit": None}, {"champion": None}], ids=["no refit", "no champion"])
def test_nothing_is_told_apart_without_a_refit_and_a_champion(changes):
    contest = make_contest()
    assert _attribute(replace(contest, **{"refit": contest.champion.scores} | changes)) is None


# Too few rows
def test_rows_that_the_champion_has_seen_are_waited_for():
    """Trained to 09-04: 10-02 is unseen, and the last of four as_ofs, 10-23, has its labels on 10-23 + 28 + 2 days."""
    contest = make_contest()
    champion = Contestant(1, "xgboost", (*WEEKS, date(2017, 9, 4)), contest.champion.scores)
    verdict = compare(replace(contest, champion=champion))
    assert (verdict.outcome, verdict.compared_again_on, verdict.holdout_as_ofs) == (INCONCLUSIVE, date(2017, 11, 22), AS_OFS[3:])
    assert verdict.reasons[0] == (
        "1 as_ofs with labels lie 28 days or more after 2017-09-04, the last that either was trained on, and 4 are the fewest "
        "to compare on: there are enough from 2017-11-22."
    )


def test_rows_that_should_be_there_already_are_waited_for_without_a_day():
    contest = make_contest(as_of=date(2017, 11, 22))
    champion = Contestant(1, "xgboost", (*WEEKS, date(2017, 9, 4)), contest.champion.scores)
    verdict = compare(replace(contest, champion=champion))
    assert verdict.compared_again_on is None
    assert verdict.reasons[0].endswith("4 are the fewest to compare on.")


def test_two_as_ofs_are_the_fewest_for_a_first_champion():
    contest = first()
    few = contest.labels.index.get_level_values("as_of") == pd.Timestamp(AS_OFS[0])
    one = replace(
        contest,
        challenger=replace(contest.challenger, scores=contest.challenger.scores[few]),
        logistic=contest.logistic[few],
        recency=contest.recency[few],
        labels=contest.labels[few],
        segments=contest.segments[few],
    )
    assert "1 as_ofs with labels" in compare(one).reasons[0]
    assert "2 are the fewest to compare on" in compare(one).reasons[0]


def test_the_model_of_these_worlds_asks_for_eight_weeks_and_four():
    assert (MODEL.training.min_as_ofs, MODEL.training.holdout_as_ofs) == (8, 4)
