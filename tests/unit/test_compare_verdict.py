"""The verdict on drawn worlds: who is promoted, who is not, and what is said about it."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from perennial.compare import ComparisonInput, TestPlan, compare, unseen_as_ofs
from perennial.config import load_model
from perennial.errors import MetricNotFinite, MisalignedScores, OneClassLabels, RowsSeenInTraining
from perennial.records import Outcome, dump_json
from perennial.tasks import find_floor
from tests.harm_worlds import WEEKS, contend

MODEL = load_model(Path(__file__).parents[2] / "models" / "lapse.toml")
HOLDOUT = pd.to_datetime(["2017-09-11", "2017-09-18", "2017-09-25", "2017-10-02"])
ENTITIES = 800


def draw_scores(risk, *, noise, seed):
    """Probabilities of a model that sees the risk through so much persistent noise."""
    rng = np.random.default_rng(seed)
    seen = (risk + noise * rng.normal(size=ENTITIES)) / (1 + noise**2)
    return np.tile(1 / (1 + np.exp(1.5 - 1.5 * seen)), len(HOLDOUT))


def make_contest(*, challenger=0.0, champion=1.0, seed=1):
    """Smaller noise is a better model; `champion=None` means that there is none yet."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product([HOLDOUT, range(ENTITIES)], names=["as_of", "entity_id"])
    risk = rng.normal(size=ENTITIES)
    labels = pd.Series((rng.random(len(index)) < np.tile(1 / (1 + np.exp(1.5 - 1.5 * risk)), 4)).astype(int), index=index)
    segments = pd.DataFrame({"income": np.tile(np.where(np.arange(ENTITIES) % 2, "high", None), 4)}, index=index, dtype="object")

    def see(noise, who):
        return pd.Series(draw_scores(risk, noise=noise, seed=[seed, who]), index=index)

    return ComparisonInput(
        model=MODEL,
        as_of=date(2017, 11, 6),
        challenger=contend(2, see(challenger, 1)),
        champion=None if champion is None else contend(1, see(champion, 2), chosen_on=WEEKS[-2]),
        labels=labels,
        segments=segments,
        test=None if champion is None else TestPlan(alpha=0.0005, final=16, overlap=4, seed=7),
    )


def promotion(**limits):
    return MODEL.model_copy(update={"promotion": MODEL.promotion.model_copy(update=limits)})


def test_a_clear_gain_is_promoted():
    verdict = compare(make_contest())
    assert verdict.outcome == Outcome.PROMOTE
    assert "reaches the floor of +0.0" in verdict.reasons[0]
    assert "Over all looks together its lower bound is +0.0" in verdict.reasons[0]
    assert (verdict.side, verdict.alpha, len(verdict.looks)) == ("superiority", 0.0005, 1)
    assert verdict.looks[0].lower > 0


def test_an_equal_challenger_is_rejected_because_it_does_not_reach_the_floor():
    contest = make_contest(champion=0.0)
    nudged = contest.challenger.scores * (1 + 0.01 * np.random.default_rng(5).normal(size=len(contest.labels)))
    verdict = compare(replace(contest, champion=replace(contest.champion, scores=nudged)))
    assert verdict.outcome is Outcome.REJECT
    assert "does not reach the floor of +0.00" in verdict.reasons[0]


def test_a_gain_that_may_be_chance_is_inconclusive():
    contest = make_contest(challenger=0.3, champion=0.34)
    verdict = compare(replace(contest, model=promotion(min_gain=0.0001)))
    gain = verdict.metric("auc").gain
    assert gain.low <= 0 < gain.high
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "it may still be chance" in verdict.reasons[0] or "it may be chance" in verdict.reasons[0]
    assert verdict.compared_again_on == date(2017, 11, 8)  # 10-09 has matured: one more as_of


def test_a_gain_that_one_week_would_believe_is_not_enough_for_one_look_of_many():
    """Its 95 % interval lies above 0, and would in a quarter of all years of a challenger that is no better."""
    contest = make_contest(challenger=0.3, champion=0.45, seed=3)
    verdict = compare(replace(contest, model=promotion(min_gain=0.0001)))
    assert verdict.metric("auc").gain.low > 0 > verdict.looks[0].lower
    assert verdict.outcome is Outcome.INCONCLUSIVE


def test_a_sure_gain_below_the_floor_that_may_still_reach_it_is_inconclusive():
    contest = make_contest()
    gain = compare(contest).metric("auc")
    floor = (gain.gain.estimate + gain.gain.high) / 2 / min(gain.champion, 5 * (1 - gain.champion))
    verdict = compare(replace(contest, model=promotion(min_gain=floor)))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "is above 0, but below the floor" in verdict.reasons[0]


@pytest.mark.parametrize("name", ["log_loss", "brier"])
def test_less_loss_is_a_gain(name):
    found = compare(make_contest()).metric(name)
    assert found.challenger < found.champion
    assert found.gain.low > 0


def test_every_metric_is_compared():
    assert [metric.metric for metric in compare(make_contest()).metrics] == [
        "auc",
        "average_precision",
        "log_loss",
        "brier",
        "precision_at_recall",
        "calibration_error",
    ]


