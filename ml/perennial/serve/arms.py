"""Rows that name their entity, each answered by its arm: the canary's by the canary, all others by the champion.

Whether a request is refused the champion alone says: a row that the canary cannot score, for whatever reason, gets the score of
the champion and is an error of the canary's. Rows without an entity are in nobody's canary, and are not counted: the
arms are compared on entities that the hash has drawn.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from perennial.predictor import Matrix, RowsRefused
from perennial.records.canaries import Arm
from perennial.serve.canaries import LoadedCanary
from perennial.serve.counts import ArmKey, Sums
from perennial.serve.requests import Question
from perennial.serve.versions import LoadedVersion, Prediction, is_score, refuse_no_scores

log = logging.getLogger(__name__)
Places = Sequence[int]
Count = Callable[[ArmKey, Sums], None]


@dataclass(frozen=True, eq=False)
class ArmScores:
    """What a version made of some rows of a request.

    Attributes:
        places: of the rows that got a score, in the request.
        matrix: what it read of them.
        seconds: that it took.
    """

    places: Places
    predictions: Sequence[Prediction]
    matrix: Matrix
    seconds: float

    def sum_up(self, places: Places) -> Sums:
        """What these rows came to, of which some may have got no score."""
        scored = [position for position, place in enumerate(self.places) if place in set(places)]
        scores = np.array([self.predictions[position]["score"] for position in scored], dtype=np.float64)
        read = self.matrix[scored]
        return Sums(
            requests=1,
            rows=len(places),
            errors=len(places) - len(scored),
            inputs=read.size,
            missing=int(np.isnan(read).sum()),
            score_sum=float(scores.sum()),
            score_squares=float((scores**2).sum()),
            seconds=self.seconds,
            second_squares=self.seconds**2,
        )


def answer_arms(
    model: str, champion: LoadedVersion, canary: LoadedCanary | None, question: Question, count: Count
) -> list[Prediction]:
    """Predictions in the order of the rows, each with the version and the recipe that made it.

    Args:
        count: takes what either arm came to.

    Raises:
        RowsRefused: the champion does not read them, or has no score for one.
    """
    asked = range(len(question.rows))
    began = perf_counter()
    matrix = champion.encode([_pick(champion, row) for row in question.rows])
    if canary is None:
        predictions = champion.predict(matrix, question.reasons)
        refuse_no_scores(predictions)
        return _name(champion, predictions)
    encoding = perf_counter() - began
    named = [place for place in asked if question.entities[place] is not None]
    drawn = [place for place in named if canary.has(str(question.entities[place]))]
    theirs = _try_canary(model, canary.loaded, question, drawn)
    rest = sorted(set(asked) - set(theirs.places))
    began = perf_counter()
    ours = ArmScores(rest, champion.predict(matrix[rest], question.reasons) if rest else (), matrix[rest], 0.0)
    ours = replace(ours, seconds=encoding + perf_counter() - began)
    refuse_no_scores(ours.predictions, rest)
    arms: tuple[tuple[Arm, LoadedVersion, ArmScores, Places], ...] = (
        ("champion", champion, ours, sorted(set(named) - set(drawn))),
        ("canary", canary.loaded, theirs, drawn),
    )
    for arm, by, scored, places in arms:
        if places:
            count(ArmKey(model, arm, by.version.version, canary.canary.canary_id, canary.share), scored.sum_up(places))
    answers = zip(
        (*rest, *theirs.places), (*_name(champion, ours.predictions), *_name(canary.loaded, theirs.predictions)), strict=True
    )
    return [prediction for _, prediction in sorted(answers, key=lambda answered: answered[0])]


def _pick(version: LoadedVersion, row: object) -> object:
    """What the version reads of a row: a caller cannot know which of two recipes it is for, and sends what both read."""
    if not isinstance(row, Mapping):
        return row
    return {name: row[name] for name in version.encoder.columns if name in row}


def _name(by: LoadedVersion, predictions: Sequence[Prediction]) -> list[Prediction]:
    return [{"version": by.version.version, "recipe": by.version.recipe, **told} for told in predictions]


def _try_canary(model: str, by: LoadedVersion, question: Question, places: Places) -> ArmScores:
    """Scores of the rows that it can score, be they all or none: it fails nobody's request."""
    began = perf_counter()
    try:
        read, matrix = _encode_some(by, [(place, _pick(by, question.rows[place])) for place in places])
        predictions = by.predict(matrix, question.reasons) if read else []
        kept = [position for position, told in enumerate(predictions) if is_score(told)]
    except Exception as error:  # noqa: BLE001 - whatever its library does, the champion answers; the message may hold values
        log.error("%s: version %d gave no score: %s", model, by.version.version, type(error).__name__)  # noqa: TRY400 - see above
        read, matrix, predictions, kept = [], np.empty((0, len(by.encoder.columns))), [], []
    seconds = perf_counter() - began
    return ArmScores([read[each] for each in kept], [predictions[each] for each in kept], matrix[kept], seconds)


def _encode_some(by: LoadedVersion, rows: Sequence[tuple[int, object]]) -> tuple[list[int], Matrix]:
    """The rows that it reads, by their places."""
    try:
        return [place for place, _ in rows], by.encode([row for _, row in rows])
    except RowsRefused:
        read: dict[int, Matrix] = {}
        for place, row in rows:
            with suppress(RowsRefused):
                read[place] = by.encode([row])
        return list(read), np.concatenate(list(read.values())) if read else np.empty((0, len(by.encoder.columns)))
