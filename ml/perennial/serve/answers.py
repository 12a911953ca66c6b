"""What goes back to a caller. A refusal says what was wrong, never which value it was."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from starlette.responses import Response

write_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


@dataclass(eq=False)
class Refusal(Exception):
    """A request that gets no answer, with the HTTP status and a sentence that says how to go on."""

    status: int
    detail: str
    problems: Sequence[str] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    closes: bool = False

    def as_response(self) -> Response:
        """As JSON: `detail`, and `problems` where there are some."""
        content: dict[str, object] = {"detail": self.detail}
        if self.problems:
            content["problems"] = list(self.problems)
        headers = {**self.headers, **({"connection": "close"} if self.closes else {})}
        return answer(content, status=self.status, headers=headers)


def answer(content: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON; floats are written so that reading them gives the same bits."""
    body = write_json(content).encode("utf-8", "replace")
    return Response(body, status, headers=dict(headers or {}), media_type="application/json")
