"""A recipe under test against that of a champion, and the evidence gathered so far."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from perennial.records.intervals import Interval


@dataclass(frozen=True)
class Look:
    """One evaluation of the sequential test.

    Attributes:
        as_ofs: that were assessed on, oldest first; those of the look before stand at the beginning.
        estimate, standard_error: of the gain in the headline over all of them, clustered by entity.
        information: share of what the last look will know, in (0, 1].
        spent: error spent up to and including this look, at most the contest's alpha.
        boundary: so many standard errors must the gain lie above 0.
        surplus: by how much the gains vary between as_ofs beyond what entities explain; not known of looks before 2026-12.
        shock: standard deviation, in its unit, of what is common to all rows of an as_of; part of the standard error.
    """

    as_ofs: tuple[date, ...]
    estimate: float
    standard_error: float
    information: float
    spent: float
    boundary: float
    surplus: float | None = None
    shock: float = 0.0

    @property
    def lower(self) -> float:
        """Lower bound of the gain that holds over all looks together."""
        return self.estimate - self.boundary * self.standard_error


@dataclass(frozen=True)
class Contest:
    """A recipe against that of a champion, with an error budget of its own; while it is open the challenger is a shadow.

    Attributes:
        alpha: probability of a false promotion over all its looks, drawn from the account when it was opened.
        last_look, overlap: as_ofs of the last look, and the distance in as_ofs from which on label periods do not overlap;
            fixed when it was opened, whatever the model's file says later.
        opened_for: the as_of of its first comparison.
        looks: oldest first.
    """

    contest_id: int
    model: str
    challenger_recipe: int
    champion_recipe: int
    alpha: float
    last_look: int
    overlap: int
    status: Literal["open", "promoted", "rejected", "exhausted", "displaced", "ended"]
    opened_for: date
    effective_at: datetime
    looks: tuple[Look, ...] = ()


@dataclass(frozen=True)
class Guard:
    """One thing that a promotion must not harm.

    Attributes:
        name: what was looked at, such as `log_loss` or `income = 50-74K`.
        gain: of the challenger, in the guard's unit, positive is better; None when it was not assessed.
        tolerated: loss that is borne, in the same unit, at least 0.
        state: `held`; `doubtful` when only the point lies beyond the tolerated loss, by more than one standard error; `veto`
            when the whole interval does, corrected for the number of guards; `not assessed` for want of positives.
        sentence: the finding in words.
    """

    name: str
    gain: Interval | None
    tolerated: float
    state: Literal["held", "doubtful", "veto", "not assessed"]
    sentence: str


@dataclass(frozen=True)
class BlastRadius:
    """What a promotion would change for those who act on the scores, on the newest as_of assessed.

    Attributes:
        top_decile_overlap: share of the champion's top decile that stays in the challenger's, in [0, 1].
        entering, leaving: entities that come onto and drop off the action list (score at least the threshold).
        flips: per `segment = value`: share of entities whose prediction changes, in [0, 1].
        sentence: the same in words.
    """

    as_of: date
    entities: int
    top_decile_overlap: float
    entering: int
    leaving: int
    flips: dict[str, float]
    sentence: str
