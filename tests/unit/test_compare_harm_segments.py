"""Guards over rows, segments and the blast radius at the edges of what can be assessed, on figures that a test writes."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from perennial import metrics
from perennial.compare.harm.guards import answer, say_finding
from perennial.compare.harm.pair import make_pair
from perennial.compare.harm.radius import doubt_blast_radius, measure_blast_radius
from perennial.compare.harm.segments import guard_segments
from perennial.compare.harm.whole import guard_whole
from tests.harm_worlds import declare, draw_contest
from tests.unit.test_compare_superiority import make_contest

CONTEST = make_contest(model=declare())
ENTITY = CONTEST.labels.index.get_level_values("entity_id").to_numpy()  # of 260 the first 60 are positive, on four days
CHAMPION = replace(CONTEST.champion, scores=CONTEST.champion.scores.clip(0.01, 0.99))


def cut(is_member, *, labels=None, ours=None, ask=guard_segments):
    """The guards of a world cut into `in` and `out`, by name."""
    segments = pd.DataFrame({"cut": np.where(is_member, "in", "out")}, index=CONTEST.labels.index)
    challenger = replace(CONTEST.challenger, scores=CHAMPION.scores if ours is None else ours)
    contest = replace(CONTEST, champion=CHAMPION, challenger=challenger, segments=segments)
    return answer_all(contest if labels is None else replace(contest, labels=labels), ask)


def answer_all(contest, ask=guard_segments):
    """Its guards of one kind, answered at level .10, by name."""
    return {guard.name: guard for guard in answer(tuple(ask(make_pair(contest, contest.champion))), 0.10)}


def label(is_positive):
    return pd.Series(is_positive.astype(int), index=CONTEST.labels.index)


def first_rows(rows, count):
    """The first so many of these rows."""
    return rows & (np.cumsum(rows) <= count)


# All rows
@pytest.mark.parametrize(("positives", "state"), [(50, "held"), (49, "not assessed")])
def test_fifty_positives_of_all_are_the_fewest(positives, state):
    found = cut(ENTITY < 130, labels=label(first_rows(ENTITY < 40, positives)), ask=guard_whole)
    assert {name: found[name].state for name in ("log_loss", "calibration", "precision")} == dict.fromkeys(
        ("log_loss", "calibration", "precision"), state
    )


@pytest.mark.parametrize(("entities", "state"), [(30, "held"), (29, "not assessed")])
def test_thirty_entities_of_all_are_the_fewest(entities, state):
    assert cut(ENTITY < 130, labels=label(ENTITY < entities), ask=guard_whole)["log_loss"].state == state


def test_what_is_not_assessed_says_how_much_there_was_and_what_would_have_been_borne():
    found = cut(ENTITY < 130, labels=label(ENTITY < 29), ask=guard_whole)
    said = {name: (found[name].sentence, found[name].tolerated) for name in ("log_loss", "calibration", "precision")}
    counted = "on 116 positives from 29 entities; 50 from 30 entities are the fewest."
    assert said == {
        "log_loss": (f"Not assessed: log_loss, {counted}", 0.003),
        "calibration": (f"Not assessed: calibration, {counted}", 0.01),
        "precision": (f"Not assessed: precision, {counted}", 0.02),
    }


# Segments
@pytest.mark.parametrize(("entities", "name"), [(30, "auc, cut = in"), (29, "cut = in")])
def test_thirty_positive_entities_of_a_segment_are_the_fewest(entities, name):
    assert name in cut((ENTITY < entities) | (ENTITY >= 200))


@pytest.mark.parametrize(("positives", "name"), [(50, "auc, cut = in"), (49, "cut = in")])
def test_fifty_positives_of_a_segment_are_the_fewest(positives, name):
    is_in = (ENTITY < 40) | (ENTITY >= 200)
    labels = label(first_rows(ENTITY < 40, positives) | ((ENTITY >= 100) & (ENTITY < 140)))
    assert name in cut(is_in, labels=labels)


def test_a_segment_that_is_too_small_is_counted():
    found = cut((ENTITY < 29) | (ENTITY >= 200))["cut = in"]
    assert found.sentence == "Not assessed: cut = in, on 116 positives from 29 entities; 50 from 30 entities are the fewest."
    assert (found.state, found.tolerated) == ("not assessed", 0.02)


def test_a_segment_without_enough_others_has_a_ranking_and_no_gaps():
    found = cut((ENTITY < 31) | (ENTITY >= 60))
    gaps = found["gaps, cut = in"]
    assert gaps.sentence == "Not assessed: the gaps between cut = in and everybody else, who hold too few positives."
    assert (gaps.tolerated, found["auc, cut = in"].state) == (0.05, "held")


@pytest.mark.parametrize(("negatives", "state"), [(30, "held"), (29, "not assessed")])
def test_thirty_negative_entities_are_the_fewest_to_rank_against(negatives, state):
    found = cut((ENTITY < 30) | (ENTITY >= 260 - negatives))
    assert found["auc, cut = in"].state == state


def test_a_ranking_without_negatives_says_how_many_there_are():
    found = cut((ENTITY < 30) | (ENTITY >= 231))["auc, cut = in"]
    assert found.sentence == "Not assessed: the ranking within cut = in, where only 29 entities have a negative label."
    assert found.tolerated == 0.02


def test_a_segment_in_which_every_day_has_one_class_is_not_ranked():
    """All are positive on the first two days and negative on the others."""
    day = np.repeat(np.arange(4), 260)
    is_in = ENTITY < 60
    found = cut(is_in, labels=label((is_in & (day < 2)) | ((ENTITY >= 60) & (ENTITY < 120))))
    assert found["auc, cut = in"].sentence == (
        "Not assessed: the ranking within cut = in, where every row of a day has the same label."
    )


@pytest.mark.mltest("M6")
def test_a_ranking_is_said_from_the_champions_to_the_challengers_auc():
    is_in = (ENTITY < 40) | (ENTITY >= 150)
    found = cut(is_in, ours=CONTEST.challenger.scores.clip(0.01, 0.99))["auc, cut = in"]
    labels = CONTEST.labels[is_in]
    before, after = (metrics.mean_auc(scores[is_in], labels) for scores in (CHAMPION.scores, CONTEST.challenger.scores))
    assert found.sentence.startswith(f"AUC within cut = in goes from {before:.4f} to {after:.4f}: a gain of ")
    assert found.gain.estimate == pytest.approx(after - before)


@pytest.mark.mltest("M7")
def test_what_is_missed_is_said_of_the_segment_and_of_everybody_else():
    """Of 30 positives in, the champion finds all and the challenger none; of the 30 out it is the other way round."""
    is_in = (ENTITY < 30) | (ENTITY >= 160)
    theirs = pd.Series(np.where(is_in, 0.9, 0.1), index=CONTEST.labels.index)
    contest = replace(
        CONTEST,
        champion=replace(CHAMPION, scores=theirs),
        challenger=replace(CONTEST.challenger, scores=1 - theirs),
        segments=pd.DataFrame({"cut": np.where(is_in, "in", "out")}, index=CONTEST.labels.index),
    )
    found = answer_all(contest)
    assert found["false_negative_rate_gap, cut = in"].sentence.startswith(
        "At equal list size, for the base rate has moved: Of the positives of cut = in 0.0% are missed, now 100.0%; of everybody "
        "else's the share changes by -100.0%: a loss of 1.0000"
    )
    assert found["selection_rate_gap, cut = in"].sentence.startswith(
        "At equal list size, for the base rate has moved: On the action list stand 100.0% of cut = in, now 0.0%; the distance to "
        "everybody else goes from "
        "100.0% to 100.0%: a gain of"
    )
    assert found["false_negative_rate_gap, cut = in"].state == "veto"
    assert (found["false_negative_rate_gap, cut = in"].tolerated, found["selection_rate_gap, cut = in"].tolerated) == (0.10, 0.05)


def test_how_a_loss_stands_to_what_is_borne_has_four_forms():
    assert [say_finding(finding, "0.02") for finding in ("held", "near", "doubtful", "veto")] == [
        "within the 0.02 that is borne",
        "more than the 0.02 that is borne by less than one standard error",
        "more than the 0.02 that is borne, though it may be chance",
        "wholly beyond the 0.02 that is borne",
    ]


# The blast radius
def draw_radius(moved, *, entities=30, capacity=None, **rules):
    """All are below the threshold, and the first so many of the newest day rise above it; the first 30 are `in`."""
    contest = draw_contest(entities=entities, model=declare(capacity=capacity, **rules))
    place, is_newest = np.tile(np.arange(entities), 4), np.repeat(np.arange(4), entities) == 3
    theirs = pd.Series(0.4 - place / 1000, index=contest.labels.index)
    ours = theirs.where(~((place < moved) & is_newest), 0.6)
    pair_of = replace(
        contest,
        challenger=replace(contest.challenger, scores=ours),
        champion=replace(contest.champion, scores=theirs),
        segments=pd.DataFrame({"cut": np.where(place < 30, "in", "out")}, index=contest.labels.index),
    )
    pair = make_pair(pair_of, pair_of.champion)
    radius = measure_blast_radius(pair)
    return radius, doubt_blast_radius(pair, radius)


def test_thirty_entities_make_a_segment_whose_flips_are_doubted():
    radius, doubts = draw_radius(9, entities=100, max_flips=0.2)
    assert radius.flips == {"cut = in": 0.3, "cut = out": 0.0}
    assert doubts == (
        "More than the 20% that may pass without a person would come onto or drop off the action list: 30% of cut = in.",
    )


def test_the_flips_of_fewer_are_shown_and_not_doubted():
    radius, doubts = draw_radius(3, entities=29, max_flips=0.2)
    assert (radius.entities, radius.flips, doubts) == (29, {"cut = in": 3 / 29}, ())


def test_the_top_tenth_is_rounded_up_to_whole_entities():
    """A tenth of 31 are four; all four stay."""
    radius, _ = draw_radius(0, entities=31)
    assert (radius.top_decile_overlap, radius.entering, radius.leaving) == (1.0, 0, 0)


def test_the_threshold_itself_is_on_the_list():
    contest = draw_contest(entities=30)
    flat = contest.champion.scores * 0 + 0.5
    pair = make_pair(replace(contest, challenger=replace(contest.challenger, scores=flat)), contest.champion)
    assert pair.ours.is_selected.all()


def test_with_a_capacity_so_many_of_each_day_are_on_the_list():
    contest = draw_contest(entities=30, model=declare(capacity=7))
    pair = make_pair(contest, contest.champion)
    assert pair.theirs.is_selected.reshape(4, 30).sum(axis=1).tolist() == [7, 7, 7, 7]


# A base rate that moved
def move_base_rate(push=2.0):
    """Segments that differ in risk; the champion's threshold selects few, and the challenger ranks alike at the new rate."""
    contest = draw_contest(entities=1_600)
    entities = contest.labels.index.get_level_values("entity_id")
    is_risky = entities % 4 == 0
    logit = np.log(contest.champion.scores / (1 - contest.champion.scores)) - 1.0 + 1.2 * is_risky
    theirs, ours = (1 / (1 + np.exp(-(logit + moved))) for moved in (0.0, push))
    segments = pd.DataFrame({"cut": np.where(is_risky, "risky", "calm")}, index=contest.labels.index)
    return replace(
        contest,
        challenger=replace(contest.challenger, scores=ours),
        champion=replace(contest.champion, scores=theirs),
        segments=segments,
    )


