"""Guards of each segment: its ranking, its share on the action list, and how many of its positives are missed.

Why each segment's own change is judged, and not the gap between the highest and the lowest value: that gap is not
smooth (which values are the extremes is itself chance), the smallest segments make it, and a segment in the middle may
be harmed without moving it. So each value is set against everybody else:

- The ranking within a segment is harmed when its AUC falls.
- A share on the action list is neither good nor bad; harm is that a segment moves *further* from everybody else. Moves
  that all share, such as those of a better calibration, cancel.
- A missed positive is a harm. A segment is harmed when more of its positives are missed than before *and* by more than
  everywhere else: only so is it neither the threshold's doing nor envy of others who gained. Both must hold, so the milder
  of the two is the evidence (an intersection-union test: it needs no correction of its own).

Whether a row is selected is taken as given: the threshold is a constant, and the k-th score of a day almost one.
Figures by fairlearn (its MetricFrame), intervals clustered by entity and paired, by the delta method.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from fairlearn.metrics import MetricFrame, false_negative_rate, selection_rate

from ml import metrics
from ml.compare.harm.evidence import Sampled
from ml.compare.harm.guards import Question, ask, not_judged
from ml.compare.harm.pair import Pair, Scored
from ml.compare.harm.whole import say_fewest
from ml.compare.measures import MIN_ENTITIES, MIN_POSITIVES
from ml.errors import OneClassLabels
from ml.metrics.clustered import clustered_interval
from ml.metrics.rates import Estimated, Mask, share
from ml.records import Guard

SELECTED, MISSED = "selection_rate", "false_negative_rate"
TWO_VALUES = 2


@dataclass(frozen=True, eq=False)
class Segment:
    """One value of a segment column and everybody else, with fairlearn's figures of both models."""

    pair: Pair
    column: str
    value: str
    members: Mask
    before: pd.DataFrame
    after: pd.DataFrame

    @property
    def name(self) -> str:
        return f"{self.column} = {self.value}"

    @property
    def positives(self) -> Mask:
        return self.members & self.pair.panel.is_positive

    @property
    def other_positives(self) -> Mask:
        return ~self.members & self.pair.panel.is_positive

    @property
    def carriers(self) -> int:
        """Entities with positives, in the segment or elsewhere, whichever are fewer."""
        return min(self.pair.count_carriers(self.positives), self.pair.count_carriers(self.other_positives))


def guard_segments(pair: Pair) -> Iterator[Question | Guard]:
    """Three questions for every value with enough positives, in the order of the columns and of the values."""
    for column in pair.segments.columns:
        values = pair.segments[column]
        before, after = (_figures(pair, values, side) for side in (pair.theirs, pair.ours))
        for position, value in enumerate(sorted(values.unique())):
            segment = Segment(pair, str(column), value, (values == value).to_numpy(), before, after)
            yield from _guard_segment(segment, is_mirror=position > 0 and values.nunique() == TWO_VALUES)


def _figures(pair: Pair, values: pd.Series, side: Scored) -> pd.DataFrame:
    frame = MetricFrame(
        metrics={SELECTED: selection_rate, MISSED: false_negative_rate},
        y_true=pair.panel.is_positive,
        y_pred=side.is_selected,
        sensitive_features=values.to_numpy(),
    )
    figures: pd.DataFrame = frame.by_group
    return figures


def _guard_segment(segment: Segment, *, is_mirror: bool) -> Iterator[Question | Guard]:
    """`is_mirror`: of two values the second lies as far from the first as that from it, and is not asked again."""
    borne = segment.pair.model.promotion.tolerated
    if not _is_enough(segment.pair, segment.positives):
        yield not_judged(segment.name, borne.segment_auc, f"Not judged: {segment.name}, on {_say_counts(segment)}.")
        return
    yield _ask_ranking(segment)
    if not _is_enough(segment.pair, segment.other_positives):
        yield not_judged(
            f"gaps, {segment.name}",
            borne.selection_rate_gap,
            f"Not judged: the gaps between {segment.name} and everybody else, who hold too few positives.",
        )
        return
    if not is_mirror:
        yield _ask_selection(segment)
    yield _ask_missed(segment)


