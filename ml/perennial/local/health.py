"""How servers are asked whether they are well: mail by NOOP, Airflow by its REST API."""

from __future__ import annotations

import smtplib
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from perennial.errors import PerennialError
from perennial.local.airflow_api import AirflowClient
from perennial.local.patience import Patience

SMTP_SECONDS = 5.0
SMTP_OK = 250
SEEN_SECONDS = 1.0  # one look serves all of Airflow's services


def answers_smtp(host: str, port: int, *, tls: bool = False, patience: Patience | None = None) -> bool:
    """Whether a mail server says yes to NOOP; `tls` as in `Smtp`."""
    connect = partial(smtplib.SMTP_SSL, context=ssl.create_default_context()) if tls else smtplib.SMTP
    seconds = (patience or Patience.from_environment()).allow(SMTP_SECONDS)
    try:
        with connect(host, port, timeout=seconds) as client:
            return client.noop()[0] == SMTP_OK
    except (OSError, smtplib.SMTPException):
        return False


def answers_login(client: AirflowClient) -> bool:
    """Whether the api-server takes our password: a stale one of another stack would not."""
    try:
        client.dags()
    except PerennialError:
        return False
    return True


@dataclass
class Heartbeats:
    """The heartbeats of Airflow's services, as its api-server tells them, looked at once for all that ask within a second."""

    client: AirflowClient
    _seen_at: float = field(default=float("-inf"))
    _seen: dict[str, datetime | None] = field(default_factory=dict)

    def is_well(self, service: str) -> bool:
        """Whether Airflow says so."""
        self._look()
        return service in self._seen

    def is_fresh(self, service: str, since: datetime) -> bool:
        """Whether the service is well, and has sent a heartbeat since then."""
        self._look()
        beat = self._seen.get(service)
        return beat is not None and beat >= since

    def _look(self) -> None:
        if time.monotonic() - self._seen_at < SEEN_SECONDS:
            return
        try:
            self._seen = self.client.heartbeats()
        except PerennialError:
            self._seen = {}
        self._seen_at = time.monotonic()


@dataclass
class Heart:
    """One service of Airflow: healthy means a heartbeat since its start, for an older one belongs to its forerunner."""

    heartbeats: Heartbeats
    service: str
    read_clock: Callable[[], datetime]
    since: datetime | None = None

    def forget(self) -> None:
        """A new start: by the clock by which heartbeats are stored."""
        self.since = self.read_clock()

    def beats(self) -> bool:
        return self.since is not None and self.heartbeats.is_fresh(self.service, self.since)
