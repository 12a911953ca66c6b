"""What the challenger costs to run: size of its files, time to score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from scipy.special import bdtrc

from perennial.compare.harm.guards import Finding, HarmTest, not_assessed, say_finding
from perennial.compare.harm.pair import ScoredPair
from perennial.records import Guard, Interval

SIZE, TIME = "model_size", "scoring_time"
FEWEST_TIMINGS = 9  # 1 / 2^9 = .002: enough to reject at level .10 in a family of fifty
UNNOTICED_BYTES = 10_000_000  # a logistic regression of 5 kB must not keep every booster out
UNNOTICED_SECONDS = 0.25  # per 1,000 rows, as long as one pause of a shared machine; a quicker champion counts as so slow


@dataclass(frozen=True)
class Timed:
    """Repeated timings of two models taken in turns; the gain is 1 - (our time / theirs).

    What slows the machine slows both of a pair, or one pair among several, which the median does not mind. The test is the
    sign test and the interval that of the ranks: neither asks how the noise is distributed.
    """

    ratios: tuple[float, ...]
    tolerated: float

    @property
    def estimate(self) -> float:
        return 1 - float(np.median(self.ratios))

    @property
    def p_value(self) -> float:
        return _chance_of(sum(ratio > 1 + self.tolerated for ratio in self.ratios), len(self.ratios))

    def interval(self, level: float) -> Interval:
        """Where too few timings were taken for the level, the ends are the extremes, and 1: no time at all."""
        falling = sorted((1 - ratio for ratio in self.ratios), reverse=True)
        count = len(falling)
        needed = next((hits for hits in range(1, count + 1) if _chance_of(hits, count) <= level), None)
        spread = float(np.median(np.abs(np.array(falling) - self.estimate)))
        standard_error = (
            1.4826 * 1.2533 * spread / count**0.5
        )  # a normal sample's deviation from its median one; a median's error
        if needed is None:
            return Interval(self.estimate, falling[-1], 1.0, standard_error)
        return Interval(self.estimate, falling[needed - 1], falling[count - needed], standard_error)


def compare_times(ours: Sequence[float], theirs: Sequence[float], *, tolerated: float) -> Timed:
    """Timings in seconds per 1,000 rows, the n-th of ours taken right beside the n-th of theirs."""
    pairs = zip(ours, theirs, strict=True)
    return Timed(tuple(mine / max(other, UNNOTICED_SECONDS) for mine, other in pairs), tolerated)


def guard_costs(pair: ScoredPair) -> Iterator[HarmTest | Guard]:
    """Size, and time."""
    yield _guard_size(pair)
    yield _guard_time(pair)


def _guard_size(pair: ScoredPair) -> Guard:
    """A size is known without error: there is no interval, no doubt, and no share of the family's level."""
    ours, theirs = pair.contest.challenger.size_bytes, pair.champion.size_bytes
    most = pair.model.promotion.tolerated.size_ratio
    if ours is None or theirs is None:
        return not_assessed(SIZE, most - 1, "Not assessed: the size of the model, which is not known of both.")
    ratio = ours / max(theirs, UNNOTICED_BYTES)
    finding: Literal["veto", "held"] = "veto" if ratio > most else "held"
    counted = f" (counted as {UNNOTICED_BYTES / 1e6:g} MB: nobody notices less)" if theirs < UNNOTICED_BYTES else ""
    sentence = (
        f"The model's files hold {ours / 1e6:.2f} MB, the champion's {theirs / 1e6:.2f} MB{counted}: {ratio:.1f} times as much, "
        f"{say_finding(finding, f'{most:g} times')}."
    )
    return Guard(SIZE, Interval(1 - ratio, 1 - ratio, 1 - ratio, 0.0), most - 1, finding, sentence)


def _guard_time(pair: ScoredPair) -> HarmTest | Guard:
    ours, theirs = pair.contest.challenger.seconds_per_1000_rows, pair.champion.seconds_per_1000_rows
    most = pair.model.promotion.tolerated.scoring_time_ratio
    fewest = min(len(ours), len(theirs))
    if fewest < FEWEST_TIMINGS:
        sentence = f"Not assessed: the scoring time, on {fewest} timings of each; {FEWEST_TIMINGS} are the fewest."
        return not_assessed(TIME, most - 1, sentence)
    fact = f"Scoring 1,000 rows takes {np.median(ours):.3f} s, the champion {np.median(theirs):.3f} s"
    if np.median(theirs) < UNNOTICED_SECONDS:
        fact += f" (counted as {UNNOTICED_SECONDS:g} s: nobody notices less)"
    return HarmTest(TIME, compare_times(ours, theirs, tolerated=most - 1), partial(_say_time, fact, most))


def _say_time(fact: str, most: float, gain: Interval, finding: Finding) -> str:
    ratio = f"{1 - gain.estimate:.1f} times [{1 - gain.high:.1f}, {1 - gain.low:.1f}] as long"
    return f"{fact}: {ratio}, {say_finding(finding, f'{most:g} times')}."


def _chance_of(hits: int, count: int) -> float:
    """Probability of at least so many heads."""
    return float(bdtrc(hits - 1, count, 0.5)) if hits else 1.0
