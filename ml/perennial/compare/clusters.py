"""Entities that are copies of each other count as one piece of evidence: `entity.cluster` of a model file.

The rooms of one booking are cancelled together. Counted one by one they make every error too small, and equal challengers
cross their boundary hundreds of times as often as agreed. So the cluster becomes a level of every index, by which
`metrics` sums influence values; an entity without a cluster is one of its own.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from perennial.compare.contest import ComparisonInput, Contestant
from perennial.metrics import check_same_rows, enter_beside, find_rows, name_clusters, weigh_index
from perennial.metrics.beside import Values
from perennial.metrics.clusters import reindex_by_cluster


def sum_by_cluster(contest: ComparisonInput) -> ComparisonInput:
    """The same contest with the clusters, if there are any, in every index.

    Raises:
        MisalignedScores: clusters, scores, labels and segments do not cover the same rows.
    """
    contest = _weigh(contest)
    if contest.clusters is None:
        return contest
    clusters = name_clusters(contest.clusters)

    def enter(contestant: Contestant) -> Contestant:
        return replace(contestant, scores=_add(contestant.scores, clusters))

    return replace(
        contest,
        challenger=enter(contest.challenger),
        champion=None if contest.champion is None else enter(contest.champion),
        labels=_add(contest.labels, clusters),
        segments=_add(contest.segments, clusters),
        clusters=None,
    )


def _weigh(contest: ComparisonInput) -> ComparisonInput:
    """The same with weights and values in every index, without the rows that weigh nothing."""
    beside, clusters = contest.beside, contest.clusters
    if not beside:
        return contest

    def enter(contestant: Contestant) -> Contestant:
        return replace(contestant, scores=enter_beside(contestant.scores, beside))

    labels = enter_beside(contest.labels, beside)
    segments = contest.segments.set_axis(weigh_index(contest.segments.index, beside))
    return replace(
        contest,
        challenger=enter(contest.challenger),
        champion=None if contest.champion is None else enter(contest.champion),
        labels=labels,
        segments=segments[segments.index.isin(labels.index)],
        clusters=None if clusters is None else clusters[clusters.index.isin(find_rows(labels.index))],
        beside={},
    )


def _add(values: Values, clusters: pd.Series) -> Values:
    check_same_rows(find_rows(values.index), clusters.index)
    return reindex_by_cluster(values, clusters)
