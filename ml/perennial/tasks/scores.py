"""Scores as frames hold them: one number a row, or of classes a column each, sorted by name, with their probabilities.

Two fits may know other classes. What a fit does not know it never says: its probability is 0.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Scores: TypeAlias = pd.Series | pd.DataFrame


@dataclass(frozen=True)
class PublishedColumn:
    """A column beside the score, never null: its type in PostgreSQL, and what analysts read about it."""

    type: str
    meaning: str


CLASS_COLUMNS: Mapping[str, PublishedColumn] = {
    "class": PublishedColumn("text", "The likeliest class; of equally likely ones the first by name"),
    "probabilities": PublishedColumn(
        "jsonb", "The calibrated probability of every class that the version knows, by its name: probabilities ->> 'name'"
    ),
}
"""One column holds all probabilities: a later version may know other classes, and a class may be called anything."""


def frame_scores(values: NDArray[np.float64], index: pd.Index, classes: tuple[str, ...] | None) -> Scores:
    """What a predictor gives, one row per entry of the index."""
    if classes is None:
        return pd.Series(values, index=index, name="score")
    return pd.DataFrame(values, index=index, columns=list(classes))


def read_numbers(scores: Scores) -> pd.Series:
    """Scores of a task whose scores are one number a row."""
    assert isinstance(scores, pd.Series)
    return scores


def read_classes(scores: Scores) -> pd.DataFrame:
    """Scores of a task whose scores are classes; where nobody was scored they have no columns."""
    if isinstance(scores, pd.Series):
        assert scores.empty
        return pd.DataFrame(index=scores.index)
    return scores


def stack_scores(parts: Sequence[Scores]) -> Scores:
    """Rows of several fits on top of each other, over all classes that any of them knows."""
    stacked: Scores = pd.concat(parts)
    return stacked if isinstance(stacked, pd.Series) else sort_classes(stacked)


def parse_classes(texts: pd.Series) -> pd.DataFrame:
    """Probabilities by class as JSON objects, one a row, into columns."""
    return sort_classes(pd.DataFrame([json.loads(text) for text in texts], index=texts.index, dtype=float))


def write_classes(scores: pd.DataFrame) -> pd.Series:
    """The inverse of `parse_classes`."""
    named = (dict(zip(scores.columns, row, strict=True)) for row in scores.to_numpy().tolist())
    return pd.Series([json.dumps(row, ensure_ascii=False) for row in named], index=scores.index)


def sort_classes(scores: pd.DataFrame) -> pd.DataFrame:
    """Columns by name; an unknown probability is 0."""
    return scores[sorted(scores.columns)].fillna(0.0)


def find_published(scores: Scores) -> pd.Series:
    """The one number that is published for each row: of classes the probability of the likeliest."""
    return scores if isinstance(scores, pd.Series) else scores.max(axis="columns").rename("score")


def find_likeliest(scores: pd.DataFrame) -> pd.Series:
    """The class that is published for each row; of equally likely ones the first by name."""
    names = np.asarray(scores.columns, dtype=object)
    return pd.Series(names[scores.to_numpy().argmax(axis=1)], index=scores.index, name="class", dtype="str")
