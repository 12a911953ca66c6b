"""Airflow's Celery workers, asked through their broker: which answer, their queues, and whether all run one program and home."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from perennial.config import find_home, read_code_version, require_extra
from perennial.config.settings import HOME_FOLDERS
from perennial.errors import ConfigError, ExtraMissing
from perennial.local.doctor import Finding

COMMAND = "describe_perennial"
"""What workers with `perennial.airflow.workers.CONFIGURATION` answer beside Celery's own commands."""
ANSWER_SECONDS = 3.0
BROKER = "PERENNIAL_BROKER_URL"


@dataclass(frozen=True)
class Worker:
    """One worker that answered; a worker without our configuration says nothing of its program and home."""

    name: str
    machine: str = ""
    queues: tuple[str, ...] = ()
    program: str = ""
    home: str = ""


def describe_here(queues: Iterable[str]) -> dict[str, object]:
    """What this worker says of itself, also where it has no home; every word may be read by whoever reaches the broker."""
    said = Worker("", socket.gethostname(), tuple(queues), read_code_version(), _digest_here(os.environ))
    return {name: value for name, value in asdict(said).items() if name != "name"}


def digest_home(home: Path) -> str:
    """Twelve hexadecimal digits of every file of a home that stages read: equal on two disks when these are."""
    files = sorted(path for folder in HOME_FOLDERS for path in (home / folder).rglob("*") if path.is_file())
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(home).as_posix()}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def ask_workers(broker_url: str, answer_seconds: float = ANSWER_SECONDS) -> tuple[Worker, ...]:
    """Every worker that answers in time, by name.

    Raises:
        ConnectionError: nobody answers at the broker's address.
    """
    from celery import Celery  # noqa: PLC0415 - an extra
    from kombu.exceptions import OperationalError  # noqa: PLC0415 - as above

    limits = {"socket_connect_timeout": answer_seconds, "socket_timeout": 2 * answer_seconds}
    with Celery(broker=broker_url, set_as_current=False) as app:
        app.conf.update(broker_transport_options=limits, broker_connection_max_retries=1)
        try:
            answers = app.control.broadcast(COMMAND, reply=True, timeout=answer_seconds) or []
        except OperationalError as error:
            raise ConnectionError(str(error)) from error
    said = {name: answer for each in answers for name, answer in each.items()}
    return tuple(_read(name, said[name]) for name in sorted(said))


def _read(name: str, answer: Mapping[str, object]) -> Worker:
    if "program" not in answer:
        return Worker(name)
    queues = answer["queues"]
    assert isinstance(queues, list)
    return Worker(name, str(answer["machine"]), tuple(map(str, queues)), str(answer["program"]), str(answer["home"]))


def check_workers(environment: Mapping[str, str] = os.environ) -> tuple[Finding, ...]:
    """A row for each worker; none at all where no broker is named, since stages then run beside the scheduler."""
    broker_url = environment.get(BROKER) or environment.get("AIRFLOW__CELERY__BROKER_URL")
    if not broker_url:
        return ()
    try:
        require_extra("workers", f"`perennial doctor` with {BROKER}")
        workers = ask_workers(broker_url)
    except ExtraMissing as error:
        return (Finding("workers", is_well=False, found=str(error), fix="Install the extra, or unset the variable."),)
    except ConnectionError as error:
        fix = f"Start the broker, or correct {BROKER}."
        return (Finding("workers", is_well=False, found=f"{_show(broker_url)} does not answer: {error}", fix=fix),)
    if not workers:
        fix = "Start one: `airflow celery worker` (documentation, 'More than one machine')."
        return (Finding("workers", is_well=False, found=f"no worker answers at {_show(broker_url)}", fix=fix),)
    return assess_workers(workers, program=read_code_version(), home=_digest_here(environment))


def assess_workers(workers: Iterable[Worker], *, program: str, home: str) -> tuple[Finding, ...]:
    """A worker with another program or another home than ours would give other scores than its neighbour.

    Args:
        program, home: of whoever looks; an empty home is compared with nobody's.
    """
    return tuple(_assess(worker, program, home) for worker in workers)


def _assess(worker: Worker, program: str, home: str) -> Finding:
    name = f"worker {worker.name}"
    if not worker.program:
        fix = "Set AIRFLOW__CELERY__CELERY_CONFIG_OPTIONS=perennial.airflow.workers.CONFIGURATION for it and start it anew."
        return Finding(name, is_well=False, found="answers, but does not say what it runs", fix=fix)
    home_there = worker.home or "missing"
    found = f"on {worker.machine}, queue {', '.join(worker.queues)}, program {worker.program}, home {home_there}"
    if worker.program != program:
        fix = f"Install there what runs here, {program}, and start it anew."
        return Finding(name, is_well=False, found=found, fix=fix)
    if not worker.home:
        return Finding(name, is_well=False, found=found, fix="Bring a home there, name it in PERENNIAL_HOME, and start it anew.")
    if home and worker.home != home:
        fix = f"Bring models/, sql/ and expectations/ there to what they are here, home {home}, and start it anew."
        return Finding(name, is_well=False, found=found, fix=fix)
    return Finding(name, is_well=True, found=found)


def _digest_here(environment: Mapping[str, str]) -> str:
    try:
        return digest_home(find_home(environment))
    except ConfigError:
        return ""


def _show(broker_url: str) -> str:
    """The address without its password."""
    parts = urlsplit(broker_url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or 6379}{parts.path}"
