"""A mail server that keeps the newest messages as files and sends none on: `python -I mail_sink.py HOST PORT FOLDER`.

A script of its own that imports nothing of ours: 20 MB instead of 160.
"""

from __future__ import annotations

import asyncio
import hashlib
import signal
import sys
from contextlib import suppress
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

SIZE_LIMIT_BYTES = 50_000_000
MOST_BYTES = 256 * 2**20


class Sink:
    """Writes one `.eml` file per message, named by its number and the hash of its bytes; of too many the oldest go."""

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802 - aiosmtpd's name
        """Keep the message before saying yes to it."""
        content = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        number = 1 + max((_read_number(path) for path in self._folder.glob("*-*.eml")), default=0)
        draft = self._folder / f"{number:06}-{hashlib.sha256(content).hexdigest()[:12]}.part"
        draft.write_bytes(content)
        draft.rename(draft.with_suffix(".eml"))
        self._make_room()
        return "250 OK"

    def _make_room(self) -> None:
        """The newest stays, however large: its number is the one that the next follows."""
        newest, *others = sorted(self._folder.glob("*-*.eml"), key=_read_number, reverse=True)
        kept = newest.stat().st_size
        for path in others:
            with suppress(FileNotFoundError):  # somebody else takes away what is a month old
                kept += path.stat().st_size
                if kept > self._most_bytes:
                    path.unlink()


def _read_number(path: Path) -> int:
    return int(path.name.partition("-")[0])


async def serve(host: str, port: int, folder: Path) -> None:
    """Listen until TERM."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    sink = Sink(folder)
    server = await loop.create_server(lambda: SMTP(sink, data_size_limit=SIZE_LIMIT_BYTES, hostname="localhost"), host, port)
    await stopped.wait()
    server.close()


if __name__ == "__main__":
    Path(sys.argv[3]).mkdir(parents=True, exist_ok=True)
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
