"""The small life, kept step by step, for all tests of one file."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from perennial.local.binaries import find_binaries
from perennial.stores.sessions import Database, run_script
from tests.cases.harness import find_file
from tests.conftest import TestPostgres
from tests.faults.lived import Course, Life, live
from tests.faults.place import CAPTURED, MODEL, PEOPLE, Mlflow, make_home, open_place
from tests.faults.stages import ADDRESSES, make_context

LIVED = "faults_lived"
POINTS = os.environ.get("FAULTS", "")
IS_WHOLE = bool(POINTS)
"""`make faults` asks for every point of every operation ("all"), or for so many of each; `make test` asks for a few."""

LOG = os.environ.get("FAULTS_LOG")


def tell(line: str) -> None:
    """At once, for whoever waits, and into the file that FAULTS_LOG names."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()  # which is kept back where it goes into a pipe or a file
    if LOG:
        with Path(LOG).open("a", encoding="utf-8") as log:
            log.write(f"{line}\n")


@pytest.fixture(scope="session")
def mlflow_content(postgres, mlflow) -> Iterator[Mlflow]:
    """Keeps what MLflow holds, and puts it back."""
    database = Database(postgres.server.url("mlflow", "postgres"), "test")
    yield Mlflow(mlflow, database)
    database.dispose()


@pytest.fixture(scope="module")
def kept_mlflow(mlflow_content) -> Iterator[Mlflow]:
    """After the tests of a file MLflow holds what it held before."""
    mlflow_content.keep("untouched")
    yield mlflow_content
    mlflow_content.restore("untouched")
    mlflow_content.forget(["untouched"])


@pytest.fixture
def course(kept_mlflow, kept_course) -> Course:
    """A life in which nothing went wrong; `open_before` puts a place back to any step of it."""
    return kept_course


@pytest.fixture(scope="session")
def kept_course(postgres, migrated_template, mlflow_content, session_smtp_sink, tmp_path_factory) -> Iterator[Course]:
    folder = tmp_path_factory.mktemp("faults")
    home = make_home(folder / "home", MODEL, CAPTURED)
    postgres.make(LIVED, template=migrated_template)
    write_addresses(home, postgres, mlflow_content)
    with open_place(postgres, LIVED, mlflow_content.server.url, home, folder / "artifacts", session_smtp_sink.settings) as place:
        with Database(postgres.url(LIVED, "loader"), "test").transaction() as session:
            run_script(session, find_file("plain", "tables.sql").read_text(encoding="utf-8") + PEOPLE)
        life = Life(folder, mlflow_content, session_smtp_sink)
        live(place, life)
        yield Course(life, place, make_context(), home)
    for name in (LIVED, *life.befores.values()):
        postgres.drop(name)
    mlflow_content.forget(list(life.befores.values()))


def write_addresses(home: Path, postgres: TestPostgres, mlflow: Mlflow) -> None:
    """What operations need that do not act as role pipeline."""
    known = {role: postgres.server.url(LIVED, role) for role in ("watcher", "analyst")}
    known |= {"superuser": postgres.server.url(LIVED, "postgres"), "mlflow": mlflow.database.url, "files": str(mlflow.artifacts)}
    known |= {"programs": str(find_binaries(postgres.server.data.parent).folder)}
    (home / ADDRESSES).write_text(json.dumps(known), encoding="utf-8")


@pytest.fixture(scope="session")
def restart_postgres(postgres) -> Iterator[Callable[[], None]]:
    """Ends PostgreSQL at once, as if its machine had lost power, and starts it again; what was committed stays."""
    postgres.server.run_sql("postgres", "alter role all set synchronous_commit = on;")

    def restart() -> None:
        server = postgres.server
        process = server.process
        os.kill(process.pid, signal.SIGQUIT)  # what pg_ctl stop -m immediate sends
        server._wait_for_end(process)
        server.start(new_session=True)

    yield restart
    postgres.server.run_sql("postgres", "alter role all reset synchronous_commit;")
