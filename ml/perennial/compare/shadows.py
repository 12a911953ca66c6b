"""Who stays under test when more challengers are undecided than may stay.

Those whose gain lies most standard errors above 0. `bench/gate.py` tried others where least can be seen: a standard error
of .0086 on one as_of, and challengers alike (correlation .9). From a stream of challengers that gain .01, one is promoted
within a year in 92 % of years; in 78 % when the lowest upper bound leaves, for those of whom least is known look best by
it; in 47 % when the oldest leaves, for nobody stays until the last look; in 87 % when the newcomer leaves. The conditional
power at the floor reaches 93 %, which is not worth its formula. False promotions do not depend on the choice: every contest
has an alpha of its own, to be spent over looks that a displaced one merely forgoes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perennial.metrics.panel import Floats
from perennial.records import Contest


def choose_shadows(contenders: Sequence[Contest], most: int) -> tuple[Contest, ...]:
    """The contests that stay open, in the order given; of equals the older stays.

    Args:
        contenders: undecided after their newest look, oldest first.
        most: so many stay at most.
    """
    ranking = sorted(range(len(contenders)), key=lambda place: -_read_promise(contenders[place]))
    return tuple(contenders[place] for place in sorted(ranking[:most]))


def _read_promise(contest: Contest) -> float:
    if not contest.looks:
        return 0.0
    return float(measure_promise(contest.looks[-1].estimate, contest.looks[-1].standard_error))


def measure_promise(estimate: Floats | float, standard_error: Floats | float) -> Floats:
    """The gain in standard errors; 0 without an error, for then nothing speaks for or against it."""
    gain, error = np.broadcast_arrays(np.asarray(estimate, dtype=float), np.asarray(standard_error, dtype=float))
    promise: Floats = np.divide(gain, error, out=np.zeros(gain.shape), where=error > 0)
    return promise
