"""What outweighs what in a verdict: looks, vetoes and a short history; each on figures that a test writes."""

from dataclasses import replace
from datetime import date

import pytest

from perennial.compare import compare
from perennial.compare.assessment import Assessment
from perennial.compare.first import doubt_challenger, doubt_first
from perennial.compare.harm import Harm
from perennial.compare.verdict import (
    _assess,
    _assess_against_champion,
    _hold_for_history,
    _mention_guards,
    _mention_segments,
    _mention_time,
    _open_verdict,
)
from perennial.config.inputs import Source
from perennial.records import (
    CurrentStateUse,
    CurrentStateWorth,
    Guard,
    Interval,
    Look,
    MetricComparison,
    Outcome,
    RecipeChoice,
    SegmentComparison,
)
from tests.harm_worlds import MODEL
from tests.unit.test_compare_superiority import AS_OFS, make_contest

PROMOTE, REJECT, INCONCLUSIVE = Outcome.PROMOTE, Outcome.REJECT, Outcome.INCONCLUSIVE
WON = Look(AS_OFS, 0.02, 0.001, 0.5, 0.001, 3.0)
NOT_YET = Look(AS_OFS, 0.02, 0.01, 0.5, 0.001, 3.0)
VETO = Harm(vetoes=("Log-loss rises.", "So does the rest."))


def auc(estimate=0.02, champion=0.8):
    """The figures of a comparison: the AUC alone."""
    gain = Interval(estimate, estimate - 0.01, estimate + 0.01, 0.005)
    return (MetricComparison("brier", 0.1, 0.2, gain), MetricComparison("auc", champion, champion + estimate, gain))


# Vetoes
@pytest.mark.parametrize("look", [WON, NOT_YET], ids=["won", "undecided"])
def test_a_veto_beats_every_look(look):
    found = _assess_against_champion(make_contest(former=(look,)), auc(), VETO)
    assert (found.outcome, found.compared_again_on, found.looks) == (REJECT, None, (look,))
    assert found.reasons[:2] == VETO.vetoes
    assert found.reasons[2].startswith("Recipe 2, refitted every week, ranked better by +0.0200 AUC")


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


# Everything together
def first(**changes):
    return make_contest(champion=None, test=None, **changes)


LOSSES = {"booster": 0.2901, "logistic": 0.2873, "single_feature": 0.305}


def introduce(algorithm, choice):
    contest = first()
    return _assess(replace(contest, challenger=replace(contest.challenger, algorithm=algorithm), choice=choice), auc(), Harm())


def test_the_first_champion_is_the_lowest_log_loss_and_its_sentence_says_so():
    found = introduce("logistic", RecipeChoice(LOSSES))
    assert found.outcome is PROMOTE
    (sentence,) = found.reasons
    assert sentence.startswith(
        "First champion: lowest out-of-fold log-loss, .2873 (logistic regression) against .2901 (boosting)"
    )
    assert sentence.endswith(" and .3050 (single-feature rule).")


def test_a_booster_is_named_by_its_library():
    found = introduce("lightgbm", RecipeChoice({**LOSSES, "booster": 0.28}))
    assert ".2800 (LightGBM) against .2873 (logistic regression)" in found.reasons[0]


def test_a_first_champion_of_amounts_is_introduced_by_the_loss_of_its_task():
    losses = {"booster": 1290.128, "ridge": 12.5, "single_feature": 0.305}
    found = introduce("ridge", RecipeChoice(losses, loss="mean absolute error"))
    expected = "lowest out-of-fold mean absolute error, 12.50 (ridge regression) against .3050 (single-feature rule) and 1,290.13"
    assert expected in found.reasons[0]


@pytest.mark.parametrize(
    ("constant", "said"),
    [
        (None, "and 1,290.13 (boosting)."),
        (31.2, "and 1,290.13 (boosting). One score for all costs 31.20."),
        (0.305, "One score for all costs no more, .3050: nothing was found that holds on other as_ofs."),
    ],
)
def test_what_one_score_for_all_costs_stands_beside_the_losses(constant, said):
    losses = {"booster": 1290.128, "ridge": 12.5, "single_feature": 0.305}
    found = introduce("single_feature", RecipeChoice(losses, loss="mean absolute error", constant=constant))
    assert said in found.reasons[0]


