"""What a server is told when it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from perennial.errors import ConfigError

LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class ServeOptions:
    """One server; workers get the same.

    Attributes:
        warehouse_url: PostgreSQL as role analyst.
        recorder_url: PostgreSQL as role recorder; empty: no canary answers requests.
        canaries: share of the entities that a canary of a model may answer for, where it is above 0.
        mlflow_uri: where files come from that `artifacts` does not hold; empty: from nowhere.
        home, artifacts: as in `perennial.config.Settings`.
        models: which are served, by name.
        tokens: the file of hashed tokens; None: whoever reaches the address is answered.
        rate: requests in a second that one token may send, over all workers; 0: any number.
        batch_rows, body_bytes: the largest request.
        body_seconds: in which a request must have arrived, its head in as many.
        poll_seconds: how often the ledger is asked who is champion.
        connections: of each worker; what comes beyond is answered 503.
        stop_seconds: that requests have to end in, once the server is told to stop.
    """

    warehouse_url: str = field(repr=False)
    mlflow_uri: str = field(repr=False)
    home: Path
    artifacts: Path
    models: tuple[str, ...]
    tokens: Path | None
    host: str = "127.0.0.1"
    port: int = 8711
    workers: int = 1
    rate: int = 100
    batch_rows: int = 1000
    body_bytes: int = 4 << 20
    body_seconds: float = 10.0
    poll_seconds: float = 5.0
    connections: int = 512
    stop_seconds: int = 20
    recorder_url: str = field(default="", repr=False)
    canaries: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.tokens is None and self.host not in LOOPBACK:
            raise ConfigError(
                f"Without tokens only {LOOPBACK[0]} is served, and not {self.host}: make one with `perennial token new NAME`, "
                "and leave out --no-tokens."
            )
