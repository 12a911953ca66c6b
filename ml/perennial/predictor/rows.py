"""From rows of named values, as JSON has them, to the matrix that a model reads; no frame is made on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf, isfinite, nan
from operator import itemgetter
from typing import cast

import numpy as np

from perennial.predictor.contract import Feature
from perennial.predictor.encoding import Matrix

NamedRow = Mapping[str, object]
MOST_PROBLEMS = 20
PLAIN = frozenset({float, int, bool, type(None)})  # what becomes a number as `float` would have it; None becomes NaN
LONGEST_NAME = 80
TYPE_NAMES: Mapping[type, str] = {
    type(None): "null",
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
}


class RowsRefused(Exception):
    """Rows that are not what the model reads. `problems` says which row and feature, and of which type: never a value."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class WrongValue(Exception):
    """One value that a feature cannot have; the message names what was expected and the type that was found."""


@dataclass(frozen=True, eq=False)
class RowEncoder:
    """Encodes rows for one contract; the look-ups are made once.

    Attributes:
        limit: a number of this size or larger is refused.
    """

    columns: Mapping[str, Callable[[object], float]]
    limit: float
    pick: Callable[[NamedRow], tuple[object, ...]]
    categories: tuple[tuple[int, Callable[[object], float]], ...]

    @classmethod
    def of(cls, features: Sequence[Feature], limit: float = inf) -> RowEncoder:
        """For the features of a contract, in their order."""
        columns = {feature.name: _choose(feature, limit) for feature in features}
        categories = tuple((place, columns[each.name]) for place, each in enumerate(features) if each.kind == "category")
        return cls(columns, limit, _pick_values([feature.name for feature in features]), categories)

    def encode(self, rows: Sequence[object]) -> Matrix:
        """The matrix that `encode` makes of a frame with these rows, to the bit: rows by features, float64.

        A row has every feature and nothing else. A number is a JSON number, or true or false; a category is a text; null is
        a value that is not known. A category that the training never saw is what it is for `encode`.

        Raises:
            RowsRefused: names up to 20 problems.
        """
        matrix = np.empty((len(rows), len(self.columns)), dtype=np.float64)
        if self._fill_all(matrix, rows):
            return matrix
        problems: list[str] = []
        for place, row in enumerate(rows):
            if len(problems) >= MOST_PROBLEMS:
                problems.append("there may be more")
                break
            if isinstance(row, Mapping) and row.keys() == self.columns.keys():
                self._fill(matrix[place], row, place, problems)
            else:
                problems += self._find_other_names(row, place)
        if problems:
            raise RowsRefused(problems)
        return matrix

    def _fill_all(self, into: Matrix, rows: Sequence[object]) -> bool:
        """Rows as they usually are, in a fifth of the time; False where one may be none, which is then said by `_fill`."""
        try:
            for place, row in enumerate(rows):
                if type(row) is not dict or len(row) != len(self.columns):
                    return False
                values: Sequence[object] = self.pick(row)
                if self.categories:
                    values = list(values)
                    for position, read in self.categories:
                        values[position] = read(values[position])
                if not PLAIN.issuperset(map(type, values)):
                    return False
                into[place] = cast("Sequence[float]", values)
        except (KeyError, OverflowError, WrongValue):
            return False
        return not (np.abs(into) >= self.limit).any()

    def _fill(self, into: Matrix, row: NamedRow, place: int, problems: list[str]) -> None:
        for position, (name, read) in enumerate(self.columns.items()):
            try:
                into[position] = read(row[name])
            except WrongValue as wrong:
                problems.append(f"row {place}: feature {name} {wrong}")

    def _find_other_names(self, row: object, place: int) -> list[str]:
        if not isinstance(row, Mapping):
            return [f"row {place}: expected an object of features, found {_say_type(row)}"]
        missing = [name for name in self.columns if name not in row]
        unknown = [str(name) for name in row if name not in self.columns]
        found = [f"row {place}: lacks {_list(missing)} (null says that a value is not known)"] if missing else []
        return found + ([f"row {place}: {_list(unknown)}: no feature of this version"] if unknown else [])


def _choose(feature: Feature, limit: float) -> Callable[[object], float]:
    return partial(_read_number, limit) if feature.kind == "numeric" else _CategoryReader(feature)


def _pick_values(names: Sequence[str]) -> Callable[[NamedRow], tuple[object, ...]]:
    """The values of a row in this order; `itemgetter` gives no tuple for one alone."""
    return itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],)


def _read_number(limit: float, value: object) -> float:
    if value is None:
        return nan
    if isinstance(value, bool | int | float):
        try:
            number = float(value)
        except OverflowError:
            number = inf
        if abs(number) < limit:
            return number
        if not isfinite(number):
            raise WrongValue("expects a finite number; null says that it is not known")
        raise WrongValue(f"expects a number below {limit:.2g}, which is infinite to this version's library")
    raise WrongValue(f"expects a number or null, found {_say_type(value)}")


class _CategoryReader:
    """The place of a text among the categories; where rare ones were pooled, what is not among them stands behind."""

    def __init__(self, feature: Feature) -> None:
        self._places = {category: float(place) for place, category in enumerate(feature.categories)}
        self._rest = float(len(feature.categories)) if feature.pooled else nan

    def __call__(self, value: object) -> float:
        if value is None:
            return nan
        if isinstance(value, str):
            return self._places.get(value, self._rest)
        raise WrongValue(f"expects a text or null, found {_say_type(value)}")


def _say_type(value: object) -> str:
    return TYPE_NAMES.get(type(value), "something else")


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…" for name in names[:MOST_PROBLEMS])
    return shown if len(names) <= MOST_PROBLEMS else f"{shown} and {len(names) - MOST_PROBLEMS} more"
