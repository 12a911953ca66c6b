"""Every call by which a process leaves a mark outside of itself, counted; and what befalls the process at one of them.

Only a child that a test started looks at its calls: the product knows nothing of it.
"""

from __future__ import annotations

import os
import signal
import smtplib
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import psycopg2
import requests

Moment = Literal["before", "after"]
FILE_CALLS = ("rename", "replace", "link", "symlink", "unlink", "remove", "mkdir", "rmdir", "fsync")
MAIL_CALLS = ("send", "getreply")
WRITES = os.O_WRONLY | os.O_RDWR
WORDS = 90  # of a statement, in a name


@dataclass(frozen=True)
class Point:
    """Where the process signals itself: around its n-th call, from 1 on."""

    number: int
    moment: Moment = "before"
    signal: signal.Signals = signal.SIGKILL


@dataclass
class Calls:
    """The calls of this process to PostgreSQL, MLflow and the mail server, and those that change files below `folders`.

    Attributes:
        made: a name for each, in order.
    """

    folders: tuple[Path, ...]
    point: Point | None = None
    made: list[str] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def install(self) -> Calls:
        """Look at everything that this process does from now on."""
        self._watch_postgres()
        self._watch_http()
        for name in MAIL_CALLS:
            self._wrap(smtplib.SMTP, name, lambda _, *sent: f"mail {sent[0] if sent else ''!s:.20}")
        for name in FILE_CALLS:
            self._wrap(os, name, self._name_file(name))
        sys.addaudithook(self._look_at_opening)
        return self

    @contextmanager
    def passing(self, name: str) -> Iterator[None]:
        """A call happens inside the block."""
        with self._lock:
            self.made.append(name)
            number = len(self.made)
        self._strike(number, "before")
        yield
        self._strike(number, "after")

    def _strike(self, number: int, moment: Moment) -> None:
        if self.point is not None and (self.point.number, self.point.moment) == (number, moment):
            os.kill(os.getpid(), self.point.signal)

    def _watch_postgres(self) -> None:
        calls, connect = self, psycopg2.connect

        class Cursor(psycopg2.extensions.cursor):
            def execute(self, query, vars=None):  # noqa: A002 - psycopg2's name
                with calls.passing(f"sql {' '.join(str(query).split())[:WORDS]}"):
                    return super().execute(query, vars)

            def copy_expert(self, sql, file, **size):
                with calls.passing(f"copy {' '.join(str(sql).split())[:WORDS]}"):
                    return super().copy_expert(sql, file, **size)

        class Connection(psycopg2.extensions.connection):
            def commit(self):
                with calls.passing("commit"):
                    return super().commit()

            def rollback(self):
                with calls.passing("rollback"):
                    return super().rollback()

        def connect_and_look(*parts: Any, **named: Any) -> Any:
            return connect(*parts, **{**named, "connection_factory": Connection, "cursor_factory": Cursor})

        psycopg2.connect = connect_and_look

    def _watch_http(self) -> None:
        self._wrap(requests.Session, "send", lambda _, sent, **__: f"http {sent.method} {urlsplit(sent.url).path}")
        self._wrap(urllib.request.OpenerDirector, "open", lambda *sent, **__: f"http {getattr(sent[1], 'full_url', sent[1])}")

    def _wrap(self, owner: Any, name: str, describe: Callable[..., str | None]) -> None:
        """Count the calls of a function, but for those that `describe` has no name for."""
        function = getattr(owner, name)

        @wraps(function)
        def call(*parts: Any, **named: Any) -> Any:
            said = describe(*parts, **named)
            if said is None:
                return function(*parts, **named)
            with self.passing(said):
                return function(*parts, **named)

        setattr(owner, name, call)

    def _name_file(self, call: str) -> Callable[..., str | None]:
        def describe(path: Any, *_: Any, dir_fd: int | None = None, **__: Any) -> str | None:
            if dir_fd is not None or isinstance(path, int) or self._is_ours(path):
                return f"file {call} {Path(path).name if not isinstance(path, int) else ''}"
            return None

        return describe

    def _look_at_opening(self, event: str, arguments: tuple[Any, ...]) -> None:
        """A file that is opened to be written, before and at that moment: what is written afterwards is not there yet."""
        if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES and self._is_ours(arguments[0]):
            with self.passing(f"file write {Path(arguments[0]).name}"):
                pass

    def _is_ours(self, path: Any) -> bool:
        return isinstance(path, str | os.PathLike) and any(
            Path(os.path.abspath(path)).is_relative_to(folder)  # noqa: PTH100 - a link is not followed
            for folder in self.folders
        )
