"""The figures of a comparison: each metric of both on the same rows, with the interval of their difference."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from perennial.compare.contest import ComparisonInput
from perennial.compare.shocks import measure_gain
from perennial.errors import OneClassLabels
from perennial.records import MetricComparison, SegmentComparison
from perennial.tasks import Measure

MIN_POSITIVES = 50  # of a segment, from at least so many entities: below that its AUC moves by .05 by chance alone
MIN_ENTITIES = 30
MISSING = "(missing)"


def compare_metrics(contest: ComparisonInput) -> tuple[MetricComparison, ...]:
    """Every metric, the headline first."""
    champion = None if contest.champion is None else contest.champion.scores
    headline, *others = contest.task.measures
    first = headline.compare(contest.challenger.scores, champion, contest.labels)
    if champion is not None:  # its gain is what the test looks at, and as_ofs are a sample too
        first = replace(first, gain=measure_gain(contest).interval(contest.model.promotion.confidence))
    return (first, *(found for measure in others if (found := _try_compare(contest, measure)) is not None))


def _try_compare(contest: ComparisonInput, measure: Measure) -> MetricComparison | None:
    """None where these labels leave a measure beside the headline undefined."""
    champion = None if contest.champion is None else contest.champion.scores
    try:
        return measure.compare(contest.challenger.scores, champion, contest.labels)
    except OneClassLabels:
        return None


def compare_segments(contest: ComparisonInput) -> tuple[SegmentComparison, ...]:
    """The gain in the headline within each value of each segment column, against the champion if there is one."""
    return tuple(
        _compare_segment(contest, str(column), value, contest.labels[members])
        for column in contest.segments.columns
        for value, members in _members(contest.segments[column].reindex(contest.labels.index))
    )


def _members(column: pd.Series) -> list[tuple[str, pd.Series]]:
    values = column.astype("object").where(column.notna(), MISSING).astype(str)
    return [(value, values == value) for value in sorted(values.unique())]


def _compare_segment(contest: ComparisonInput, column: str, value: str, labels: pd.Series) -> SegmentComparison:
    positives = labels[contest.task.carries(labels)]
    carriers = positives.index.get_level_values(-1).nunique()  # entities, or clusters of them
    is_assessed = len(positives) >= MIN_POSITIVES and carriers >= MIN_ENTITIES
    gain = None
    if is_assessed and contest.champion is not None:
        try:
            gain = contest.task.headline.gain(
                contest.challenger.scores.reindex(labels.index), contest.champion.scores.reindex(labels.index), labels
            )
        except OneClassLabels:  # on each single as_of: enough positives, but no negative to rank them against
            is_assessed = False
    return SegmentComparison(column, value, len(labels), len(positives), is_assessed, gain)
