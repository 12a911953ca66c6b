"""Servers for the tests: real ones, on free ports of 127.0.0.1, in a folder of their own; one of each per worker at most."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from xdist.scheduler import LoadScopeScheduling

from perennial.config import Smtp
from perennial.local import Ports, Stack
from perennial.local.ports import find_free_port
from perennial.local.postgres import THROWAWAY, WAREHOUSE_ROLES, Postgres
from perennial.local.servers import QUIET, Server, make_mlflow
from perennial.stores.warehouse import migrate

TRIALS = 2  # of every training in the stack
OWN_AIRFLOW = "tests/e2e/test_workers.py"  # it needs nothing of the stack
GUESTS = ("loader", "pipeline", "analyst", "watcher", "recorder")
MEMORY = Path("/dev/shm")
LIMIT = Path("/sys/fs/cgroup/memory.max")
"""What a container may take, where it has a limit: memory that the machine has is not always ours."""
MOST_OF_DATABASES = 2 * 2**30
"""Bytes: more than the databases of one worker were seen to take together."""
SWEEP = 'read _; for _ in 1 2 3 4 5 6 7 8 9; do rm -rf "$0" && break; sleep 1; done'
"""A server that ends with its session may write a last file meanwhile."""
SELDOM = (10_000, 20, 50)
"""For the collector, which looked again and again through libraries and tests that stay: 6 to 15 % of a worker's time."""
_COUNTER = count(1)


def pytest_configure():
    """Before any test module is imported: nothing reports to anybody, and no test meets the installation of its user."""
    gc.set_threshold(*SELDOM)
    os.environ.update(QUIET)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else every server and command of a test compiles its libraries anew
    for name in [name for name in os.environ if name.startswith("PERENNIAL_")]:
        del os.environ[name]


class FilesToWorkers(LoadScopeScheduling):
    """pytest-xdist gives a file to one worker; all that needs the stack goes to the same, so that only one is started."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        if file.startswith("tests/faults/"):
            return nodeid if os.environ.get("FAULTS") else "tests/faults"  # one life for all of them, or one for each worker
        return "tests/e2e" if file.startswith("tests/e2e/") and file != OWN_AIRFLOW else file


def pytest_xdist_make_scheduler(config, log):
    return FilesToWorkers(config, log)


def pytest_collection_modifyitems(items):
    """The longest file comes first: as the last one it would keep one worker busy while the other has nothing left."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/wheel/"))


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A short path (sockets and old tools dislike long ones) that is gone after the session."""
    folder = Path(tempfile.mkdtemp(prefix="perennial-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def database_folder(server_folder: Path) -> Iterator[Path]:
    """Where PostgreSQL keeps its data: in memory where that has plenty of room, for there a database is copied much faster."""
    if not has_memory(int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))):
        yield server_folder
        return
    folder = Path(tempfile.mkdtemp(prefix="perennial-", dir=MEMORY))
    # It ends with this process however that ends, so that nothing of a killed session stays in memory.
    with subprocess.Popen(["/bin/sh", "-c", SWEEP, str(folder)], stdin=subprocess.PIPE, start_new_session=True):
        yield folder


def has_memory(workers: int) -> bool:
    """Whether the databases of so many workers fit, and twice as much is left for everything else."""
    try:
        known = dict(line.split(":") for line in Path("/proc/meminfo").read_text(encoding="utf-8").splitlines())
        available = 1024 * int(known["MemAvailable"].removesuffix("kB"))
        if LIMIT.exists() and (limit := LIMIT.read_text(encoding="utf-8").strip()).isdigit():
            available = min(available, int(limit))
        return min(3 * shutil.disk_usage(MEMORY).free, available) > 3 * workers * MOST_OF_DATABASES
    except (OSError, KeyError):
        return False


@dataclass(frozen=True)
class TestPostgres:
    """The embedded server of the session, without fsync."""

    __test__ = False

    server: Postgres
    databases: set[str] = field(default_factory=set)

    @property
    def superuser_url(self) -> str:
        return self.server.url("postgres", "postgres")

    def url(self, database: str, role: str) -> str:
        """The address under a role; a database that is not there yet is made."""
        self.make(database, owner=database if database in ("airflow", "mlflow") else "owner")
        return self.server.url(database, role)

    def make(self, database: str, owner: str = "owner", template: str = "template0") -> None:
        assert database not in ("postgres", "template1"), "these belong to the server: made here, guests would be let in"
        if database not in self.databases:
            guests = GUESTS if owner == "owner" else ()
            self.server.ensure_database(database, owner, guests=guests, template=template)
            self.databases.add(database)

    def drop(self, database: str) -> None:
        self.server.run_sql("postgres", f"drop database if exists {database} with (force);")
        self.databases.discard(database)


@pytest.fixture(scope="session")
def postgres(server_folder: Path, database_folder: Path) -> Iterator[TestPostgres]:
    passwords = server_folder / "passwords.json"
    server = Postgres(database_folder / "postgres", find_free_port(), passwords=passwords, options=THROWAWAY)
    try:
        server.start(new_session=True)  # Ctrl-C is for pytest, which then stops the server
        server.ensure_roles()
        yield TestPostgres(server)
    finally:
        server.stop()


@dataclass(frozen=True)
class WarehouseUrls:
    """One database under each role."""

    owner: str
    loader: str
    pipeline: str
    analyst: str
    watcher: str
    recorder: str
    superuser: str


@pytest.fixture(scope="session")
def migrated_template(postgres: TestPostgres) -> str:
    """A migrated warehouse that is copied for each test, in milliseconds."""
    migrate(postgres.url("template_warehouse", "owner"))
    postgres.server.limit_rights("template_warehouse")
    return "template_warehouse"


@pytest.fixture
def warehouse_urls(postgres: TestPostgres, migrated_template: str) -> Iterator[WarehouseUrls]:
    """A fresh, migrated warehouse of the test's own."""
    name = f"warehouse_{next(_COUNTER)}"
    postgres.make(name, template=migrated_template)
    urls = {role: postgres.url(name, role) for role in WAREHOUSE_ROLES}
    yield WarehouseUrls(**urls, superuser=postgres.server.url(name, "postgres"))
    postgres.drop(name)


