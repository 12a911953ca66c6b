"""Rows that are copies of each other are one piece of evidence, wherever the gate counts or sums entities."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from perennial.compare import compare
from perennial.compare.clusters import sum_by_cluster
from perennial.compare.harm.pair import make_pair
from perennial.compare.superiority import assess_superiority
from perennial.errors import MisalignedScores
from perennial.metrics import name_clusters, paired_auc_by_day, paired_loss_difference
from perennial.records import Interval
from tests.harm_worlds import DAYS
from tests.unit.test_compare_superiority import make_contest

COPIES = 5
GAIN = Interval(0.02, 0.01, 0.03, 0.005)


def copy_rows(series):
    """Every row five times over, each copy an entity of its own."""
    again = series.loc[series.index.repeat(COPIES)]
    entities = again.index.get_level_values("entity_id") * COPIES + np.tile(np.arange(COPIES), len(series))
    return again.set_axis(
        pd.MultiIndex.from_arrays([again.index.get_level_values("as_of"), entities], names=["as_of", "entity_id"])
    )


def make_copies(**changes):
    """A contest in which every entity has four copies, and the clusters that say so."""
    contest = make_contest(**changes)
    labels = copy_rows(contest.labels)
    return replace(
        contest,
        challenger=replace(contest.challenger, scores=copy_rows(contest.challenger.scores)),
        champion=replace(contest.champion, scores=copy_rows(contest.champion.scores)),
        labels=labels,
        segments=pd.DataFrame(index=labels.index),
        clusters=pd.Series((labels.index.get_level_values("entity_id") // COPIES).astype(str), index=labels.index),
    )


def measure(contest):
    return paired_auc_by_day(contest.challenger.scores, contest.champion.scores, contest.labels)


def test_copies_add_no_evidence_on_a_gain():
    single, clustered = measure(make_contest()), measure(sum_by_cluster(make_copies()))
    assert clustered.estimate == pytest.approx(single.estimate)
    assert clustered.standard_error == pytest.approx(single.standard_error, rel=1e-6)
    assert clustered.entities_by_group == {"carry a positive label": 60, "carry a negative label": 200}


def test_counted_one_by_one_copies_make_the_error_too_small():
    counted, clustered = measure(make_copies()), measure(sum_by_cluster(make_copies()))
    assert clustered.standard_error / counted.standard_error == pytest.approx(np.sqrt(COPIES), rel=0.01)


def test_copies_add_no_evidence_on_a_loss():
    single, clustered = (
        paired_loss_difference(c.challenger.scores.clip(0, 1), c.champion.scores, c.labels)
        for c in (make_contest(), sum_by_cluster(make_copies()))
    )
    assert clustered.standard_error == pytest.approx(single.standard_error)


def test_twenty_nine_clusters_of_copies_decide_nothing():
    found = assess_superiority(sum_by_cluster(make_copies(positives=29)), GAIN, 0.008)
    assert found.reasons == ("Only 29 different entities carry a positive label, and 30 are the fewest to decide on.",)


def test_guards_count_clusters():
    contest = sum_by_cluster(make_copies())
    pair = make_pair(contest, contest.champion)
    assert pair.count_carriers(pair.panel.is_positive) == 60


def test_a_segment_of_few_clusters_is_not_assessed():
    """29 clusters of five hold 580 positives of 145 entities."""
    contest = make_copies()
    entities = contest.labels.index.get_level_values("entity_id") // COPIES
    segments = pd.DataFrame({"cut": np.where((entities < 29) | (entities >= 200), "in", "out")}, index=contest.labels.index)
    verdict = compare(replace(contest, segments=segments))
    assert [segment.is_assessed for segment in verdict.segments] == [False, True]


def test_a_verdict_reads_the_clusters():
    """The whole comparison, in which nothing else than the clusters differs."""
    clustered, single = compare(make_copies()), compare(make_contest())
    assert clustered.looks[-1].standard_error == pytest.approx(single.looks[-1].standard_error, rel=1e-6)
    assert clustered.rows == COPIES * single.rows


def test_an_entity_without_a_cluster_is_one_of_its_own():
    index = pd.MultiIndex.from_product([DAYS[:1], [1, 2, 3]], names=["as_of", "entity_id"])
    named = name_clusters(pd.Series(["2", None, "2"], index=index))
    assert named.tolist() == ["in 2", "alone 2", "in 2"]


def test_without_clusters_a_contest_stays_as_it_is():
    contest = make_contest()
    assert sum_by_cluster(contest) is contest


def test_rows_in_another_order_keep_their_clusters():
    contest = make_copies()
    turned = replace(contest, challenger=replace(contest.challenger, scores=contest.challenger.scores[::-1]))
    assert measure(sum_by_cluster(turned)).standard_error == measure(sum_by_cluster(contest)).standard_error


def test_clusters_of_other_rows_are_refused():
    contest = make_copies()
    with pytest.raises(MisalignedScores):
        sum_by_cluster(replace(contest, clusters=contest.clusters[1:]))


def test_a_verdict_is_about_what_rows_weigh_and_leaves_out_those_that_weigh_nothing():
    copies = make_copies()
    first = copies.labels.index.get_level_values("entity_id") % COPIES == 0
    weighed = replace(copies, clusters=None, beside={"weight": pd.Series(7.0 * first, index=copies.labels.index)})
    found, single = compare(weighed), compare(make_contest())
    assert (found.rows, found.outcome) == (single.rows, single.outcome)
    assert [each.challenger for each in found.metrics] == pytest.approx([each.challenger for each in single.metrics])
    assert found.metrics[0].gain.standard_error == pytest.approx(single.metrics[0].gain.standard_error)


def test_clusters_are_summed_beside_weights():
    copies = make_copies()
    weighed = sum_by_cluster(replace(copies, beside={"weight": pd.Series(1.0, index=copies.labels.index)}))
    assert measure(weighed).standard_error == pytest.approx(measure(make_contest()).standard_error, rel=1e-6)
