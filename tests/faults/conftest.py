"""The small life, kept step by step, for all tests of one file."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from perennial.local.binaries import find_binaries
from perennial.stores.sessions import Database, run_script
from tests.cases.harness import find_file
from tests.conftest import SmtpSink, TestPostgres
from tests.faults.lived import Course, Life, live
from tests.faults.place import PEOPLE, Mlflow, make_home, open_place
from tests.faults.stages import ADDRESSES, make_context
from tests.faults.stories import STAY, Story

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
def course(follow) -> Course:
    """A life in which nothing went wrong; `open_before` puts a place back to any step of it."""
    return follow(STAY)


@pytest.fixture
def follow(kept_mlflow, kept_courses) -> Callable[[Story], Course]:
    """A story that is lived once in a session, when a test first asks for it."""
    return kept_courses


@pytest.fixture(scope="session")
def kept_courses(postgres, migrated_template, mlflow_content, session_smtp_sink, tmp_path_factory):
    with ExitStack() as stack:
        kept: dict[str, Course] = {}

        def follow(story: Story) -> Course:
            if story.model not in kept:
                mlflow, folder = replace(mlflow_content, model=story.model), tmp_path_factory.mktemp("faults")
                course = keep_course(story, postgres, migrated_template, mlflow, session_smtp_sink, folder)
                kept[story.model] = stack.enter_context(course)
            assert story == kept[story.model].story, "a session lives one story of each model"
            return kept[story.model]

        yield follow


@contextmanager
def keep_course(  # noqa: PLR0917 - what an installation is made of
    story: Story, postgres: TestPostgres, template: str, mlflow: Mlflow, sink: SmtpSink, folder: Path
) -> Iterator[Course]:
    """Live a story, and keep it inside the block."""
    said = {"approval": story.approval, "world": story.world, "kept_days": story.kept_days}
    home = make_home(folder / "home", *story.models, **said)
    lived = f"{story.model}_lived"
    postgres.make(lived, template=template)
    write_addresses(home, postgres, lived, mlflow)
    with open_place(postgres, lived, mlflow.server.url, home, folder / "artifacts", sink.settings) as place:
        with Database(postgres.url(lived, "loader"), "test").transaction() as session:
            run_script(session, find_file("plain", "tables.sql").read_text(encoding="utf-8") + PEOPLE)
        life = Life(story, folder, mlflow, sink)
        live(place, life)
        yield Course(life, place, make_context(), home)
    for name in (lived, *life.befores.values()):
        postgres.drop(name)
    mlflow.forget(list(life.befores.values()))


def write_addresses(home: Path, postgres: TestPostgres, lived: str, mlflow: Mlflow) -> None:
    """What operations need that do not act as role pipeline."""
    known = {role: postgres.server.url(lived, role) for role in ("watcher", "analyst")}
    known |= {"superuser": postgres.server.url(lived, "postgres"), "mlflow": mlflow.database.url, "files": str(mlflow.artifacts)}
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
