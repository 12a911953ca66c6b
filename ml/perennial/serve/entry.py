"""Who is let in, and how often: bearer tokens and a limit for each."""

from __future__ import annotations

from limits import RateLimitItemPerSecond
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.requests import Request

from perennial.serve.answers import Refusal
from perennial.serve.champions import Champions
from perennial.serve.options import ServeOptions
from perennial.serve.rates import WindowCounts
from perennial.serve.tokens import Token, hash_token

SCHEME = "bearer "
ANYBODY = "anybody"
LONGEST_TOKEN = 200


class Entry:
    """The door of one process, which takes its share of the rate: workers do not know of each other's requests."""

    def __init__(self, options: ServeOptions, champions: Champions) -> None:
        self._champions = champions
        self._is_open = options.tokens is None
        self._limit = RateLimitItemPerSecond(max(1, -(-options.rate // options.workers))) if options.rate else None
        self._limiter = SlidingWindowCounterRateLimiter(WindowCounts())

    def admit(self, request: Request) -> None:
        """Let a request in.

        Raises:
            Refusal: 401 without a token that is known, 503 while there is none at all, 429 where it comes too often.
        """
        name = ANYBODY if self._is_open else self._find_name(request)
        if self._limit is not None and not self._limiter.hit(self._limit, name):
            said = f"Token '{name}' may send {self._limit.amount} requests in a second to each worker of this server."
            raise Refusal(429, f"{said} Send several rows in one request, or wait.", headers={"retry-after": "1"})

    def knows(self, request: Request) -> bool:
        """Whether it would be let in, however often."""
        return self._is_open or self._recognise(request) is not None

    def _find_name(self, request: Request) -> str:
        known = self._recognise(request)
        if known is not None:
            return known.name
        if not self._champions.tokens:
            raise Refusal(503, "This server lets nobody in now: it has no tokens that it can read; its log says why.")
        raise Refusal(
            401, "Send `Authorization: Bearer TOKEN` with a token of this server.", headers={"www-authenticate": "Bearer"}
        )

    def _recognise(self, request: Request) -> Token | None:
        given = request.headers.get("authorization", "")
        token = given[len(SCHEME) :].strip()
        if given[: len(SCHEME)].lower() == SCHEME and 0 < len(token) <= LONGEST_TOKEN:
            # By its hash: how long a look-up takes says nothing about a token.
            return self._champions.tokens.get(hash_token(token))
        return None