@dataclass
class TestMlflow:
    """A real MLflow on PostgreSQL, which a test may stop for a while."""

    url: str
    server: Server

    def start(self) -> None:
        self.server.start(new_session=True)
        self.server.wait()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Nobody answers inside the block."""
        self.server.stop()
        try:
            yield
        finally:
            self.start()


@pytest.fixture(scope="session")
def mlflow(postgres: TestPostgres, server_folder: Path) -> Iterator[TestMlflow]:
    """The MLflow of the session."""
    port = find_free_port()
    server = make_mlflow(server_folder / "mlflow", port, backend_url=postgres.url("mlflow", "mlflow"))
    started = TestMlflow(f"http://127.0.0.1:{port}", server)
    try:
        started.start()
        yield started
    finally:
        server.stop()


@pytest.fixture(scope="session")
def mlflow_server(mlflow: TestMlflow) -> str:
    """Its tracking URI."""
    return mlflow.url


@pytest.fixture(scope="session")
def stack(database_folder: Path) -> Iterator[Stack]:
    """The whole embedded stack, Airflow included; started by the first test that asks, in about 40 s."""
    stack = Stack(database_folder / "stack", simulated_until=date(2018, 1, 3), ports=Ports.free())
    try:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("PERENNIAL_TRIALS", str(TRIALS))
            stack.up(tied=True)
        yield stack
    finally:
        stack.down()


@dataclass
class SmtpSink:
    """A mail server that keeps what it is given; `messages` in the order of arrival."""

    settings: Smtp
    messages: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's hook
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        return "250 OK"

    def clear(self) -> None:
        self.messages.clear()


@pytest.fixture(scope="session")
def session_smtp_sink() -> Iterator[SmtpSink]:
    sink = SmtpSink(Smtp(port=find_free_port()))
    controller = Controller(sink, hostname=sink.settings.host, port=sink.settings.port)
    controller.start()
    yield sink
    controller.stop()


@pytest.fixture
def smtp_sink(session_smtp_sink: SmtpSink) -> SmtpSink:
    """The sink of the session, emptied for this test."""
    session_smtp_sink.clear()
    return session_smtp_sink
