"""Do the scores still mean what they say? What came against what was said, watched sequentially at a small error a year.

Each publication starts a test of its own, which then takes the next publication whose label window does not overlap with the
last one that it took: its errors are independent, whatever labels of overlapping windows share. The distance is on the logit
scale, where small base rates are comparable; of amounts it is the logarithm of the sum that came over the sum that was said, with
the error of that ratio clustered by entity. A test is a betting score for "the scores are off by more than what is borne", a
nonnegative supermartingale while they are not, and so crosses 1 / alpha with probability alpha at most, however often it is
looked at (Ville 1939); the mixture over distances is half-normal (Robbins 1970; Howard, Ramdas, McAuliffe and Sekhon 2021,
"Time-uniform, nonparametric, nonasymptotic confidence sequences", one-sided normal mixture). Starting anew at every publication
sees a late change as soon as an early one (Shin, Ramdas and Rinaldo 2023, "E-detectors"); the tests that begin within a year
share its budget equally, so that a stable model is named in at most that share of years.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import log, sqrt

from scipy.special import log_ndtr, logit

from perennial.records import CalibrationAlarm, MaturedRate

BORNE = 0.15  # on the logit scale: .18 that comes true as .20, or .02 as .023, is nothing to act on; a sum that is a sixth off
SHOCK = 0.15  # standard deviation of what is common to all entities of one as_of, beyond the drawing of rows
TYPICAL = 0.5  # of the distances that are looked for: .18 that comes true as .27
MOST_RELATIVE_ERROR = 1 / 3  # of a ratio of two sums: beyond, likewise
FEWEST_EXPECTED = 10  # of either outcome: below, the normal law of a logit is a guess
DAY = timedelta(days=1)
FOLLOWED = timedelta(days=365)
SPACINGS = 4  # publications closer together than a quarter of the horizon share most of their labels: one of them is enough


@dataclass(frozen=True)
class Step:
    """One publication: how far what came lies from what was said, and how surely, on the scale of a logarithm."""

    rate: MaturedRate
    distance: float
    variance: float


def watch_calibration(
    rates: Sequence[MaturedRate], *, horizon: timedelta, budget: float, period: timedelta = DAY
) -> CalibrationAlarm | None:
    """The newest alarm, if any; after one the watch begins anew with what was published once it was known.

    Args:
        rates: matured publications of one model, in any order.
        horizon: length of a label window.
        budget: largest share of years in which a model whose scores are right may be named.
        period: shortest time from one publication to the next.
    """
    steps = _take_steps(rates, horizon / SPACINGS)
    height = log(2 * _count_starts(max(horizon / SPACINGS, period)) / budget)  # twice: too low and too high are looked for apart
    newest, begins = None, date.min
    while True:
        found = _find_alarm([step for step in steps if step.rate.as_of >= begins], horizon, height)
        if found is None:
            return newest
        newest, begins = found, max(found.known_on, found.as_of + DAY)


def _take_steps(rates: Sequence[MaturedRate], spacing: timedelta) -> list[Step]:
    steps: list[Step] = []
    for rate in sorted(rates, key=lambda each: each.as_of):
        step = _compare_sums(rate) if rate.positives is None else _compare_rates(rate, rate.positives)
        if step is not None and (not steps or rate.as_of - steps[-1].rate.as_of >= spacing):
            steps.append(step)
    return steps


def _compare_rates(rate: MaturedRate, positives: int) -> Step | None:
    """None where too few of either class were expected."""
    if rate.rows * min(rate.mean_score, 1 - rate.mean_score) < FEWEST_EXPECTED:
        return None
    spread = rate.rows * rate.mean_score * (1 - rate.mean_score)
    realised = (positives + 0.5) / (rate.rows + 1)
    return Step(rate, float(logit(realised) - logit(rate.mean_score)), 1 / spread + SHOCK**2)


def _compare_sums(rate: MaturedRate) -> Step | None:
    """None where a sum is not above 0, or the ratio is hardly known."""
    bias = rate.total_bias
    if bias is None or not (bias.estimate > 0 and bias.standard_error <= MOST_RELATIVE_ERROR * bias.estimate):
        return None
    return Step(rate, -log(bias.estimate), (bias.standard_error / bias.estimate) ** 2 + SHOCK**2)


def _count_starts(spacing: timedelta) -> int:
    """Tests that begin within a year."""
    return int(FOLLOWED / spacing) + 1


def _find_alarm(steps: Sequence[Step], horizon: timedelta, height: float) -> CalibrationAlarm | None:
    """The first publication at which any test crosses; of several tests there the strongest."""
    crossings = [found for begin in range(len(steps)) if (found := _cross(steps[begin:], horizon, height))]
    return _name(min(crossings, key=lambda each: (each[1][-1].rate.as_of, -each[0]))[1]) if crossings else None


def _cross(steps: Sequence[Step], horizon: timedelta, height: float) -> tuple[float, list[Step]] | None:
    """The test that begins with the first step, up to where it crosses: its evidence, and what it took."""
    taken: list[Step] = []
    total = information = 0.0
    for step in steps:
        if step.rate.as_of - steps[0].rate.as_of > FOLLOWED:
            return None
        if taken and step.rate.as_of < taken[-1].rate.as_of + horizon:
            continue
        taken.append(step)
        information += 1 / step.variance
        total += step.distance / step.variance
        evidence = max(_mix(sign * total - BORNE * information, information) for sign in (1, -1))
        if evidence >= height:
            return evidence, taken
    return None


def _mix(excess: float, information: float) -> float:
    """Logarithm of the betting score of one side.

    Args:
        excess: weighted sum of the distances beyond what is borne.
        information: sum of the weights, the inverse variances.
    """
    widened = 1 + TYPICAL**2 * information
    lean = TYPICAL * excess / sqrt(widened)
    return log(2) - log(widened) / 2 + lean**2 / 2 + float(log_ndtr(lean))


def _name(taken: Sequence[Step]) -> CalibrationAlarm:
    rates = [step.rate for step in taken]
    rows = sum(rate.rows for rate in rates)
    return CalibrationAlarm(
        as_of=rates[-1].as_of,
        known_on=rates[-1].known_on,
        publications=len(rates),
        first_as_of=rates[0].as_of,
        mean_score=sum(rate.rows * rate.mean_score for rate in rates) / rows,
        realised_rate=sum(rate.came for rate in rates) / rows,
    )
