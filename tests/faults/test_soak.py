"""Simulated weeks with a fault at every third step; `make soak` lives two years of them and prints what grew."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest

from perennial.stores.sessions import Database
from tests.faults.conftest import tell
from tests.faults.place import make_home, open_place
from tests.faults.soak import MODELS, Soak, Step
from tests.faults.stages import make_context

WEEKS = int(os.environ.get("SOAK_WEEKS", "3"))
SEED = int(os.environ.get("SOAK_SEED", "7"))
SAID_EVERY = 26  # steps
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
        if len(steps) % SAID_EVERY == 0:
            tell(soak.say_what_stays())
    tell(sum_up(steps))
    assert [] == [step.write() for step in steps if step.broken]
    assert [] == find_growth(steps)


KEPT_FOR_EVER = {"runs": 20, "events": 20, "versions": 4, "database_bytes": 2**20}
"""The ledger, and how much more of it a quarter may bring by the dice alone, whatever the one before it brought."""
REPLACED = {"kept_rows": 0, "tables_of_scores": 2, "files": 10, "file_bytes": 2**20, "descriptors": 8}
"""What goes as new things come, and how much more of it is none."""


def find_growth(steps: Sequence[Step]) -> list[str]:
    """What the fourth quarter has at most, beyond what the second and the third one allow.

    What is kept for ever grows evenly: by half as much again at most as from the second quarter to the third. Of what is replaced
    there is at most a quarter more than there was. In a few weeks only descriptors and memory can be judged.
    """
    second, third, fourth = list_most(steps)[1:]
    limits = {"descriptors": second["descriptors"] + REPLACED["descriptors"], "memory_kb": 2 * second["memory_kb"]}
    if len(steps) >= FILLED:
        limits |= {name: third[name] + 1.5 * (third[name] - second[name]) + more for name, more in KEPT_FOR_EVER.items()}
        limits |= {name: 1.25 * max(second[name], third[name]) + more for name, more in REPLACED.items()}
        limits["memory_kb"] = 1.25 * max(second["memory_kb"], third["memory_kb"])
    return [f"{name}: {fourth[name]}, at most {most:.0f}" for name, most in limits.items() if fourth[name] > most]


def list_most(steps: Sequence[Step]) -> list[dict[str, int]]:
    """The most of everything in each quarter."""
    quarter = len(steps) // 4
    bounds = [0, quarter, 2 * quarter, 3 * quarter, len(steps)]
    parts = [steps[first:after] for first, after in pairwise(bounds)]
    return [{name: max(step.sizes[name] for step in part) for name in steps[0].sizes} for part in parts]


def sum_up(steps: Sequence[Step]) -> str:
    """What befell whom, what came of it, and the most of everything in each quarter."""
    faults = Counter(step.fault for step in steps if step.fault)
    bad_data = Counter(step.bad_data for step in steps if step.bad_data)
    states = Counter(step.state if step.state == "not scored" else "scored" for step in steps)
    counted = [", ".join(f"{name}: {number}" for name, number in sorted(each.items())) for each in (faults, bad_data, states)]
    most = list_most(steps)
    grown = [f"{name}: {' '.join(str(part[name]) for part in most)}" for name in steps[0].sizes]
    return "\n".join([*counted, *grown, f"{len(steps)} steps in {sum(step.seconds for step in steps):.0f} s"])
