"""Counts of requests for the limit of each token."""

from __future__ import annotations

from math import floor
from time import monotonic

from limits.storage import MemoryStorage


class WindowCounts(MemoryStorage):
    """Sliding windows that start no thread.

    The library's own storage begins a thread every 10 ms, which forgets what has expired. Here names are those of tokens, and
    few: nothing has to be forgotten. For the thread of one event loop.
    """

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[str, tuple[int, int, int]] = {}

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Whether so many more stay within the limit: of this window, and of the one before by the share that still counts."""
        window, passed = divmod(monotonic() / expiry, 1)
        at, count, before = self._counts.get(key, (window, 0, 0))
        if at != window:
            count, before = 0, count if at + 1 == window else 0
        is_within = floor(before * (1 - passed)) + count + amount <= limit
        self._counts[key] = (int(window), count + amount * is_within, before)
        return is_within
