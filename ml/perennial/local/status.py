"""How every server of a stack is at this moment: what its supervisor says, and what the server itself answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from perennial.errors import StackError
from perennial.local import services
from perennial.local.addresses import Addresses
from perennial.local.health import Heartbeats, answers_smtp
from perennial.local.patience import Patience
from perennial.local.record import Record, ServerRecord
from perennial.local.servers import PROBE_SECONDS, fetch

NOT_WANTED = "not wanted"
Probe = Callable[[], bool]


@dataclass(frozen=True)
class ServerStatus:
    """One server: `state` is healthy, unhealthy, starting, failed, down or not wanted; `note` says why it failed."""

    name: str
    state: str
    pid: int | None
    address: str
    note: str = ""

    @property
    def is_well(self) -> bool:
        return self.state in ("healthy", NOT_WANTED)


def read_status(addresses: Addresses, record: Record | None, patience: Patience) -> tuple[ServerStatus, ...]:
    """Every server, and the jobs that are not done, in the order of their start; without a record everything is down."""
    rows = []
    for name, (address, probe) in _list_probes(addresses, patience).items():
        known = record.servers.get(name) if record else None
        if record is not None and known is None:
            rows.append(ServerStatus(name, NOT_WANTED, None, address))
        else:
            rows.append(_look(name, address, known, probe))
    jobs = {name: job for name, job in (record.servers if record else {}).items() if name in services.JOBS}
    pending = [ServerStatus(name, job.state, None, "", _shorten(job.why)) for name, job in jobs.items() if job.state != "healthy"]
    return (*rows, *pending)


def _look(name: str, address: str, known: ServerRecord | None, probe: Probe) -> ServerStatus:
    if known is None:
        return ServerStatus(name, "down", None, address)
    process = known.process if known.process is not None and known.process.is_alive else None
    pid = process.pid if process else None
    if known.state in ("failed", "waiting"):
        return ServerStatus(name, known.state, pid, address, _shorten(known.why))
    if process is None:
        return ServerStatus(name, "down", None, address)
    if probe():
        return ServerStatus(name, "healthy", pid, address)
    return ServerStatus(name, "starting" if known.state == "starting" else "unhealthy", pid, address)


def _shorten(why: str) -> str:
    return why.partition("\n")[0]


def _list_probes(addresses: Addresses, patience: Patience) -> Mapping[str, tuple[str, Probe]]:
    """Where each server listens, and how it is asked."""
    smtp = addresses.smtp
    heartbeats = Heartbeats(services.make_client(addresses, patience.allow(PROBE_SECONDS)))
    sink = {"mail": (f"{smtp.host}:{smtp.port}", partial(answers_smtp, smtp.host, smtp.port, tls=smtp.tls, patience=patience))}
    return {
        "postgres": (f"127.0.0.1:{addresses.ports.postgres}", partial(_has_warehouse, addresses, patience)),
        **(sink if addresses.mail_server is None else {}),
        "mlflow": (addresses.mlflow_url, lambda: fetch(f"{addresses.mlflow_url}/health", patience) == "OK"),
        "airflow-api-server": (addresses.airflow_url, partial(heartbeats.is_well, "metadatabase")),
        "airflow-scheduler": ("", partial(heartbeats.is_well, "scheduler")),
        "airflow-dag-processor": ("", partial(heartbeats.is_well, "dag_processor")),
        "airflow-triggerer": ("", partial(heartbeats.is_well, "triggerer")),
    }


def _has_warehouse(addresses: Addresses, patience: Patience) -> bool:
    try:
        return services.make_postgres(addresses, patience=patience).run_sql("warehouse", "select 1;").strip() == "1"
    except StackError:
        return False
