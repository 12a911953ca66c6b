"""Where the parameters of a training came from, and what they were worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from perennial.records.intervals import Interval
from perennial.records.recipes import Recipe


@dataclass(frozen=True)
class Tuning:
    """How a training came by the parameters of its booster, also where logistic regression became the challenger.

    Attributes:
        is_searched: False when a known recipe was fitted again.
        because: why it was searched, or why not: a sentence.
        basis: SHA-256 over what a search depends on beside the rows: SQL, inputs, libraries and their ranges.
        trials: of the search; 0 without one.
        gain: of the recipe on the better regularised default, out of fold, in `measure`. The best of many trials flatters itself
            on the rows it was chosen by: an upper hope, not a promise.
    """

    is_searched: bool
    because: str
    recipe: Recipe
    basis: str
    trials: int
    gain: Interval
    measure: str = "AUC"

    @property
    def sentence(self) -> str:
        """What people read at every training."""
        if self.is_searched:
            return f"{self.because} Of {self.trials} trials the best {self._worth}."
        return f"{self.because} Its parameters {self._worth}."

    @property
    def _worth(self) -> str:
        if self.gain.estimate == 0 and self.gain.standard_error == 0:
            return "is a regularised default: nothing gained" if self.is_searched else "are a regularised default: nothing gained"
        if self.gain.low > 0:
            verdict = "gained on"
        elif self.gain.high < 0:
            verdict = "lost against"
        else:
            verdict = "gained nothing certain on"
        return f"{verdict} the regularised default: {self.gain} {self.measure}, out of fold"


@dataclass(frozen=True)
class SearchHistory:
    """What a training knows of those before it.

    Attributes:
        champion: the parameters of the champion, tried early in a search.
        last_search: the newest training that searched; `days_since`: from its as_of to this one's.
        is_asked_by_drift: a decision of this as_of asked for the training.
        query_hash: of the SQL that made the rows.
    """

    champion: Mapping[str, object] | None = None
    last_search: Tuning | None = None
    days_since: int = 0
    is_asked_by_drift: bool = False
    query_hash: str = ""


@dataclass(frozen=True)
class SearchProgress:
    """How far a search is.

    Attributes:
        study: its name in the store of trials.
        done, wanted: trials that are finished, and how many there may be.
        seconds, limit_seconds: what the finished ones took together, over all attempts; when it is that much, none follows.
    """

    study: str
    done: int
    wanted: int
    seconds: float
    limit_seconds: float

    @property
    def seconds_left(self) -> float | None:
        """At the pace so far, and no longer than the limit allows; None before the first trial is finished."""
        if self.done == 0:
            return None
        rest = self.seconds / self.done * (self.wanted - self.done)
        return max(0.0, min(rest, self.limit_seconds - self.seconds))

    @property
    def sentence(self) -> str:
        """For whoever waits."""
        so_far = f"{self.done} of {self.wanted} trials done"
        if self.done >= self.wanted or self.seconds_left is None:
            return so_far
        if self.seconds >= self.limit_seconds:
            return f"{so_far}, the search has reached its time limit"
        return f"{so_far}, about {self.seconds_left:.0f} s left"
