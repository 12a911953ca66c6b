"""The body of a request: read within a size and a time, and parsed without surprises."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic_core import from_json
from starlette.requests import ClientDisconnect, Request

from perennial.serve.answers import Refusal

MOST_REASONS = 10
KEYS = {"rows", "reasons", "entities"}


@dataclass(frozen=True)
class Question:
    """What a caller asks: rows of features by name, and so many reasons for each score.

    Attributes:
        entities: whose each row is, as text, None where that is not said; empty where it is said of none.
    """

    rows: Sequence[object]
    reasons: int
    entities: Sequence[str | None] = ()


async def read_body(request: Request, most_bytes: int, seconds: float) -> bytes:
    """The whole body.

    Raises:
        Refusal: it is larger, or takes longer; the connection is closed after the answer.
    """
    stated = request.headers.get("content-length", "0")
    if stated.isdecimal() and int(stated[:20]) > most_bytes:
        raise _too_large(most_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most_bytes:
                    raise _too_large(most_bytes)
    except TimeoutError:
        raise Refusal(408, f"The request did not arrive within {seconds:g} seconds.", closes=True) from None
    except ClientDisconnect:
        raise Refusal(400, "The caller went away.", closes=True) from None
    return bytes(body)


def parse_question(body: bytes, most_rows: int) -> Question:
    """A question from JSON.

    Raises:
        Refusal: 400 where it is no JSON, 422 where it is none of ours; no value is repeated.
    """
    try:
        content = from_json(body, allow_inf_nan=False)
    except (ValueError, RecursionError):
        raise Refusal(400, "The body is not JSON (RFC 8259): numbers are finite, texts are UTF-8.") from None
    if not isinstance(content, Mapping) or not isinstance(content.get("rows"), list):
        raise Refusal(422, 'Send an object with a list of rows: {"rows": [{"feature": 1.5, ...}], "reasons": 3}.')
    if unknown := len(content.keys() - KEYS):
        raise Refusal(
            422, f"The object has {unknown} keys beside rows, reasons and entities: each row is an object of features in rows."
        )
    rows, reasons = content["rows"], content.get("reasons", 0)
    if not isinstance(reasons, int) or isinstance(reasons, bool) or not 0 <= reasons <= MOST_REASONS:
        raise Refusal(422, f"reasons is how many are wanted for each row: a whole number from 0 to {MOST_REASONS}.")
    if not 1 <= len(rows) <= most_rows:
        raise Refusal(422, f"A request holds 1 to {most_rows} rows, this one {len(rows)}: send several.")
    return Question(rows, reasons, _read_entities(content.get("entities"), len(rows)))


def _read_entities(given: object, rows: int) -> Sequence[str | None]:
    """Texts, or whole numbers, which PostgreSQL writes as JSON does."""
    if given is None:
        return ()
    if not isinstance(given, list) or len(given) != rows:
        raise Refusal(422, f"entities says whose the rows are: a list with one entry for each of the {rows} rows.")
    known = [str(entity) if isinstance(entity, str | int) and not isinstance(entity, bool) else None for entity in given]
    wrong = [
        f"entity {place}: expected a text, a whole number or null"
        for place, (entity, text) in enumerate(zip(given, known, strict=True))
        if text is None and entity is not None
    ]
    if wrong:
        raise Refusal(
            422, "An entity is its entity_id, as a text or a whole number; null where it is not known.", problems=wrong[:20]
        )
    return known


def _too_large(most_bytes: int) -> Refusal:
    return Refusal(413, f"A request has at most {most_bytes} bytes: send fewer rows in each.", closes=True)
