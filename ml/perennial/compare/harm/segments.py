"""Guards of each segment: its ranking, its share on the action list, and how many of its positives are missed.

Why each segment's own change is assessed, and not the gap between the highest and the lowest value: that gap is not
smooth (which values are the extremes is itself chance), the smallest segments make it, and a segment in the middle may
be harmed without moving it. So each value is set against everybody else:

- The ranking within a segment is harmed when its AUC falls.
- A share on the action list is neither good nor bad; harm is that a segment moves *further* from everybody else. Moves
  that all share, such as those of a better calibration, cancel.
- A missed positive is a harm. A segment is harmed when more of its positives are missed than before *and* by more than
  everywhere else: only so is it neither the threshold's doing nor envy of others who gained. Both must hold, so the milder
  of the two is the evidence (an intersection-union test: it needs no correction of its own).

Where the base rate has moved, lists are compared at equal size: the champion's first so many of a day, as many as the
challenger selects. One that has learned the new rate selects two or three times as many, and every gap between segments
grows with the list; that is the correction itself, which nobody should veto. What is left is whom each of the two prefers.

Whether a row is selected is taken as given: the threshold is a constant, and the k-th score of a day almost one.
Rates are fairlearn's; intervals are paired, clustered by entity, by the delta method.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from perennial.compare.harm.evidence import Sampled
from perennial.compare.harm.fairness import AFTER, BEFORE, MISSED, SELECTED, figure_rates
from perennial.compare.harm.guards import HarmTest, ask, not_assessed
from perennial.compare.harm.pair import ScoredPair
from perennial.compare.harm.whole import say_fewest
from perennial.compare.measures import MIN_ENTITIES, MIN_POSITIVES
from perennial.compare.shocks import add_shocks
from perennial.errors import OneClassLabels
from perennial.metrics.clustered import clustered_interval
from perennial.metrics.rates import Estimated, Mask, share
from perennial.records import Guard

TWO_VALUES = 2


@dataclass(frozen=True, eq=False)
class Segment:
    """One value of a segment column; `figures` are fairlearn's of those values of the column that are assessed."""

    pair: ScoredPair
    name: str
    value: str
    members: Mask
    figures: pd.DataFrame

    @property
    def positives(self) -> Mask:
        return self.members & self.pair.carriers

    @property
    def other_positives(self) -> Mask:
        return ~self.members & self.pair.carriers

    @property
    def carriers(self) -> int:
        """Entities with positives, in the segment or elsewhere, whichever are fewer."""
        return min(self.pair.count_carriers(self.positives), self.pair.count_carriers(self.other_positives))

    def rates(self, figure: str) -> tuple[float, float]:
        """Of the champion and of the challenger."""
        column = self.figures[figure]
        return float(column.loc[(BEFORE, self.value)]), float(column.loc[(AFTER, self.value)])


def guard_segments(pair: ScoredPair) -> Iterator[HarmTest | Guard]:
    """Three questions for every value with enough positives, in the order of the columns and of the values."""
    for column in pair.segments.columns:
        values = pair.segments[column]
        members = {value: (values == value).to_numpy() for value in sorted(values.unique())}
        assessed = [value for value, rows in members.items() if _is_enough(pair, rows & pair.carriers)]
        figures = figure_rates(pair, values, assessed)
        for position, (value, rows) in enumerate(members.items()):
            segment = Segment(pair, f"{column} = {value}", value, rows, figures)
            yield from _guard_segment(segment, is_mirror=position == 1 and len(members) == TWO_VALUES)


def _guard_segment(segment: Segment, *, is_mirror: bool) -> Iterator[HarmTest | Guard]:
    """`is_mirror`: of two values the second lies as far from the first as that from it, and is not asked again."""
    pair, borne = segment.pair, segment.pair.model.promotion.tolerated
    task = pair.contest.task
    if not _is_enough(pair, segment.positives):
        counts = f"{int(segment.positives.sum())} {task.carriers_named} from {pair.count_carriers(segment.positives)} entities"
        yield not_assessed(
            segment.name, task.bear_within_segment(0.0), f"Not assessed: {segment.name}, on {counts}; {say_fewest()}."
        )
        return
    yield _ask_ranking(segment)
    if not _is_enough(pair, segment.other_positives):
        sentence = f"Not assessed: the gaps between {segment.name} and everybody else, who hold too few {task.carriers_named}."
        yield not_assessed(f"gaps, {segment.name}", borne.selection_rate_gap, sentence)
        return
    if not is_mirror:
        yield _ask_selection(segment)
    if task.can_be_missed:
        yield _ask_missed(segment)


