"""Rows of a training that another process reads and encodes by itself, and how it makes sure that they are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from perennial.config import Model
from perennial.errors import WarehouseBusy
from perennial.predictor import Feature, encode_columns
from perennial.records import TrainingSet
from perennial.tasks import task_of
from perennial.train.inputs import Inputs
from perennial.train.rows import FoldRows, TrainingRows


@dataclass(frozen=True)
class Encoding:
    """How rows become numbers: what a part of them cannot say by itself, because it was found on all of them.

    Attributes:
        classes, mean_weight: as in `TrainingRows`.
    """

    features: tuple[Feature, ...]
    classes: tuple[str, ...] | None
    mean_weight: float

    @classmethod
    def of(cls, rows: TrainingRows) -> Encoding:
        """The encoding that these rows have."""
        return cls(rows.features, rows.classes, rows.mean_weight)

    @property
    def token(self) -> str:
        """Equal encodings have equal tokens."""
        return hashlib.sha256(repr(self).encode()).hexdigest()

    def encode(self, model: Model, part: TrainingSet) -> TrainingRows:
        """The same numbers as `gather_rows` makes of these rows among all others."""
        part = part.weighing()
        task, index = task_of(model), part.features.index
        assert isinstance(index, pd.MultiIndex)
        labels, known = task.code_labels(part.labels)
        if known is not None and self.classes is not None:
            labels = np.searchsorted(self.classes, known)[labels.astype(np.intp)].astype(np.float64)
        weights = None
        if "weight" in part.beside:
            weights = part.beside["weight"].to_numpy(dtype=np.float64) / self.mean_weight
        inputs = Inputs(encode_columns(part.features, self.features), len(index))
        return TrainingRows(task, self.features, inputs, labels, index, self.classes, weights, self.mean_weight)


@dataclass(frozen=True)
class Part:
    """Rows of some as_ofs, as whoever gave them away holds them.

    Attributes:
        digests: of each as_of, SHA-256 over its matrix, labels and weights.
        rows: of each as_of.
    """

    encoding: Encoding
    digests: Mapping[date, str]
    rows: Mapping[date, int]

    @property
    def as_ofs(self) -> tuple[date, ...]:
        """Oldest first."""
        return tuple(sorted(self.digests))

    @property
    def token(self) -> str:
        """Equal parts have equal tokens."""
        content = [self.encoding.token, *(f"{day} {self.digests[day]}" for day in self.as_ofs)]
        return hashlib.sha256("\n".join(content).encode()).hexdigest()

    def on(self, as_ofs: Sequence[date]) -> Part:
        """The part of these as_ofs."""
        digests = {day: self.digests[day] for day in as_ofs}
        return replace(self, digests=digests, rows={day: self.rows[day] for day in as_ofs})

    @property
    def cells(self) -> int:
        """Rows times features."""
        return sum(self.rows.values()) * len(self.encoding.features)

    def read(self, model: Model, read: Callable[[Sequence[date]], TrainingSet]) -> TrainingRows:
        """Read and encode these rows.

        Raises:
            WarehouseBusy: they are not the rows that were meant.
        """
        rows = self.encoding.encode(model, read(self.as_ofs))
        other = [day for day in self.as_ofs if _digest(rows.on((day,))) != self.digests[day]]
        if other:
            raise WarehouseBusy(
                f"{model.name}: a worker read other rows of {', '.join(map(str, other))} than the stage that it fits for: a "
                "snapshot was built anew meanwhile, or its PERENNIAL_WAREHOUSE_URL leads to another database. Nothing was "
                "changed; correct the address, or try again."
            )
        return rows


def describe_folds(folds: Sequence[FoldRows]) -> Part:
    """What somebody else needs to read the rows of these folds."""
    found: dict[date, TrainingRows] = {}
    for fold in folds:
        for rows, days in ((fold.training, fold.fold.training), (fold.validation, fold.fold.validation)):
            found.update({day: rows.on((day,)) for day in days if day not in found})
    return _describe(folds[0].training, found)


def describe_rows(rows: TrainingRows) -> Part:
    """What somebody else needs to read these rows."""
    days = [stamp.date() for stamp in rows.index.get_level_values("as_of").unique()]
    return _describe(rows, {day: rows.on((day,)) for day in days})


def _describe(rows: TrainingRows, days: Mapping[date, TrainingRows]) -> Part:
    digests = {day: _digest(each) for day, each in days.items()}
    return Part(Encoding.of(rows), digests, {day: len(each.labels) for day, each in days.items()})


def _digest(rows: TrainingRows) -> str:
    digest = hashlib.sha256()
    for numbers in (rows.matrix, rows.labels, rows.weights):
        if numbers is not None:
            digest.update(np.ascontiguousarray(numbers).data)
    return digest.hexdigest()