def test_the_correction_of_a_base_rate_moves_no_segment_away_from_the_others():
    """The list grows severalfold, and every gap with it; at equal size nobody has moved."""
    contest = move_base_rate()
    pair = make_pair(contest, contest.champion)
    assert pair.ours.is_selected.sum() > 2 * pair.theirs.is_selected.sum()
    found = answer_all(contest)
    gaps = {name: guard for name, guard in found.items() if "gap" in name}
    assert {guard.state for guard in gaps.values()} == {"held"}
    assert [guard.gain.estimate for guard in gaps.values()] == [0.0] * len(gaps)


def test_at_equal_size_the_champions_list_is_as_long_as_the_challengers_on_every_day():
    contest = move_base_rate()
    pair = make_pair(contest, contest.champion)
    listed = pair.theirs_listed.is_selected
    ours, theirs = (is_selected.reshape(4, -1).sum(axis=1) for is_selected in (pair.ours.is_selected, listed))
    assert ours.tolist() == theirs.tolist()
    is_first = pair.panel.days == 0
    assert pair.theirs.scores[listed & is_first].min() >= pair.theirs.scores[~listed & is_first].max()


def test_where_the_base_rate_stayed_everybody_keeps_the_own_list():
    contest = draw_contest(champion=0.3, challenger=0.9)
    pair = make_pair(contest, contest.champion)
    assert not pair.has_moved
    assert pair.theirs_listed is pair.theirs


@pytest.mark.parametrize(("share", "moved"), [(0.15, False), (0.30, True)])
def test_a_base_rate_has_moved_when_a_fifth_of_it_was_not_foretold(share, moved):
    contest = draw_contest(entities=4_000)
    rate = contest.labels.mean()
    level = contest.champion.scores * (1 - share) * rate / contest.champion.scores.mean()
    assert make_pair(contest, replace(contest.champion, scores=level)).has_moved is moved


def test_few_rows_do_not_show_that_a_base_rate_has_moved():
    contest = draw_contest(entities=40)
    level = contest.champion.scores * 0.7 * contest.labels.mean() / contest.champion.scores.mean()
    assert not make_pair(contest, replace(contest.champion, scores=level)).has_moved


@pytest.mark.mltest("M7")
def test_a_challenger_that_prefers_a_segment_is_seen_though_the_base_rate_moved():
    contest = move_base_rate()
    ours = contest.challenger.scores
    favoured = 1 / (1 + np.exp(-(np.log(ours / (1 - ours)) + 1.5 * (contest.segments["cut"] == "risky"))))
    found = answer_all(replace(contest, challenger=replace(contest.challenger, scores=favoured)))
    assert found["selection_rate_gap, cut = calm"].state == "veto"
