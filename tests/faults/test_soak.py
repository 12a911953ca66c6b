"""Simulated weeks with a fault at every third step; `make soak` lives two years of them and prints what grew."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from perennial.stores.sessions import Database
from tests.faults.conftest import tell
from tests.faults.place import make_home, open_place
from tests.faults.soak import MODELS, Soak, Step
from tests.faults.stages import make_context

WEEKS = int(os.environ.get("SOAK_WEEKS", "3"))
SEED = int(os.environ.get("SOAK_SEED", "7"))
FILLED = 80
"""Steps from which on growth can be told from the beginning."""


@pytest.fixture
def soak(postgres, migrated_template, kept_mlflow, session_smtp_sink, tmp_path, restart_postgres) -> Iterator[Soak]:  # noqa: PLR0917 - fixtures
    postgres.make("soak", template=migrated_template)
    home = make_home(tmp_path / "home", *MODELS, approval="auto")
    artifacts = tmp_path / "artifacts"
    loader = Database(postgres.url("soak", "loader"), "test")
    with open_place(postgres, "soak", kept_mlflow.server.url, home, artifacts, session_smtp_sink.settings) as place:
        yield Soak(place, loader, make_context(), restart_postgres, SEED, (artifacts, kept_mlflow.artifacts))
    loader.dispose()
    postgres.drop("soak")


def test_weeks_with_a_fault_at_every_third_step_keep_what_must_hold_and_do_not_grow(soak):
    soak.prepare()
    steps = []
    for step in soak.live(WEEKS):
        tell(step.write())
        steps.append(step)
    assert [] == [step.write() for step in steps if step.broken]
    assert [] == find_growth(steps)


def find_growth(steps: list[Step]) -> list[str]:
    """What the fourth quarter has at most, beyond what the second one had.

    What is kept for ever, or for as long as something needs it, grows evenly: by half as much again at most from one quarter to
    the next. In a few weeks only descriptors and memory can be judged.
    """
    quarter = len(steps) // 4
    second, third, fourth = (
        {name: max(step.sizes[name] for step in part) for name in steps[0].sizes}
        for part in (steps[quarter : 2 * quarter], steps[2 * quarter : 3 * quarter], steps[3 * quarter :])
    )
    limits = {"descriptors": second["descriptors"] + 8, "memory_kb": 2 * second["memory_kb"]}
    if len(steps) >= FILLED:
        growing = ("runs", "events", "versions", "files", "kept_rows", "tables_of_scores")
        limits |= {name: third[name] + 1.5 * (third[name] - second[name]) + 2 for name in growing}
        limits |= {"database_bytes": 2 * second["database_bytes"]}
    return [f"{name}: {fourth[name]}, at most {most:.0f}" for name, most in limits.items() if fourth[name] > most]
