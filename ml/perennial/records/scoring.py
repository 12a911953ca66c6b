"""What score looks at and leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Publication:
    """One complete set of scores; `status` is building, live, replaced or blocked."""

    publication_id: int
    model: str
    as_of: date
    version: int
    attempt: int
    status: Literal["building", "live", "replaced", "blocked"]
    rows: int
    mean_score: float
    seconds: float


@dataclass(frozen=True)
class Shard:
    """A part of an attempt to publish a day: small enough to travel between tasks; all else stands in the ledger."""

    attempt: int
    number: int


@dataclass(frozen=True)
class Tally:
    """What was counted while a snapshot was scored, before a row is published.

    Attributes:
        rows: scored rows; `expected_rows`: what the ledger says the snapshot holds.
        doubles: entities that came more than once; `missing`: scores that are NaN; `outside`: scores that the task does not give.
        former_mean: what the mean is measured against: that of the newest live publication of an earlier as_of, or, where
            another version gave it, of this version's scores when it was fitted; None when this is the first.
        error, former_error: standard errors of the two means, as far as the rows of one day are a sample.
    """

    rows: int
    expected_rows: int
    doubles: int
    missing: int
    outside: int
    mean: float
    former_mean: float | None
    error: float = 0.0
    former_error: float = 0.0


@dataclass(frozen=True)
class ScoringRules:
    """What `perennial.score` decides while the store publishes; the store imports no stage, so it is handed them.

    Attributes:
        check: why the scores must not be published, in sentences; none when they may.
        check_canary: why those of a canary must not, of which the tally's former mean is that of the champion's rows.
        rank: ranks of scores that stand in the order of their entities; `cut`: deciles of ranks.
    """

    check: Callable[[Tally], tuple[str, ...]]
    rank: Callable[[NDArray[np.float64]], NDArray[np.int64]]
    cut: Callable[[NDArray[np.int64]], NDArray[np.int64]]
    check_canary: Callable[[Tally], tuple[str, ...]] = lambda _: ()