def test_where_history_is_too_short_the_sentence_says_until_when():
    found = introduce("single_feature", RecipeChoice({}, enough_on=date(2017, 12, 6)))
    assert found.outcome is PROMOTE
    assert "too few to choose on" in found.reasons[0]
    assert found.reasons[0].endswith("there will be enough as_ofs on 2017-12-06.")


def test_a_remark_of_the_training_is_a_warning_and_asks_nobody():
    remark = "Nearly every entity has a value of its own in street."
    verdict = compare(replace(first(), choice=RecipeChoice(LOSSES, remarks=(remark,))))
    assert ((remark,), (), Outcome.PROMOTE) == (verdict.warnings, verdict.doubts, verdict.outcome)


def test_where_one_outcome_is_too_new_that_is_said_and_not_the_number_of_as_ofs():
    found = introduce("single_feature", RecipeChoice({}, enough_on=date(2017, 12, 6), is_outcome_new=True))
    assert "too few to choose" not in found.reasons[0]
    assert "enough of them, but one outcome is too new or too rare for folds" in found.reasons[0]
    assert found.reasons[0].endswith("there may be enough of it on 2017-12-06, at the earliest.")


def test_a_suspicion_of_a_leak_asks_a_person():
    assert doubt_first(replace(first(), choice=RecipeChoice(LOSSES, ("A column counts time?",)))) == ("A column counts time?",)
    assert doubt_first(replace(first(), choice=RecipeChoice(LOSSES))) == ()


def test_a_source_that_is_updated_in_place_asks_a_person():
    sources = {**MODEL.sources, "profiles": Source(times="current_state")}
    contest = replace(first(), model=MODEL.model_copy(update={"sources": sources}))
    assert [sentence.split(",")[0] for sentence in doubt_first(contest)] == ["It rests on profiles"]
    worth = CurrentStateWorth(CurrentStateUse(("profiles",), ("plan",)), 14, 0.811, 0.72, Interval(0.091, 0.085, 0.097, 0.003))
    asked = replace(contest, choice=RecipeChoice(LOSSES, ("A column counts time?",), current_state=worth))
    rests, counts = doubt_first(asked)
    assert rests.endswith(f"more than it can keep. {worth.sentence}")
    assert "0.811 with them and 0.720 without" in rests
    assert counts == "A column counts time?"


def test_a_challenger_that_newly_reads_a_source_updated_in_place_asks_a_person():
    use, gain = CurrentStateUse(("profiles",), ("plan", "score")), Interval(0.091, 0.085, 0.097, 0.003)
    worth = CurrentStateWorth(use, 14, 0.811, 0.72, gain)
    contest = make_contest(former=(WON,), choice=RecipeChoice(LOSSES, current_state=worth))
    champion = replace(contest.champion, features=("recency", "score"))
    (doubt,) = doubt_challenger(replace(contest, champion=champion))
    assert doubt.startswith("It reads plan from profiles, updated in place, and the champion does not: rows of the past")
    assert doubt.endswith(worth.sentence)
    assert doubt in compare(replace(contest, champion=champion)).doubts
    assert doubt_challenger(replace(contest, champion=replace(champion, features=("plan", "score")))) == ()
    assert doubt_challenger(make_contest()) == ()


def test_a_winner_whose_fit_has_learned_from_too_few_weeks_waits():
    contest = make_contest(former=(WON,))
    found = _assess(replace(contest, challenger=replace(contest.challenger, learned_as_ofs=7)), auc(), Harm())
    assert found.outcome is INCONCLUSIVE
    assert _assess(contest, auc(), Harm()).outcome is PROMOTE


@pytest.mark.parametrize(("as_ofs", "outcome", "again_on"), [(7, INCONCLUSIVE, date(2017, 11, 13)), (8, PROMOTE, None)])
def test_a_short_history_decides_nothing_until_the_weeks_that_are_missing_have_passed(as_ofs, outcome, again_on):
    contest = make_contest()
    contest = replace(contest, challenger=replace(contest.challenger, learned_as_ofs=as_ofs))
    found = _hold_for_history(contest, Assessment(PROMOTE, ("Won.",)))
    assert (found.outcome, found.compared_again_on, found.reasons[-1]) == (outcome, again_on, "Won.")