def test_the_first_champion_has_nobody_to_beat():
    verdict = compare(make_contest(champion=None, challenger=2.0))
    assert (verdict.outcome, verdict.champion_version) == (Outcome.PROMOTE, None)
    assert (verdict.challenger_recipe, verdict.champion_recipe) == (2, None)
    assert verdict.reasons[0].startswith("First champion: XGBoost (version 2)")
    assert verdict.metric("auc").gain is None


def test_harm_to_one_segment_is_a_veto_whatever_the_gain_for_all():
    contest = make_contest(champion=1.0)
    is_harmed = contest.labels.index.get_level_values("entity_id") >= 730
    challenger = replace(
        contest.challenger, scores=contest.challenger.scores.where(~is_harmed, 0.4 - 0.4 * contest.challenger.scores)
    )
    segments = contest.segments.assign(income=np.where(is_harmed, "harmed", "rest"))
    verdict = compare(replace(contest, challenger=challenger, segments=segments))
    assert verdict.metric("auc").gain.low > 0
    assert verdict.outcome is Outcome.REJECT
    assert "income = harmed" in verdict.reasons[0]
    assert any(guard.state == "veto" and "income = harmed" in guard.name for guard in verdict.guards)


def test_a_missing_segment_value_is_a_segment_of_its_own():
    assert [(s.segment, s.value, s.is_assessed) for s in compare(make_contest()).segments] == [
        ("income", "(missing)", True),
        ("income", "high", True),
    ]


def test_a_segment_with_few_positives_is_listed_but_not_assessed():
    contest = make_contest()
    segments = contest.segments.copy()
    segments["income"] = np.where(contest.labels.index.get_level_values("entity_id") < 20, "rare", "common")
    verdict = compare(replace(contest, segments=segments))
    rare = next(segment for segment in verdict.segments if segment.value == "rare")
    assert (rare.rows, rare.is_assessed, rare.gain) == (80, False, None)
    unassessed = sum(guard.state == "not assessed" for guard in verdict.guards)
    said = f"{unassessed} of {len(verdict.guards)} guards not assessed: what they watch may be harmed unseen."
    assert said in verdict.reasons


def test_many_positives_of_few_entities_do_not_make_an_assessed_segment():
    contest = make_contest()
    is_small = contest.labels.index.get_level_values("entity_id") < 25
    labels = contest.labels.where(~is_small, 1)
    segments = contest.segments.assign(income=np.where(is_small, "small", "rest"))
    small = compare(replace(contest, labels=labels, segments=segments)).segments[1]
    assert (small.value, small.positives, small.is_assessed) == ("small", 100, False)


def test_an_empty_account_of_errors_tests_nothing_and_names_the_day():
    verdict = compare(replace(make_contest(), test=None, account_frees_on=date(2018, 1, 8)))
    assert (verdict.outcome, verdict.compared_again_on, verdict.looks) == (Outcome.INCONCLUSIVE, date(2018, 1, 8), ())
    assert verdict.reasons[0].startswith("The account of false promotions is empty until 2018-01-08")


@pytest.mark.parametrize(("label", "others"), [("positive", 0), ("negative", 1)])
def test_fewer_than_thirty_entities_of_one_class_decide_nothing(label, others):
    contest = make_contest()
    is_early = contest.labels.index.get_level_values("entity_id") < 29
    few = pd.Series(np.where(is_early, 1 - others, others), contest.labels.index)
    verdict = compare(replace(contest, labels=few))
    assert (verdict.outcome, verdict.looks) == (Outcome.INCONCLUSIVE, ())
    assert f"Only 29 different entities carry a {label} label, and 30 are the fewest to decide on." == verdict.reasons[0]


def test_thirty_entities_of_the_rarer_class_are_enough():
    contest = make_contest()
    few = pd.Series(np.where(contest.labels.index.get_level_values("entity_id") < 30, 0, 1), contest.labels.index)
    assert len(compare(replace(contest, labels=few)).looks) == 1


@pytest.mark.parametrize(("auc", "floor"), [(0.5, 0.005), (0.8, 0.008), (0.86, 0.007), (0.98, 0.001), (1.0, 0.0)])
def test_the_floor_asks_for_a_share_of_the_auc_and_never_for_much_of_what_is_left(auc, floor):
    assert find_floor(0.01, auc) == pytest.approx(floor)


def test_the_same_rows_are_looked_at_once():
    first = compare(make_contest())
    again = compare(replace(make_contest(), former=first.looks))
    assert again.looks == first.looks


def test_an_as_of_that_was_looked_at_and_is_gone_is_an_error():
    contest = make_contest()
    former = replace(compare(contest).looks[0], as_ofs=(date(2017, 9, 4), date(2017, 9, 11)))
    with pytest.raises(MisalignedScores, match="not there any more: 2017-09-04"):
        compare(replace(contest, former=(former,)))


