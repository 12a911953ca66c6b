"""What a promotion would harm, on drawn worlds: which guard speaks, which is silent, and in which words."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame, false_negative_rate, selection_rate

from perennial.compare.clusters import sum_by_cluster
from perennial.compare.harm import Harm, assess_harm
from perennial.compare.measures import compare_metrics
from perennial.config.promotion import Tolerated
from perennial.metrics.capacity import precision_at_capacity
from perennial.records import dump_json
from tests.harm_worlds import DAYS, MODEL, NOTHING_BORNE, WEEKS, cut_segments, declare, draw_contest, enter, sigmoid


def challenge(contest, scores):
    return replace(contest, challenger=replace(contest.challenger, scores=scores))


def equals(**options):
    """A challenger that says what the champion says."""
    contest = draw_contest(**options)
    return challenge(contest, contest.champion.scores)


def push(contest, is_pushed, *, by):
    """Equal models, but for some rows, whose scores are moved on the scale of log-odds."""
    scores = contest.champion.scores
    return challenge(contest, sigmoid(np.log(scores / (1 - scores)) + by * is_pushed))


def is_in(contest, column, value):
    return contest.segments[column] == value


def guard(harm, name):
    return next(each for each in harm.guards if each.name == name)


def states(harm, kind):
    return {each.name: each.state for each in harm.guards if each.name.startswith(kind)}


def test_without_a_champion_nothing_can_be_harmed():
    assert assess_harm(replace(draw_contest(), champion=None)) == Harm((), None, (), ())


def test_a_challenger_that_says_the_same_harms_nothing_and_changes_nothing():
    harm = assess_harm(replace(equals(), model=declare(tolerated=NOTHING_BORNE)))
    assert {each.state for each in harm.guards} == {"held", "not assessed"}
    assert (harm.doubts, harm.vetoes) == ((), ())
    assert (harm.blast_radius.top_decile_overlap, harm.blast_radius.entering, harm.blast_radius.leaving) == (1, 0, 0)


def test_every_question_is_asked_once_and_in_order():
    assert [each.name for each in assess_harm(draw_contest()).guards] == [
        "log_loss",
        "calibration",
        "precision",
        "auc, income = high",
        "selection_rate_gap, income = high",
        "false_negative_rate_gap, income = high",
        "auc, income = low",
        "selection_rate_gap, income = low",
        "false_negative_rate_gap, income = low",
        "auc, income = middle",
        "selection_rate_gap, income = middle",
        "false_negative_rate_gap, income = middle",
        "auc, region = east",
        "selection_rate_gap, region = east",  # of two values, each is as far from the other
        "false_negative_rate_gap, region = east",
        "auc, region = west",
        "false_negative_rate_gap, region = west",
        "model_size",
        "scoring_time",
    ]


def test_overconfident_scores_are_vetoed_though_they_rank_the_same():
    contest = equals()
    scores = contest.champion.scores
    harm = assess_harm(challenge(contest, sigmoid(3 * np.log(scores / (1 - scores)))))
    assert {guard(harm, name).state for name in ("log_loss", "calibration")} == {"veto"}
    assert set(states(harm, "auc").values()) == {"held"}
    assert harm.vetoes == (guard(harm, "log_loss").sentence, guard(harm, "calibration").sentence)


def test_a_sentence_says_what_how_much_and_what_is_borne():
    contest = equals()
    harm = assess_harm(challenge(contest, sigmoid(4 * np.log(contest.champion.scores / (1 - contest.champion.scores)))))
    found = guard(harm, "log_loss")
    assert found.sentence.startswith("Log-loss goes from 0.")
    assert f"a loss of {-found.gain.estimate:.4f} [{-found.gain.high:+.4f}, {-found.gain.low:+.4f}]" in found.sentence
    assert found.sentence.endswith("wholly beyond the 0.003 that is borne.")


def borne_by(contest, standard_errors):
    """The rules under which the loss of log-loss lies so many standard errors beyond what is borne."""
    found = guard(assess_harm(contest), "log_loss")
    return declare(tolerated=Tolerated(log_loss=-found.gain.estimate - standard_errors * found.gain.standard_error))


@pytest.mark.parametrize(("standard_errors", "state"), [(0.9, "held"), (1.1, "doubtful"), (3.5, "veto"), (-0.1, "held")])
def test_a_doubt_lies_beyond_what_is_borne_and_one_standard_error(standard_errors, state):
    contest = draw_contest(champion=0.6, challenger=1.2)
    harm = assess_harm(replace(contest, model=borne_by(contest, standard_errors)))
    assert guard(harm, "log_loss").state == state
    is_near = "that is borne by less than one standard error." in guard(harm, "log_loss").sentence
    assert is_near == (standard_errors == 0.9)
    assert (guard(harm, "log_loss").sentence in harm.doubts) == (state == "doubtful")


def test_a_loss_that_may_be_chance_is_a_doubt_and_no_veto():
    contest = draw_contest(champion=0.6, challenger=0.9)
    found = guard(assess_harm(contest), "log_loss")
    narrow = Tolerated(log_loss=-found.gain.estimate - 1.2 * found.gain.standard_error)
    harm = assess_harm(replace(contest, model=declare(tolerated=narrow)))
    assert guard(harm, "log_loss").state == "doubtful"
    assert guard(harm, "log_loss").sentence in harm.doubts
    assert "though it may be chance" in harm.doubts[0]
    assert guard(harm, "log_loss").sentence not in harm.vetoes


def test_a_worse_precision_is_vetoed():
    harm = assess_harm(draw_contest(champion=0.3, challenger=1.2))
    assert guard(harm, "precision").state == "veto"
    assert "Precision at 80% recall goes from" in guard(harm, "precision").sentence


def test_with_a_capacity_what_is_found_within_it_is_assessed():
    contest = draw_contest(champion=0.3, challenger=1.2, model=declare(capacity=60))
    found = guard(assess_harm(contest), "precision")
    assert found.sentence.startswith("Of the 60 that are acted on in a day, the share of positives goes from")
    assert found.state == "veto"


def test_what_those_acted_on_are_worth_is_shown_and_guarded():
    """A yes is worth 9 and a no costs 1: the list of 60 comes to so much more where more of it come true."""
    label = MODEL.label.model_copy(update={"value": "margin"})
    model = declare(capacity=60).model_copy(update={"label": label})
    contest = draw_contest(champion=0.3, challenger=1.2, model=model)
    told = sum_by_cluster(replace(contest, beside={"value": 10.0 * contest.labels - 1}))
    found = guard(assess_harm(told), "value")
    assert found.sentence.startswith("What the 60 that are acted on in a day come to goes from")
    assert found.state == "veto"
    shown = {metric.metric: metric for metric in compare_metrics(told)}
    expected = 10 * 60 * precision_at_capacity(contest.challenger.scores, contest.labels, capacity=60) - 60
    assert shown["value"].challenger == pytest.approx(expected)
    assert shown["value"].gain.high < 0
    assert 0 < shown["ndcg"].challenger < shown["ndcg"].champion < 1


def test_a_segment_whose_ranking_is_lost_is_named():
    contest = equals()
    rng = np.random.default_rng(5)
    is_lost = is_in(contest, "income", "middle")
    shuffled = contest.champion.scores.where(~is_lost, rng.permutation(contest.champion.scores))
    harm = assess_harm(challenge(contest, shuffled))
    assert states(harm, "auc, income") == {
        "auc, income = high": "held",
        "auc, income = low": "held",
        "auc, income = middle": "veto",
    }
    assert any(sentence.startswith("AUC within income = middle goes from 0.") for sentence in harm.vetoes)


def test_a_segment_whose_positives_are_missed_is_named():
    contest = equals()
    harm = assess_harm(push(contest, is_in(contest, "income", "low"), by=-1.0))
    assert states(harm, "false_negative_rate_gap, income") == {
        "false_negative_rate_gap, income = high": "held",
        "false_negative_rate_gap, income = low": "veto",
        "false_negative_rate_gap, income = middle": "held",
    }


def test_positives_missed_everywhere_alike_harm_no_segment():
    contest = equals()
    harm = assess_harm(push(contest, pd.Series(1, index=contest.labels.index), by=-1.0))
    assert set(states(harm, "false_negative_rate_gap").values()) == {"held"}


def test_a_segment_is_not_harmed_by_what_others_gain():
    contest = equals()
    harm = assess_harm(push(contest, is_in(contest, "income", "low"), by=1.0))
    assert set(states(harm, "false_negative_rate_gap, income").values()) == {"held"}


@pytest.mark.parametrize(("first", "then", "state"), [(0.0, 1.5, "veto"), (1.5, 0.0, "held"), (1.5, -1.5, "held")])
def test_a_segment_may_come_nearer_to_everybody_else_but_not_move_away(first, then, state):
    contest = equals()
    is_pushed = is_in(contest, "region", "east")
    before, after = push(contest, is_pushed, by=first), push(contest, is_pushed, by=then)
    moved = replace(after, champion=replace(contest.champion, scores=before.challenger.scores))
    assert guard(assess_harm(moved), "selection_rate_gap, region = east").state == state


def test_gaps_are_fairlearns_differences_between_a_segment_and_everybody_else():
    contest = draw_contest(champion=0.3, challenger=0.9)
    members = is_in(contest, "income", "high")

    def gaps(scores):
        metrics = {"selected": selection_rate, "missed": false_negative_rate}
        found = MetricFrame(metrics=metrics, y_true=contest.labels, y_pred=scores >= 0.5, sensitive_features=members)
        return found.difference(), found.by_group.loc[True]

    (before, figures_before), (after, figures_after) = gaps(contest.champion.scores), gaps(contest.challenger.scores)
    selected = guard(assess_harm(contest), "selection_rate_gap, income = high")
    assert selected.gain.estimate == pytest.approx(before["selected"] - after["selected"])
    assert f"stand {figures_before['selected']:.1%} of income = high, now {figures_after['selected']:.1%}" in selected.sentence
    missed = guard(assess_harm(contest), "false_negative_rate_gap, income = high")
    assert f"{figures_before['missed']:.1%} are missed, now {figures_after['missed']:.1%}" in missed.sentence


def test_a_segment_with_few_positives_is_listed_and_not_assessed():
    contest = draw_contest()
    entity = contest.labels.index.get_level_values("entity_id")
    segments = contest.segments.assign(income=np.where(entity < 15, "rare", "common"))
    harm = assess_harm(replace(contest, segments=segments))
    rare, gaps = guard(harm, "income = rare"), guard(harm, "gaps, income = common")
    assert (rare.state, rare.gain, gaps.state, gaps.gain) == ("not assessed", None, "not assessed", None)
    assert rare.sentence.endswith("entities; 50 from 30 entities are the fewest.")
    assert states(harm, "auc, income") == {"auc, income = common": "held"}
    assert not any("rare" in sentence for sentence in (*harm.doubts, *harm.vetoes))


def test_a_missing_value_is_a_segment_of_its_own():
    contest = draw_contest()
    segments = contest.segments.assign(region=contest.segments["region"].where(is_in(contest, "region", "east")))
    names = [each.name for each in assess_harm(replace(contest, segments=segments)).guards]
    assert "auc, region = (missing)" in names


def test_too_few_positives_of_all_leave_every_guard_unassessed():
    contest = draw_contest(entities=40)
    rare = contest.labels.where(contest.labels.index.get_level_values("entity_id") < 20, 0)
    harm = assess_harm(replace(contest, labels=rare))
    assert {each.state for each in harm.guards} == {"not assessed"}
    assert "Not assessed: log_loss, on" in harm.guards[0].sentence


def weigh(contest, ours, theirs):
    challenger, champion = replace(contest.challenger, size_bytes=ours), replace(contest.champion, size_bytes=theirs)
    return guard(assess_harm(replace(contest, challenger=challenger, champion=champion)), "model_size")


@pytest.mark.parametrize(("ours", "state"), [(80_000_000, "held"), (80_000_001, "veto"), (None, "not assessed")])
def test_a_size_is_known_without_error_and_never_a_doubt(ours, state):
    assert weigh(draw_contest(), ours, 20_000_000).state == state


def test_a_size_is_said_in_megabytes_and_times():
    found = weigh(draw_contest(), 110_000_000, 20_000_000)
    assert found.sentence == (
        "The model's files hold 110.00 MB, the champion's 20.00 MB: 5.5 times as much, wholly beyond the 4 times that is borne."
    )
    assert (found.gain.estimate, found.gain.low, found.gain.high, found.tolerated) == (-4.5, -4.5, -4.5, 3)


def test_a_logistic_regression_of_a_few_kilobytes_keeps_no_booster_out():
    assert weigh(draw_contest(), 400_000, 5_000).sentence == (
        "The model's files hold 0.40 MB, the champion's 0.01 MB (counted as 10 MB: nobody notices less): 0.0 times as much, "
        "within the 4 times that is borne."
    )


def clock(contest, ours, theirs):
    challenger = replace(contest.challenger, seconds_per_1000_rows=tuple(ours))
    champion = replace(contest.champion, seconds_per_1000_rows=tuple(theirs))
    return guard(assess_harm(replace(contest, challenger=challenger, champion=champion)), "scoring_time")


@pytest.mark.parametrize(
    ("ours", "state"),
    [([1.1] * 11, "held"), ([5.0] * 11, "veto"), ([5.0] * 6 + [1.0] * 5, "doubtful"), ([5.0] * 8, "not assessed")],
)
def test_a_slower_model_is_stopped_when_nearly_every_timing_says_so(ours, state):
    assert clock(draw_contest(), ours, [1.0] * len(ours)).state == state


def test_a_time_is_said_in_seconds_and_times():
    assert clock(draw_contest(), [5.0] * 11, [1.0] * 11).sentence == (
        "Scoring 1,000 rows takes 5.000 s, the champion 1.000 s: 5.0 times [5.0, 5.0] as long, "
        "wholly beyond the 4 times that is borne."
    )


def test_a_time_that_nobody_notices_says_so():
    assert clock(draw_contest(), [0.1] * 11, [0.01] * 11).sentence == (
        "Scoring 1,000 rows takes 0.100 s, the champion 0.010 s (counted as 0.25 s: nobody notices less): "
        "0.4 times [0.4, 0.4] as long, within the 4 times that is borne."
    )


def draw_small():
    """Twenty entities on the newest day: entity 0 leaves the top tenth and the list, entities 2 and 3 come onto the list."""
    index = pd.MultiIndex.from_product([DAYS[:2], range(20)], names=["as_of", "entity_id"])
    theirs = np.tile(np.linspace(0.68, 0.11, 20), 2)
    theirs[22:26] = [0.49, 0.48, 0.47, 0.46]
    ours = theirs.copy()
    ours[20], ours[22], ours[23] = 0.2, 0.66, 0.55
    segments = pd.DataFrame({"side": np.tile(np.where(np.arange(20) < 3, "top", "rest"), 2)}, index=index)
    labels = pd.Series(np.tile([1, 0], 20), index=index)
    return enter(declare(), labels, pd.Series(ours, index=index), pd.Series(theirs, index=index), segments)


def test_the_blast_radius_counts_who_moves_on_the_newest_day():
    radius = assess_harm(draw_small()).blast_radius
    assert (radius.as_of, radius.entities, radius.top_decile_overlap) == (date(2017, 9, 18), 20, 0.5)
    assert (radius.entering, radius.leaving) == (2, 1)
    assert radius.flips == {"side = rest": 1 / 17, "side = top": 2 / 3}
    assert radius.sentence == (
        "On 2017-09-18 50% of the champion's top tenth would stay, and of 20 entities 2 would come onto the action list of 3 "
        "and 1 drop off it."
    )


def test_with_a_capacity_the_action_list_is_the_first_of_a_day():
    contest = replace(draw_small(), model=declare(capacity=2))
    radius = assess_harm(contest).blast_radius
    assert (radius.entering, radius.leaving) == (1, 1)


def test_a_wide_blast_radius_is_a_persons_to_approve():
    rules = declare(min_top_decile_overlap=0.51, max_flips=0.14)
    assert assess_harm(replace(draw_small(), model=rules)).doubts == (
        "50% of the champion's top tenth would stay, fewer than the 51% that may pass without a person.",
        "More than the 14% that may pass without a person would come onto or drop off the action list: 15% of all entities.",
    )


def test_a_blast_radius_at_the_limit_passes():
    assert assess_harm(replace(draw_small(), model=declare(min_top_decile_overlap=0.5, max_flips=0.15))).doubts == ()


def test_a_segment_that_flips_is_a_doubt_of_its_own():
    contest = equals()
    harm = assess_harm(push(contest, is_in(contest, "income", "high"), by=3.0))
    assert "% of income = high" in harm.warnings[-1]
    assert "income = low" not in harm.warnings[-1]
    assert not any("% of income = high" in doubt for doubt in harm.doubts)


def test_a_wide_blast_radius_warns_and_asks_nobody_unless_the_model_file_sets_limits():
    warned = assess_harm(replace(draw_small(), model=declare(min_top_decile_overlap=None, max_flips=None)))
    assert warned.doubts == ()
    assert warned.warnings == ("50% of the champion's top tenth would stay, fewer than the 60% that pass without a warning.",)
    only_flips = assess_harm(replace(draw_small(), model=declare(min_top_decile_overlap=None, max_flips=0.14)))
    assert len(only_flips.doubts) == 1


def test_the_order_of_rows_changes_nothing():
    contest = draw_contest(champion=0.4, challenger=0.8)
    rng = np.random.default_rng(9)

    def shuffle(rows):
        return rows.iloc[rng.permutation(len(rows))]

    shuffled = replace(
        contest,
        challenger=replace(contest.challenger, scores=shuffle(contest.challenger.scores)),
        champion=replace(contest.champion, scores=shuffle(contest.champion.scores)),
        labels=shuffle(contest.labels),
        segments=shuffle(contest.segments),
    )
    straight, turned = assess_harm(contest), assess_harm(shuffled)
    assert [each.sentence for each in straight.guards] == [each.sentence for each in turned.guards]
    assert straight.blast_radius == turned.blast_radius


def test_harm_is_stored_as_json():
    assert '"state":"held"' in dump_json(assess_harm(draw_contest()))


def test_equal_scores_are_listed_by_entity():
    """All scores are equal: the first tenth is the same entities for both, and nobody moves."""
    contest = draw_contest()
    flat = contest.champion.scores * 0 + 0.3
    even = replace(challenge(contest, flat), champion=replace(contest.champion, scores=flat), model=declare(capacity=50))
    radius = assess_harm(even).blast_radius
    assert (radius.top_decile_overlap, radius.entering, radius.leaving) == (1, 0, 0)


def test_segments_of_a_world_are_cut_without_regard_to_risk():
    """The worlds above rest on it: the three values of income are as risky as each other."""
    contest = draw_contest(entities=20_000)
    rates = contest.labels.groupby(contest.segments["income"]).mean()
    assert rates.max() - rates.min() < 0.02
    assert cut_segments(contest.labels.index, np.random.default_rng(1)).shape == (80_000, 2)
    assert len(WEEKS) >= contest.model.training.min_as_ofs
