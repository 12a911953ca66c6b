"""Requests that wait at the same moment are scored in one call.

A call for eight rows costs less than three times one for a single row. Whatever became ready in the same turn of the event loop
is scored at its end, so that a request alone waits for nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from perennial.predictor import Matrix
from perennial.serve.versions import LoadedVersion, Prediction

MOST_ROWS = 256
"""Of one call; more than the first request has are begun anew."""


@dataclass(frozen=True, eq=False)
class _Waiting:
    """Encoded rows of one request, and where its predictions go."""

    matrix: Matrix
    predictions: asyncio.Future[list[Prediction]]


class Together:
    """For one event loop. A row's score does not depend on the rows beside it, nor on whose they are."""

    def __init__(self) -> None:
        self._waiting: dict[LoadedVersion, list[_Waiting]] = {}

    async def predict(self, version: LoadedVersion, matrix: Matrix) -> list[Prediction]:
        """`LoadedVersion.predict` without reasons, together with whoever asks this version in the same turn of the loop."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._score_all)
        asked = _Waiting(matrix, loop.create_future())
        self._waiting.setdefault(version, []).append(asked)
        return await asked.predictions

    def _score_all(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for version, asked in waiting.items():
            for part in _split(asked):
                _score(version, part)


def _split(asked: Sequence[_Waiting]) -> Iterator[list[_Waiting]]:
    """In their order, so many in each part that it has at most MOST_ROWS rows, or a single request."""
    part: list[_Waiting] = []
    rows = 0
    for each in asked:
        if part and rows + len(each.matrix) > MOST_ROWS:
            yield part
            part, rows = [], 0
        part.append(each)
        rows += len(each.matrix)
    yield part


def _score(version: LoadedVersion, part: Sequence[_Waiting]) -> None:
    """Where the call fails each request is scored alone: what one has wrong does not fail another."""
    matrix = part[0].matrix if len(part) == 1 else np.concatenate([each.matrix for each in part])
    try:
        predictions = version.predict(matrix, 0)
    except Exception as error:  # noqa: BLE001 - it is raised where the request waits
        if len(part) > 1:
            for each in part:
                _score(version, [each])
        elif not part[0].predictions.done():
            part[0].predictions.set_exception(error)
        return
    begin = 0
    for each in part:
        end = begin + len(each.matrix)
        if not each.predictions.done():  # nobody waits any more
            each.predictions.set_result(predictions[begin:end])
        begin = end
