"""Who scores which rows of a day: the champion all of them, or the recipe under test those of its canary.

Both sides read the same stream of rows: the features of the champion, then those of the recipe under test. Ranks, order and fence
know nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from perennial.errors import PermanentError
from perennial.predictor import Feature, Predictor
from perennial.predictor.scoring import Reasons
from perennial.records.canaries import ArmRows, CanaryShare
from perennial.stores.warehouse.publishing.wire import Block, Ids, Matrix

Mask = NDArray[np.bool_]


class CanaryHarm(Exception):
    """The scores of a canary must not be published; the message says why. Nothing was written."""


@dataclass(frozen=True)
class CanaryJob:
    """The recipe under test, ready to score its share."""

    share: CanaryShare
    predictor: Predictor


@dataclass(frozen=True)
class Arms:
    """The predictors of a day; without a canary the champion alone."""

    champion: Predictor
    canary: CanaryJob | None = None

    @property
    def features(self) -> tuple[Feature, ...]:
        """What is read of every row: one column each, those of the champion first."""
        return self.champion.contract.features + (() if self.canary is None else self.canary.predictor.contract.features)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that either side knows, sorted; none where a score is one number."""
        ours = self.champion.contract.classes or ()
        if self.canary is None:
            return ours
        return tuple(sorted({*ours, *(self.canary.predictor.contract.classes or ())}))

    def score(self, block: Block) -> Matrix:
        """One score a row, or one for each class."""
        if self.canary is None:
            return self.champion.score_matrix(block.matrix)
        ours, theirs, members = self._split(block)
        shape = (len(members), len(self.classes)) if self.classes else (len(members),)
        found = np.zeros(shape)
        found[~members] = self._widen(self.champion, self.champion.score_matrix(ours[~members]))
        with _naming_harm():
            found[members] = self._widen(self.canary.predictor, self.canary.predictor.score_matrix(theirs[members]))
        return found

    def explain(self, block: Block, count: int) -> Reasons:
        """The strongest reasons of every row, by whoever scored it; fewer where a recipe reads fewer features."""
        if self.canary is None:
            return self.champion.explain_matrix(block.matrix, count)
        ours, theirs, members = self._split(block)
        with _naming_harm():
            told = self.canary.predictor.explain_matrix(theirs[members], count)
        sides = [self.champion.explain_matrix(ours[~members], count), told]
        found = np.full((len(members), max(side.shape[1] for side in sides)), None, dtype=object)
        for rows, side in zip((~members, members), sides, strict=True):
            found[np.ix_(rows, np.arange(side.shape[1]))] = side
        return found

    def find_members(self, entities: Ids) -> Mask | None:
        """Which of these rows are the canary's; None where there is none."""
        return None if self.canary is None else self.canary.share.find_members(write_entities(entities))

    def _split(self, block: Block) -> tuple[Matrix, Matrix, Mask]:
        assert self.canary is not None
        ours = len(self.champion.contract.features)
        return block.matrix[:, :ours], block.matrix[:, ours:], self.canary.share.find_members(write_entities(block.entities))

    def _widen(self, predictor: Predictor, scores: Matrix) -> Matrix:
        """Classes that a side does not know have probability 0 there."""
        known = predictor.contract.classes
        if known is None or known == self.classes:
            return scores
        widened = np.zeros((len(scores), len(self.classes)))
        widened[:, [self.classes.index(name) for name in known]] = scores
        return widened


@contextmanager
def _naming_harm() -> Iterator[None]:
    """What the recipe under test cannot score stops the canary, not the day."""
    try:
        yield
    except PermanentError as error:
        raise CanaryHarm(str(error)) from error


def write_entities(entities: Ids) -> list[str]:
    """Entities as PostgreSQL writes them as text."""
    match entities.dtype.kind:
        case "S":
            return [entity.decode() for entity in entities.tolist()]
        case "V":
            return [str(UUID(bytes=bytes(entity))) for entity in entities.tolist()]
        case _:
            return [str(entity) for entity in entities.tolist()]


def count_arms(scores: Matrix, members: Mask, version: int, canary_version: int) -> tuple[ArmRows, ArmRows]:
    """What champion and canary were given."""
    sides = (("champion", version, scores[~members]), ("canary", canary_version, scores[members]))
    ours, theirs = (ArmRows(arm, by, len(given), float(given.mean()) if len(given) else None) for arm, by, given in sides)  # type: ignore[arg-type]  # the two names stand above
    return ours, theirs
