"""Classes on the demo's purchases: a first champion by bootstrap, and weeks by replay until what was published has come true."""

from __future__ import annotations

import json
import multiprocessing
import signal
from dataclasses import dataclass
from datetime import date

import numpy as np
import pytest
from sqlalchemy import text

from perennial import operate
from perennial.errors import ChampionTooNew
from perennial.operate import Week
from perennial.records import Run
from tests.integration.stage_process import PRELOADED, Halt, attempt_stage, run_stage
from tests.world import World, edit_model, end_state, shrink_suite

MODEL = "next_department"
QUICK = {
    "as_ofs = 26\n": "as_ofs = 5\n",
    "min_as_ofs = 8\n": "min_as_ofs = 5\n",
    "holdout_as_ofs = 4\n": "holdout_as_ofs = 2\n",
    "folds = 5\n": "folds = 2\n",
    'algorithms = ["xgboost", "lightgbm"]\n': 'algorithms = ["xgboost"]\n',
    "search_every_days = 28\n": "search_every_days = 70\n",  # one search will do
}
FIRST, NEXT = date(2017, 7, 3), date(2017, 7, 10)
MATURED = date(2017, 8, 7)  # the labels of the first week have matured, those of the next will in two days
LIVED = (FIRST, NEXT, MATURED)


@dataclass(frozen=True)
class Life:
    """A world in which the weeks were lived, what `replay` said of each, and what then stood."""

    world: World
    weeks: tuple[Week, ...]
    state: dict[str, list[dict[str, object]]]

    def replay(self, first: date, last: date) -> dict[str, list[dict[str, object]]]:
        """Once more; returns what stands afterwards."""
        list(operate.replay(self.world.stores, MODEL, first, last))
        return end_state(self.world, MODEL)


@pytest.fixture(scope="module")
def lived(postgres, backfilled, open_world):
    """Two weeks, and after three that nobody lived the one in which the labels of the first have matured."""
    postgres.make("weeks_of_classes", template=backfilled)
    with open_world("weeks_of_classes") as world:
        home = world.settings.home
        edit_model(home, QUICK, MODEL)
        for suite in (home / "expectations" / MODEL).glob("*.json"):
            suite.write_text(json.dumps(shrink_suite(json.loads(suite.read_text(encoding="utf-8")))), encoding="utf-8")
        clock = world.stores.declaration(MODEL).model.known_until(FIRST)
        list(operate.bootstrap(world.stores, Run(MODEL, FIRST, clock, "simulation", actor="tester")))
        weeks = [week for days in ((FIRST, NEXT), (MATURED, MATURED)) for week in operate.replay(world.stores, MODEL, *days)]
        yield Life(world, tuple(weeks), end_state(world, MODEL))
    postgres.drop("weeks_of_classes")


def test_every_week_is_published_by_the_fit_of_the_week_before(lived):
    fits = [(row["trained_for"], row["origin"]) for row in lived.state["versions"]]
    assert fits == [(FIRST, "training"), *((day, "refresh") for day in LIVED[1:])]
    numbers = [row["version"] for row in lived.world.ask("select version from ledger.versions order by trained_for")]
    assert [(week.as_of, week.version) for week in lived.weeks] == list(zip(LIVED, numbers[:1] + numbers[:-1], strict=True))
    assert [row["kind"] for row in lived.state["promotions"]] == ["promote", "refresh", "refresh"]
    assert [row["as_of"] for row in lived.state["decisions"]] == list(LIVED)
    assert [row["recipe"] for row in lived.state["recipes"]] == [1]


def test_every_household_of_every_week_has_probabilities_that_sum_to_1(lived):
    found = lived.world.ask(f"select as_of, class, score, probabilities from analytics.{MODEL}_scores_history")
    told = np.array([list(row["probabilities"].values()) for row in found])
    assert len(found) == sum(week.rows for week in lived.weeks)
    assert told.shape == (len(found), 8)
    assert told.min() > 0
    assert told.sum(axis=1) == pytest.approx(1)
    assert [row["score"] for row in found] == [row["probabilities"][row["class"]] for row in found] == told.max(axis=1).tolist()


def test_the_log_loss_of_a_week_is_measured_as_soon_as_its_labels_have_matured_and_not_before(lived):
    assert [week.realised for week in lived.weeks] == ["from 2017-08-02", "from 2017-08-09", "from 2017-09-06"]
    (outcome,) = lived.world.ask(f"select * from analytics.{MODEL}_outcomes")
    assert (outcome["as_of"], outcome["metric"], outcome["is_set_aside"]) == (FIRST, "log_loss", False)
    came = lived.world.ask(
        f"""select (probabilities ->> label)::float8 as said
        from analytics.{MODEL}_scores_history join labels.{MODEL} using (as_of, entity_id) where as_of = :day""",
        day=FIRST,
    )
    assert len(came) == outcome["rows"] == lived.weeks[0].rows
    assert outcome["value"] == pytest.approx(-np.log([row["said"] for row in came]).mean())
    assert outcome["value_low"] < outcome["value"] < outcome["value_high"] < np.log(8)
    assert operate.remember(lived.world.stores, MODEL, FIRST).realised.startswith(f"{outcome['value']:.3f}")


def test_a_second_replay_changes_nothing(lived):
    """Only the newest week is scored again: by who serves now, and from then on every replay comes to the same."""
    with pytest.raises(ChampionTooNew):
        lived.replay(FIRST, NEXT)
    assert end_state(lived.world, MODEL) == lived.state
    again = lived.replay(MATURED, MATURED)
    scored_anew = {"scores", "publications", "drift_checks", "decisions"}
    assert {name for name in again if again[name] != lived.state[name]} <= scored_anew
    assert lived.replay(MATURED, MATURED) == again


def test_a_day_that_is_killed_before_its_commit_is_published_whole_by_the_next_attempt(lived):
    world = lived.world
    run = Run(MODEL, MATURED, world.stores.declaration(MODEL).model.known_until(MATURED), "simulation", actor="tester")
    told = f"select entity_id, class, score, probabilities, rank from scores.{MODEL} where as_of = :day order by entity_id"
    run_stage("score", world.settings, run)
    whole = world.ask(told, day=MATURED)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    halt = Halt("set status = 'live', rows", signal=signal.SIGKILL)
    child = context.Process(target=attempt_stage, args=("score", world.settings, run, halt))
    child.start()
    child.join()
    assert (-signal.SIGKILL, whole) == (child.exitcode, world.ask(told, day=MATURED))
    with world.stores.warehouse.transaction() as session:
        session.execute(text(f"update scores.{MODEL} set score = 0 where as_of = :day"), {"day": MATURED})
    run_stage("score", world.settings, run)
    assert whole == world.ask(told, day=MATURED)
