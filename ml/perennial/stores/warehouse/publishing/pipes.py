"""Bytes between threads: a bounded pipe whose ends notice that the other one is dead, and a thread that reports its error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, Full, Queue
from threading import Event, Thread

BLOCK_BYTES = 4 << 20  # tens of thousands of rows: large enough for the libraries, small enough to overlap
BLOCKS_AHEAD = 3
LOOK_UP_SECONDS = 0.2  # so often a waiting end asks whether the other one still lives


class Stopped(Exception):
    """The other end has failed; its error is the one to report."""


class Pipe:
    """A file for COPY on one side, blocks of bytes on the other; at most BLOCKS_AHEAD blocks wait in between."""

    def __init__(self, stop: Event) -> None:
        self._stop = stop
        self._blocks: Queue[bytes] = Queue(BLOCKS_AHEAD)
        self._rest = bytearray()

    def put(self, block: bytes) -> None:
        """Hand on a block; waits while the other end is behind. An empty block is the end."""
        while not self._stop.is_set():
            try:
                return self._blocks.put(block, timeout=LOOK_UP_SECONDS)
            except Full:
                continue
        raise Stopped

    def get(self) -> bytes:
        """The next block; waits for it. Empty at the end."""
        while not self._stop.is_set():
            try:
                return self._blocks.get(timeout=LOOK_UP_SECONDS)
            except Empty:
                continue
        raise Stopped

    def write(self, row: bytes) -> int:
        """For COPY TO, which writes row by row; `close` sends what is left."""
        self._rest += row
        if len(self._rest) >= BLOCK_BYTES:
            self._flush()
        return len(row)

    def close(self) -> None:
        """Send the rest and the end."""
        if self._rest:
            self._flush()
        self.put(b"")

    def read(self, size: int) -> bytes:
        """For COPY FROM, which asks for a few kilobytes at a time; empty at the end."""
        if not self._rest:
            self._rest += self.get()
        piece = bytes(self._rest[:size])
        del self._rest[:size]
        return piece

    def _flush(self) -> None:
        self.put(bytes(self._rest))
        self._rest.clear()


@contextmanager
def run_beside(work: Callable[[], None], stop: Event, cancel: Callable[[], None]) -> Iterator[None]:
    """Run `work` in a thread while the block lasts, and wait for its end.

    Whoever fails sets `stop`, so that nobody waits for the dead; `cancel` ends a statement that the thread waits for.
    Of two errors the first cause is raised.
    """
    failures: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - carried to the caller, and raised there
            failures.append(error)
            stop.set()

    thread = Thread(target=guarded, daemon=True)
    thread.start()
    try:
        yield
    except BaseException as error:
        is_cause = not stop.is_set()
        stop.set()
        cancel()
        thread.join()
        if is_cause or not failures:
            raise
        raise failures[0] from error
    thread.join()
    if failures:
        raise failures[0]
