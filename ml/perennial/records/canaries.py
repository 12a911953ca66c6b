"""A canary: a recipe under test that acts on a share of the entities, and who is in that share.

Who is in it follows from the entity and the canary's salt alone, so that a day, a rerun, a server and an analyst's query agree,
and whoever is in a share of 5 % is in one of 10 % as well. The same in SQL: `ledger.place_entity`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from perennial.records.contests import Look
from perennial.records.intervals import Interval
from perennial.records.runs import Purpose

Arm = Literal["champion", "canary"]
EndKind = Literal["stopped", "harm", "ended"]
Side = Literal["gain", "harm"]
DIGITS = 13
PLACES = 16**DIGITS
"""2^52: a double holds every place exactly."""


def find_place(entity: str, salt: str) -> float:
    """Where an entity stands in [0, 1): 52 bits of SHA-256 over `<salt>:<entity>` in UTF-8.

    Args:
        entity: the entity_id as text, as PostgreSQL writes it: `17`, a uuid in small letters with hyphens, of a key of several
            columns the text of the JSON array.
    """
    digest = sha256(f"{salt}:{entity}".encode(errors="surrogatepass")).hexdigest()  # JSON may hold halves of a pair
    place: float = int(digest[:DIGITS], 16) / PLACES
    return place


def make_salt(model: str, pair: tuple[int, int], started_for: date, former: int, seed: int) -> str:
    """The salt of a canary: another for each, and the same in a replay.

    Args:
        pair: recipes of challenger and champion.
        former: canaries of the model before this one.
    """
    return sha256(f"{model} {pair[0]} {pair[1]} {started_for} {former} {seed}".encode()).hexdigest()[:16]


@dataclass(frozen=True)
class ArmFigures:
    """What an arm comes to over all as_ofs that were looked at, with intervals clustered by entity.

    Attributes:
        headline: of its scores, in the headline of the model.
        rate: the mean label; `value`: the mean of label times value, where a value is known.
    """

    rows: int
    headline: Interval | None
    rate: Interval | None
    value: Interval | None


@dataclass(frozen=True)
class FiguresOfArms:
    """Both of them, as the newest look has them."""

    champion: ArmFigures
    canary: ArmFigures


@dataclass(frozen=True)
class Canary:
    """A recipe under test that acts on a share.

    Attributes:
        contest_id: the test that it is in.
        salt: says, with the entity, who is in the share.
        alpha: chance that a canary without a gain is ever called better, drawn from the account of errors.
        harm_alpha: chance that one that harms nobody is ever stopped by the harm boundary.
        last_look, overlap: as in `Contest`.
        missing: share of its inputs that were missing when it began, in [0, 1].
        ended, ended_because, ended_at: how it ended; None while it runs.
        looks, harm_looks: at the arms, oldest first.
        arms: what they came to at the newest look; None before the first, and of looks before 2026-12.
    """

    canary_id: int
    model: str
    contest_id: int
    challenger_recipe: int
    champion_recipe: int
    salt: str
    alpha: float
    harm_alpha: float
    last_look: int
    overlap: int
    missing: float
    started_for: date
    actor: str
    purpose: Purpose
    effective_at: datetime
    reason: str | None = None
    ended: EndKind | None = None
    ended_because: str | None = None
    ended_at: datetime | None = None
    looks: tuple[Look, ...] = ()
    harm_looks: tuple[Look, ...] = ()
    arms: FiguresOfArms | None = None

    @property
    def is_running(self) -> bool:
        return self.ended is None

    @property
    def is_ahead(self) -> bool:
        """Has a look shown that it is better? That stays true."""
        return any(look.lower > 0 for look in self.looks)


@dataclass(frozen=True)
class CanaryShare:
    """A canary with the share that it has now and the version that scores it: what a publication, or a server, goes by.

    Attributes:
        share: in (0, 1).
        version: of the recipe under test.
    """

    canary: Canary
    share: float
    version: int

    def choose(self, entity: str) -> Arm:
        """Who answers for an entity: `champion` or `canary`."""
        return "canary" if find_place(entity, self.canary.salt) < self.share else "champion"

    def find_members(self, entities: Iterable[str]) -> NDArray[np.bool_]:
        """Which of these entities are in the canary, in their order."""
        return np.fromiter((self.choose(entity) == "canary" for entity in entities), dtype=np.bool_)


@dataclass(frozen=True)
class ArmRows:
    """What one arm of a publication was given."""

    arm: Arm
    version: int
    rows: int
    mean_score: float | None


@dataclass(frozen=True)
class RequestBatch:
    """What requests to one arm came to in a few seconds.

    Attributes:
        share: of the entities, in the canary.
        requests: that had rows of this arm; `rows`: these; `errors`: of them got no score by it.
        inputs, missing: values that the version reads, and how many of them were not known.
        score_sum, score_squares: of the scores, and of their squares.
        seconds, second_squares: that scoring the rows of a request took, summed, and of the squares.
        effective_at: on the clock of whoever served it.
    """

    model: str
    arm: Arm
    version: int
    canary_id: int
    share: float
    requests: int
    rows: int
    errors: int
    inputs: int
    missing: int
    score_sum: float
    score_squares: float
    seconds: float
    second_squares: float
    effective_at: datetime


@dataclass(frozen=True)
class ServedArm:
    """What an arm's batches came to together: sums of `RequestBatch`."""

    arm: Arm
    requests: int
    rows: int
    errors: int
    inputs: int
    missing: int
    score_sum: float
    score_squares: float
    seconds: float
    second_squares: float