def _is_enough(pair: ScoredPair, positives: Mask) -> bool:
    return int(positives.sum()) >= MIN_POSITIVES and pair.count_carriers(positives) >= MIN_ENTITIES


def _ask_ranking(segment: Segment) -> HarmTest | Guard:
    pair, task = segment.pair, segment.pair.contest.task
    headline = task.headline
    name = f"{headline.name}, {segment.name}"
    labels = pair.labels[segment.members]
    ours, theirs = (side.said[segment.members] for side in (pair.ours, pair.theirs))
    sides = task.name_sides(pair.labels)
    carriers = {side: pair.count_carriers(segment.members & rows) for side, rows in sides.items()}
    few = next((side for side, count in carriers.items() if count < MIN_ENTITIES), None)
    if few is not None:
        sentence = f"Not assessed: the ranking within {segment.name}, where only {carriers[few]} entities have {few}."
        return not_assessed(name, task.bear_within_segment(0.0), sentence)
    try:
        daily = headline.by_day(ours, theirs, labels)
    except OneClassLabels:
        sentence = f"Not assessed: the ranking within {segment.name}, where every row of a day has the same label."
        return not_assessed(name, task.bear_within_segment(0.0), sentence)
    before, after = headline.value(theirs, labels), headline.value(ours, labels)
    fact = f"{headline.title} within {segment.name} goes from {headline.write(before)} to {headline.write(after)}"
    gain = add_shocks(daily, pair.shocks, pair.model.label.horizon_days)
    freedom = gain.mix_freedom(min(carriers.values()) - 1)
    borne = task.bear_within_segment(before)
    return ask(name, fact, Sampled(gain.estimate, gain.standard_error, borne, freedom + 1), form=headline.form)


def _ask_selection(segment: Segment) -> HarmTest:
    """The gain is by how much the segment has come nearer to everybody else."""
    before, after = (_gap(segment, side.is_selected) for side in (segment.pair.theirs_listed, segment.pair.ours))
    was, now = segment.rates(SELECTED)
    fact = (
        f"{_say_size(segment)}On the action list stand {was:.1%} of {segment.name}, now {now:.1%}; the distance to everybody "
        f"else goes from {abs(before.value):.1%} to {abs(after.value):.1%}"
    )
    tolerated = segment.pair.model.promotion.tolerated.selection_rate_gap
    return ask(f"selection_rate_gap, {segment.name}", fact, _sample(segment, abs(before) - abs(after), tolerated))


def _say_size(segment: Segment) -> str:
    return "At equal list size, for the base rate has moved: " if segment.pair.has_moved else ""


def _gap(segment: Segment, is_selected: Mask) -> Estimated:
    return share(is_selected, segment.members) - share(is_selected, ~segment.members)


def _ask_missed(segment: Segment) -> HarmTest:
    """The gain is by how much fewer positives are missed than before, or than the change everywhere else would have it."""
    own, others = (_change_in_missed(segment.pair, rows) for rows in (segment.positives, segment.other_positives))
    was, now = segment.rates(MISSED)
    fact = (
        f"{_say_size(segment)}Of the positives of {segment.name} {was:.1%} are missed, now {now:.1%}; of everybody else's the "
        f"share changes by {-others.value:+.1%}"
    )
    tolerated = segment.pair.model.promotion.tolerated.false_negative_rate_gap
    milder = max((_sample(segment, found, tolerated) for found in (own, own - others)), key=lambda found: found.p_value)
    return ask(f"false_negative_rate_gap, {segment.name}", fact, milder)


def _change_in_missed(pair: ScoredPair, positives: Mask) -> Estimated:
    """Positive when fewer are missed."""
    return share(~pair.theirs_listed.is_selected, positives) - share(~pair.ours.is_selected, positives)


def _sample(segment: Segment, gain: Estimated, tolerated: float) -> Sampled:
    found = clustered_interval(gain.value, gain.influence, segment.pair.panel, confidence=0.95)
    return Sampled(found.estimate, found.standard_error, tolerated, segment.carriers)