def test_a_short_history_is_counted_in_the_sentence():
    contest = make_contest()
    contest = replace(contest, challenger=replace(contest.challenger, learned_as_ofs=7))
    assert _hold_for_history(contest, Assessment(REJECT, ())).reasons == (
        "It was trained on 7 as_ofs, and 8 are the fewest to promote on: there are enough from 2017-11-13.",
    )


# What stands in every verdict
def number_recipes(contest):
    """Recipes have numbers of their own, whatever the versions that are their newest fits."""
    challenger, champion = replace(contest.challenger, recipe=12), replace(contest.champion, recipe=11)
    return replace(contest, challenger=challenger, champion=champion)


def test_a_verdict_counts_only_the_rows_that_were_compared():
    verdict = _open_verdict(number_recipes(make_contest(former=(WON,))), Assessment(PROMOTE, ("Won.",), looks=(WON,)), AS_OFS[:3])
    assert (verdict.rows, verdict.positives, verdict.holdout_as_ofs) == (3 * 260, 3 * 60, AS_OFS[:3])
    assert (verdict.model, verdict.as_of, verdict.outcome) == ("lapse", date(2017, 11, 6), PROMOTE)
    assert (verdict.challenger_version, verdict.champion_version) == (2, 1)
    assert (verdict.challenger_recipe, verdict.champion_recipe) == (12, 11)
    assert (verdict.side, verdict.alpha, verdict.looks) == ("superiority", 0.01, (WON,))
    assert (verdict.metrics, verdict.baselines, verdict.segments) == ((), (), ())
    assert verdict.reasons[0] == "Won."


def test_a_verdict_on_a_first_champion_has_no_opponent():
    verdict = _open_verdict(first(), Assessment(PROMOTE, ("Fit.",), date(2017, 11, 13)), AS_OFS)
    assert (verdict.champion_version, verdict.side, verdict.alpha) == (None, "first", None)
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
    assert _mention_segments((small, large, small), "positives") == ("2 of 3 segments hold too few positives to be assessed.",)
    assert _mention_segments((large,), "positives") == ()


def test_guards_that_nobody_could_assess_are_counted_among_all():
    unknown, held = (Guard("auc", None, 0.02, state, "It is so.") for state in ("not assessed", "held"))
    said = "2 of 3 guards not assessed: what they watch may be harmed unseen."
    assert _mention_guards((unknown, held, unknown)) == (said,)
    assert _mention_guards((held,)) == ()


# Too few rows
def test_rows_that_the_champion_has_seen_are_waited_for():
    """Chosen on 09-04: 10-02 is unseen, and the last of four as_ofs, 10-23, has its labels on 10-23 + 28 + 2 days."""
    contest = make_contest()
    champion = replace(contest.champion, chosen_on=date(2017, 9, 4))
    verdict = compare(replace(contest, champion=champion))
    assert (verdict.outcome, verdict.compared_again_on, verdict.holdout_as_ofs) == (INCONCLUSIVE, date(2017, 11, 22), AS_OFS[3:])
    assert verdict.reasons[0] == (
        "1 as_ofs with labels lie 28 days or more after 2017-09-04, the last that either recipe was chosen on, and 4 are the "
        "fewest to compare on: there are enough from 2017-11-22."
    )


def test_rows_that_should_be_there_already_are_waited_for_without_a_day():
    contest = make_contest(as_of=date(2017, 11, 22))
    champion = replace(contest.champion, chosen_on=date(2017, 9, 4))
    verdict = compare(replace(contest, champion=champion))
    assert verdict.compared_again_on is None
    assert verdict.reasons[0].endswith("4 are the fewest to compare on.")


def test_the_model_of_these_worlds_asks_for_eight_weeks_and_four():
    assert (MODEL.training.min_as_ofs, MODEL.training.holdout_as_ofs) == (8, 4)
