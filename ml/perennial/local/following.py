"""What somebody who brings a stack up sees of it: what has happened, and what is waited for."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from perennial.errors import StackError
from perennial.local.patience import HINT
from perennial.local.processes import Identity
from perennial.local.record import Record, has_request, read_record
from perennial.local.servers import read_last_line, say_end
from perennial.local.services import JOBS

POLL_SECONDS = 0.2
Say = Callable[[str], object]


@dataclass(frozen=True)
class Follower:
    """Reads the record of one supervisor until all of `names` are healthy.

    Attributes:
        say: is given every line that is to stay.
        show: is given, again and again, the line that says what is waited for now.
    """

    var: Path
    supervisor: Identity
    names: Collection[str]
    say: Say
    show: Say

    def follow(self, told: int = 0) -> None:
        """Pass on what the supervisor notes; the first `told` events are known.

        There is no limit of its own: the supervisor has one for every server, and says which of them failed.

        Raises:
            StackError: a server failed, or the supervisor ended.
        """
        while True:
            has_ended = not self.supervisor.is_alive
            record = self._read()
            if record is not None:
                for event in record.events[told:]:
                    self.say(event)
                told = len(record.events)
                if self._is_settled(record):
                    return
                self._show_waiting(record)
            if has_ended:
                raise StackError(self._explain_end(record))
            time.sleep(POLL_SECONDS)

    def _read(self) -> Record | None:
        record = read_record(self.var)
        return record if record is not None and record.supervisor == self.supervisor else None

    def _is_settled(self, record: Record) -> bool:
        """Whether all is healthy.

        Raises:
            StackError: nothing is waited for any more, and something failed.
        """
        if has_request(self.var) or record.state in ("stopping", "failed"):
            return False
        states = {record.servers[name].state if name in record.servers else "waiting" for name in self.names}
        if states & {"waiting", "starting"}:
            return False
        if "failed" in states:
            raise StackError(explain_failures(record, self.names))
        return True

    def _show_waiting(self, record: Record) -> None:
        """For the oldest of those that start: how long, and what its log says."""
        now = time.monotonic()
        starting = sorted((server.since, name) for name, server in record.servers.items() if server.state == "starting")
        if starting:
            names = ", ".join(name for _, name in starting)
            since, oldest = starting[0]
            line = read_last_line(record.servers[oldest].log)
            self.show(f"waiting {now - since:.0f} s for {names}" + (f" | {oldest}: {line}" if line else ""))

    def _explain_end(self, record: Record | None) -> str:
        if record is None or record.state != "failed":
            if not (self.var / "stack.json").exists():
                return f"The stack in {self.var} was ended while it came up (`perennial down`): start it again when you want it."
            return f"The stack's supervisor ended; {say_end(self.var / 'supervisor.log')}"
        return explain_failures(record, self.names) or record.events[-1]


def explain_failures(record: Record, names: Collection[str]) -> str:
    """Which of these failed, why, what stays, and how to go on; empty when none did."""
    failures = [server.why for name, server in record.servers.items() if name in names and server.state == "failed"]
    if not failures:
        return ""
    up = [name for name, server in record.servers.items() if server.state == "healthy" and name not in JOBS]
    if record.state == "failed" or not up:
        return "\n".join((*failures, f"Nothing else was left. Once it is repaired: `perennial up`. {HINT}."))
    stays = f"What is healthy stays up: {', '.join(up)}. `perennial up` starts only what is missing, `perennial down` ends all."
    return "\n".join((*failures, f"{stays} {HINT}."))
