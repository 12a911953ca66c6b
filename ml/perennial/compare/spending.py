"""How much error a look may spend, and how much of the final information it holds.

Sources: K. K. G. Lan, D. L. DeMets, "Discrete sequential boundaries for clinical trials", Biometrika 70 (1983), 659-663;
K. Kim, D. L. DeMets, "Design and analysis of group sequential tests based on the type I error spending rate function",
Biometrika 74 (1987), 149-154, for the power family.
"""

from __future__ import annotations

import numpy as np

from perennial.metrics.panel import Floats

POWER = 3  # f^3: little is spent on the first looks, whose estimates are the wildest
SMALLEST_STEP = 0.01  # share of the remaining information: a look never spends nothing


def spend(alpha: float, information: float, power: int = POWER) -> float:
    """Error spent once the share `information` of all that the test will know is known."""
    return float(alpha * information**power)


def measure_information(covariance: Floats, *, final: int, overlap: int, former: float) -> float:
    """(SE of the last look / SE of this one) squared, in (former, 1], and 1 at the last look only.

    The last look's error is projected: neighbouring as_ofs covary as those seen so far do on average, and as_ofs whose
    label periods do not overlap not at all. Where that is too hopeful, less is spent early, which errs on the safe side.
    Few heavy losses make an estimated covariance jump: whatever it says, no look holds more than `cap_information`.

    Args:
        covariance: of the gains of the as_ofs assessed so far, shape (as_ofs, as_ofs).
        final: as_ofs of the last look.
        overlap: from this distance in as_ofs on, label periods do not overlap.
        former: information of the look before, 0 at the first.
    """
    if len(covariance) >= final:
        return 1.0
    variance, least = float(covariance.mean()), SMALLEST_STEP * (1 - former)
    found = project_variance(covariance, final, overlap) / variance if variance > 0 else 0.0
    most = min(cap_information(len(covariance), final, overlap), 1 - least)  # the looks to come must have something to spend
    return float(np.clip(found, former + least, max(most, former + least)))


def cap_information(count: int, final: int, overlap: int) -> float:
    """The most that so many of `final` as_ofs can hold: neighbours alike by as much as their label windows overlap.

    Worked example (16 as_ofs, overlap 4): .34 at four, where windows without overlap would hold a quarter.
    """

    def measure_mean(as_ofs: int) -> float:
        distances = np.arange(min(overlap, as_ofs))
        pairs = np.where(distances == 0, as_ofs, 2 * (as_ofs - distances))
        return float((pairs * (1 - distances / overlap)).sum()) / as_ofs**2

    return measure_mean(final) / measure_mean(count)


def project_variance(covariance: Floats, final: int, overlap: int) -> float:
    """Variance of the mean gain over `final` as_ofs."""
    reach = min(len(covariance), overlap, final)
    by_distance = [float(np.diagonal(covariance, distance).mean()) for distance in range(reach)]
    pairs = [(final if distance == 0 else 2 * (final - distance)) * value for distance, value in enumerate(by_distance)]
    return sum(pairs) / final**2