def _is_enough(pair: Pair, positives: Mask) -> bool:
    return int(positives.sum()) >= MIN_POSITIVES and pair.count_carriers(positives) >= MIN_ENTITIES


def _say_counts(segment: Segment) -> str:
    positives, pair = segment.positives, segment.pair
    return f"{int(positives.sum())} positives from {pair.count_carriers(positives)} entities; {say_fewest()}"


def _ask_ranking(segment: Segment) -> Question | Guard:
    pair, tolerated = segment.pair, segment.pair.model.promotion.tolerated.segment_auc
    index = pair.panel.index[segment.members]
    labels = pd.Series(pair.panel.is_positive[segment.members].astype(float), index=index)
    ours, theirs = (pd.Series(side.scores[segment.members], index=index) for side in (pair.ours, pair.theirs))
    try:
        gain = metrics.paired_auc_difference(ours, theirs, labels)
    except OneClassLabels:
        sentence = f"Not judged: the ranking within {segment.name}, where every row of a day has the same label."
        return not_judged(f"auc, {segment.name}", tolerated, sentence)
    before, after = metrics.mean_auc(theirs, labels), metrics.mean_auc(ours, labels)
    fewest = min(pair.count_carriers(segment.positives), pair.count_carriers(segment.members & ~pair.panel.is_positive))
    fact = f"AUC within {segment.name} goes from {before:.4f} to {after:.4f}"
    return ask(f"auc, {segment.name}", fact, Sampled(gain.estimate, gain.standard_error, tolerated, max(fewest, 2)))


def _ask_selection(segment: Segment) -> Question:
    """The gain is by how much the segment has come nearer to everybody else."""
    everybody = np.ones(segment.pair.panel.rows, dtype=bool)
    before, after = (_gap(segment, side.is_selected, everybody) for side in (segment.pair.theirs, segment.pair.ours))
    was, now = (float(figures[SELECTED].loc[segment.value]) for figures in (segment.before, segment.after))
    fact = (
        f"On the action list stand {was:.1%} of {segment.name}, now {now:.1%}; the distance to everybody else goes "
        f"from {abs(before.value):.1%} to {abs(after.value):.1%}"
    )
    tolerated = segment.pair.model.promotion.tolerated.selection_rate_gap
    return ask(f"selection_rate_gap, {segment.name}", fact, _sample(segment, abs(before) - abs(after), tolerated))


def _ask_missed(segment: Segment) -> Question:
    """The gain is by how much fewer positives are missed, than before or than by the change everywhere else."""
    pair, tolerated = segment.pair, segment.pair.model.promotion.tolerated.false_negative_rate_gap
    own = share(~pair.theirs.is_selected, segment.positives) - share(~pair.ours.is_selected, segment.positives)
    others = share(~pair.theirs.is_selected, segment.other_positives) - share(~pair.ours.is_selected, segment.other_positives)
    was, now = (float(figures[MISSED].loc[segment.value]) for figures in (segment.before, segment.after))
    fact = (
        f"Of the positives of {segment.name} {was:.1%} are missed, now {now:.1%}; among everybody else the share "
        f"changes by {-others.value:+.1%}"
    )
    milder = max((_sample(segment, found, tolerated) for found in (own, own - others)), key=lambda found: found.p_value)
    return ask(f"false_negative_rate_gap, {segment.name}", fact, milder)


def _gap(segment: Segment, is_hit: Mask, is_counted: Mask) -> Estimated:
    return share(is_hit, is_counted & segment.members) - share(is_hit, is_counted & ~segment.members)


def _sample(segment: Segment, gain: Estimated, tolerated: float) -> Sampled:
    found = clustered_interval(gain.value, gain.influence, segment.pair.panel, confidence=0.95)
    return Sampled(found.estimate, found.standard_error, tolerated, segment.carriers)
