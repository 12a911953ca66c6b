"""A training on rows that were drawn is killed and run again, and gives the version that an undisturbed one gives."""

import multiprocessing
import signal
from datetime import date

from tests.integration.stage_process import PRELOADED, Halt, attempt_stage, run_stage
from tests.world import MODEL, World, edit_model

DAY = date(2017, 6, 12)
MADE = "select manifest, data_hash, parameters from ledger.versions where trained_for = :day"
LABELS = f"select count(*) as rows, sum(label) as positives from labels.{MODEL} where as_of = any(:as_ofs)"


def draw(world: World) -> World:
    edit_model(world.settings.home, {"trials = ": "max_rows = 1000\ntrials = "})
    return world


def test_a_training_on_drawn_rows_that_is_killed_ends_as_if_it_had_run_once(copy_world, backfilled):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    with copy_world(backfilled) as one:
        world = draw(one)
        halt = Halt("POST /api/2.0/mlflow/registered-models/create", signal=signal.SIGKILL)
        child = context.Process(target=attempt_stage, args=("train", world.settings, world.run(DAY), halt))
        child.start()
        child.join()
        assert (-signal.SIGKILL, []) == (child.exitcode, world.ask(MADE, day=DAY))
        run_stage("train", world.settings, world.run(DAY))
        (killed,) = world.ask(MADE, day=DAY)
        as_ofs = world.ask_one("select training_as_ofs from ledger.versions where trained_for = :day", day=DAY)
        (known,) = world.ask(LABELS, as_ofs=as_ofs)
    with copy_world(backfilled) as other:
        world = draw(other)
        run_stage("train", world.settings, world.run(DAY))
        (undisturbed,) = world.ask(MADE, day=DAY)
    assert undisturbed == killed
    assert known["rows"] == killed["parameters"]["rows_drawn_from"]
    assert known["positives"] < killed["parameters"]["rows_that_teach"] < 1150
    assert "1000, drawn by seed 7" == killed["parameters"]["max_rows"]
