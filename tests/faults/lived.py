"""A life in which nothing goes wrong, kept at each of its steps; and a place that is put back to before one of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from perennial import invariants, operate
from perennial.pipeline import Stores
from perennial.stores.registry.loading import CACHE
from tests.conftest import SmtpSink
from tests.faults.place import Mlflow, Place, copy_folder, digest, open_place
from tests.faults.points import Point
from tests.faults.stages import Attempt, find_backup, perform, start
from tests.faults.stories import Story


@dataclass
class Life:
    """What stands before each operation, under its name, and what comes of it."""

    story: Story
    folder: Path
    mlflow: Mlflow
    sink: SmtpSink
    befores: dict[str, str] = field(default_factory=dict)
    afters: dict[str, dict[str, Any]] = field(default_factory=dict)
    letters: dict[str, set[str]] = field(default_factory=dict)

    def keep(self, place: Place, operation: str) -> None:
        self.befores[operation] = f"{self.story.model}_before_{operation}"
        place.postgres.make(self.befores[operation], template=place.name)
        self.mlflow.keep(self.befores[operation])
        copy_folder(place.settings.artifacts, self.folder / "kept" / operation)

    def read_letters(self) -> set[str]:
        return {str(message["Message-ID"]) for message in self.sink.messages}


def live(place: Place, life: Life) -> None:
    """Live a story once, and keep what stands before and after what it looks at."""
    story = life.story
    operate.sync(place.stores, story.model)
    list(operate.backfill(place.stores, story.model, *story.history))
    for name in story.operations:
        for day, stage in story.before.get(name, ()):
            perform(stage, place.stores, place.run(day, story.model))
        if name == "reload":
            shutil.rmtree(place.settings.artifacts / CACHE)
        life.keep(place, name)
        life.sink.clear()
        perform(name, place.stores, story.run(place, name))
        life.afters[name] = place.results(story.model)
        life.letters[name] = life.read_letters()


@dataclass
class Course:
    """Opens places as they stand before an operation, does it in other processes, and judges what came of it."""

    life: Life
    template: Place
    context: ForkServerContext
    home: Path
    numbers: int = 0
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def story(self) -> Story:
        return self.life.story

    @property
    def server_user(self) -> int:
        """Whose files PostgreSQL's are."""
        return self.template.postgres.server.data.stat().st_uid

    @contextmanager
    def open_before(self, operation: str) -> Iterator[Place]:
        """The place as it stands before an operation, in a database of its own."""
        self.numbers += 1
        name = f"fault_{self.numbers}"
        settings, postgres = self.template.settings, self.template.postgres
        artifacts = self.life.folder / "artifacts"
        postgres.make(name, template=self.life.befores[operation])
        self.life.mlflow.restore(self.life.befores[operation])
        copy_folder(self.life.folder / "kept" / operation, artifacts)
        self.life.sink.clear()
        with open_place(postgres, name, settings.mlflow_uri, self.home, artifacts, settings.smtp) as place:
            try:
                yield place
            finally:
                self.end_all()  # one that stands still would keep the tests from ending
        shutil.rmtree(artifacts, ignore_errors=True)
        postgres.drop(name)

    def start(self, operation: str, place: Place, point: Point | None = None) -> Attempt:
        """Begin it in a process of its own."""
        self.attempts.append(start(self.context, operation, place.settings, self.story.run(place, operation), point))
        return self.attempts[-1]

    def end_all(self) -> None:
        """Whatever still runs, or stands still."""
        while self.attempts:
            self.attempts.pop().end()

    def count(self, operation: str) -> list[str]:
        """The calls that it makes when nothing goes wrong."""
        with self.open_before(operation) as place:
            begun = self.start(operation, place)
            assert begun.join() == 0, operation
            return begun.calls

    def rerun_and_judge(self, operation: str, place: Place, *, everything: bool = False) -> list[str]:
        """After a fault: run it again, and say what is not as if nothing had happened."""
        perform(operation, place.stores, self.story.run(place, operation))
        return self.judge(operation, place, everything=everything)

    def judge(self, operation: str, place: Place, *, everything: bool = False) -> list[str]:
        """What is not as if nothing had happened, once what was lost has been ended."""
        operate.reconcile(place.stores, self.story.run(place, operation), start=False)
        expected, found = self.life.afters[operation], place.results(self.story.model)
        said = [f"{name}: {tell_difference(expected[name], found[name])}" for name in expected if expected[name] != found[name]]
        letters = self.life.letters[operation] ^ self.life.read_letters()
        drafts = [f"left beside the backup: {path.name}" for path in find_backup(place.settings).parent.glob(".*")]
        return [*said, *sorted(letters), *drafts, *find_broken(place.stores, everything=everything)]

    def digest(self, place: Place) -> str:
        return digest(place, self.life.mlflow)


def tell_difference(expected: list[dict[str, Any]], found: list[dict[str, Any]]) -> str:
    """The first of the rows that only one of the two has."""
    lost, new = ([row for row in one if row not in other] for one, other in ((expected, found), (found, expected)))
    return f"{len(lost)} rows, such as {lost[:1]}, became {len(new)}, such as {new[:1]}"


def find_broken(stores: Stores, *, everything: bool = False, clock: datetime | None = None) -> list[str]:
    """What `perennial check --all` finds."""
    checked = invariants.check_installation(stores, clock or datetime.now(UTC), invariants.Places(), everything=everything)
    return [f"{each.invariant}: {found.said}" for each in checked for found in each.answer.findings]