def test_every_verdict_names_its_knowledge_lag():
    verdict = compare(make_contest())
    assert verdict.knowledge_lag_days == 84
    assert verdict.reasons[-1] == "The newest rows it was trained on are of 2017-08-14, a knowledge lag of 84 days on 2017-11-06."


def test_a_verdict_after_drift_says_when_the_shifted_rows_can_be_assessed():
    verdict = compare(replace(make_contest(), shifted_labels_mature_on=date(2017, 12, 20)))
    assert any("labels of the shifted rows mature from 2017-12-20" in reason for reason in verdict.reasons)


def test_a_short_history_promotes_nothing_and_says_when_it_is_long_enough():
    contest = make_contest()
    verdict = compare(replace(contest, challenger=replace(contest.challenger, learned_as_ofs=5)))
    assert (verdict.outcome, verdict.compared_again_on) == (Outcome.INCONCLUSIVE, date(2017, 11, 27))
    assert verdict.reasons[0].startswith("It was trained on 5 as_ofs, and 8 are the fewest")


def test_rows_within_the_embargo_of_the_challengers_choice_are_an_error():
    contest = make_contest()
    late = replace(contest.challenger, chosen_on=date(2017, 8, 21))
    with pytest.raises(RowsSeenInTraining, match="recipe 2 was chosen on as_ofs up to 2017-08-21, so rows before 2017-09-18"):
        compare(replace(contest, challenger=late))


def test_rows_that_the_champion_has_seen_are_an_error_while_others_could_be_chosen():
    contest = make_contest()
    newer = replace(contest.champion, chosen_on=date(2017, 8, 21))
    with pytest.raises(RowsSeenInTraining, match="recipe 1"):
        compare(replace(contest, champion=newer))


def test_a_champion_that_has_seen_almost_all_rows_is_assessed_again_when_four_as_ofs_have_matured():
    """Chosen on 09-04: 10-02 to 10-23 are unseen, and the labels of 10-23 mature on 10-23 + 28 + 2 days."""
    contest = make_contest()
    newer = replace(contest.champion, chosen_on=date(2017, 9, 4))
    verdict = compare(replace(contest, champion=newer))
    assert (verdict.outcome, verdict.compared_again_on) == (Outcome.INCONCLUSIVE, date(2017, 11, 22))
    assert (verdict.holdout_as_ofs, verdict.rows, verdict.metrics) == ((date(2017, 10, 2),), ENTITIES, ())
    assert verdict.reasons[0].endswith("4 are the fewest to compare on: there are enough from 2017-11-22.")


def test_a_first_champion_needs_no_rows_to_be_measured_on():
    contest = make_contest(champion=None)
    nothing = replace(
        contest,
        challenger=replace(contest.challenger, scores=contest.challenger.scores.iloc[:0]),
        labels=contest.labels.iloc[:0],
        segments=contest.segments.iloc[:0],
    )
    assert (compare(nothing).outcome, compare(nothing).rows, compare(nothing).metrics) == (Outcome.PROMOTE, 0, ())


def test_unseen_as_ofs_begin_the_embargo_after_the_last_choice():
    found = unseen_as_ofs((date(2017, 9, 4), date(2017, 9, 11)), (date(2017, 8, 7), date(2017, 8, 14)), embargo=MODEL.embargo)
    assert found == (date(2017, 9, 11),)


def test_segments_that_lack_a_row_are_misaligned():
    contest = make_contest()
    with pytest.raises(MisalignedScores, match="3199 rows stand against 3200"):
        compare(replace(contest, segments=contest.segments.iloc[1:]))


def test_a_champion_on_other_rows_is_misaligned():
    contest = make_contest()
    moved = contest.champion.scores.rename(lambda entity: entity + 1, level="entity_id")
    with pytest.raises(MisalignedScores):
        compare(replace(contest, champion=replace(contest.champion, scores=moved)))


def test_a_nan_score_is_an_error_and_not_a_rejection():
    contest = make_contest()
    broken = contest.challenger.scores.where(np.arange(len(contest.labels)) != 5)
    with pytest.raises(MetricNotFinite):
        compare(replace(contest, challenger=replace(contest.challenger, scores=broken)))


def test_labels_of_one_class_are_an_error():
    contest = make_contest()
    with pytest.raises(OneClassLabels):
        compare(replace(contest, labels=contest.labels * 0))


def test_the_order_of_rows_changes_no_outcome_and_no_sentence():
    contest = make_contest()
    rng = np.random.default_rng(9)

    def shuffle(rows):
        return rows.iloc[rng.permutation(len(rows))]

    shuffled = replace(
        contest,
        challenger=replace(contest.challenger, scores=shuffle(contest.challenger.scores)),
        champion=replace(contest.champion, scores=shuffle(contest.champion.scores)),
        **{name: shuffle(getattr(contest, name)) for name in ("labels", "segments")},
    )
    straight, turned = compare(contest), compare(shuffled)
    assert (straight.outcome, straight.reasons) == (turned.outcome, turned.reasons)


def test_a_verdict_is_stored_as_json():
    assert '"outcome":"PROMOTE"' in dump_json(compare(make_contest()))
