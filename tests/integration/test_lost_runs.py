"""Attempts whose process is gone end as lost; one that lives is left alone, and one that lives after all says how it ended."""

import multiprocessing
import os
import signal
import tempfile

import pytest

from perennial import invariants, operate, pipeline
from perennial.config.folders import borrow_folder
from perennial.errors import Superseded
from perennial.pipeline.opening import recorded
from perennial.stores import ledger, warehouse
from tests.integration.stage_process import Halt, attempt_stage, is_stopped, wait_for
from tests.world import FIRST_DAY, MODEL


@pytest.fixture
def stopped(world):
    """A `score` that stands still in a process of its own, its attempt open."""
    halt = Halt("insert into ledger.publications")
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=attempt_stage, args=("score", world.settings, world.run(FIRST_DAY), halt), daemon=True)
    process.start()
    wait_for(lambda: is_stopped(process.pid))
    yield process
    if process.is_alive():
        os.kill(process.pid, signal.SIGKILL)
    process.join()


def mark(world):
    return [(run.model, run.stage) for run in pipeline.mark_lost(world.stores, world.run(FIRST_DAY).clock)]


def states(world):
    return [row["status"] for row in world.ask("select status from ledger.runs where stage = 'score' order by run_id")]


def kill(process, world):
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    wait_for(lambda: not world.ask("select from pg_stat_activity where application_name = 'perennial'"))


def test_an_attempt_that_lives_is_not_lost(world, stopped):
    assert [] == mark(world)
    assert "running" == states(world)[-1]


def test_an_attempt_whose_process_was_killed_is_lost(world, stopped):
    kill(stopped, world)
    assert [(MODEL, "score")] == mark(world)
    assert "lost" == states(world)[-1]


def test_what_a_lost_attempt_was_about_to_publish_is_given_up(world, stopped):
    world.tell(
        "insert into ledger.publications (model, as_of, version, attempt, snapshot_checksum, manifest_hash, config_hash, "
        "query_hash, code_version, purpose, effective_at) select model, as_of, version, attempt + 7, snapshot_checksum, "
        "manifest_hash, config_hash, query_hash, code_version, purpose, effective_at from ledger.publications limit 1"
    )
    kill(stopped, world)
    mark(world)
    assert 0 == world.ask_one("select count(*) from ledger.publications where status = 'building'")


def test_folders_of_processes_that_are_gone_go_and_one_that_is_held_stays(world, tmp_path, monkeypatch):
    """As of a refit that is killed once its fit was kept: whoever runs it again has no need of a folder."""
    parent = world.settings.artifacts / "trainings"
    with borrow_folder(parent, "held-") as held:
        (parent / "left-1").mkdir()
        (parent / "left-1.lock").touch()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        (tmp_path / "perennial-card-1" / "pictures").mkdir(parents=True)
        os.utime(tmp_path / "perennial-card-1", (0, 0))
        mark(world)
        assert not (tmp_path / "perennial-card-1").exists()
        assert [held.name, f"{held.name}.lock"] == sorted(path.name for path in parent.iterdir())


def test_reconcile_marks_what_was_lost(world, stopped):
    kill(stopped, world)
    operate.reconcile(world.stores, world.run(FIRST_DAY), start=False)
    assert "lost" == states(world)[-1]


def test_an_attempt_that_was_taken_for_lost_says_how_it_ended(world):
    @recorded
    def score(stores, run):
        world.tell("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objsubid = 1")
        assert [(MODEL, "score")] == mark(world)
        assert "lost" == states(world)[-1]

    score(world.stores, world.run(FIRST_DAY))
    assert "ok" == states(world)[-1]


def test_what_an_attempt_that_was_taken_for_lost_would_publish_is_refused(world):
    @recorded
    def score(stores, run):
        job = pipeline.scoring._make_job(stores, run, pipeline.scoring._find_champion(stores, run), None)
        attempt = warehouse.open_attempt(stores.warehouse, run, job)
        world.tell("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objsubid = 1")
        mark(world)
        with pytest.raises(Superseded):
            warehouse.publishing.publication.publish_attempt(stores.warehouse, attempt, job)

    score(world.stores, world.run(FIRST_DAY))


def test_a_plan_whose_tasks_have_not_begun_is_not_lost(world):
    """Even of one shard, as `scoring.shards = "auto"` plans for a small day."""
    run = world.run(FIRST_DAY)
    (shard,) = pipeline.plan_shards(world.stores, run)
    _, holders = invariants.check_installation(world.stores, run.clock, invariants.Places(), only=["holders"])
    assert ([], ()) == (mark(world), holders.answer.findings)
    pipeline.score_shard(world.stores, run, shard)
    assert [] == mark(world)
    published = pipeline.commit_shards(world.stores, run, shard.attempt)
    assert (shard.attempt, "live") == (published.attempt, published.status)


def test_published_scores_have_a_checksum_that_a_changed_row_breaks(world):
    model = world.stores.declaration(MODEL).model
    known = world.ask_one("select scores_checksum from ledger.publications where status = 'live'")
    with world.stores.warehouse.transaction() as session:
        number = ledger.live_publication(session, MODEL, FIRST_DAY).publication_id
        assert known == warehouse.measure_scores(session, model, FIRST_DAY, number)[1]
    world.tell("update scores.lapse set score = score + 1e-12 where rank = 1")
    with world.stores.warehouse.transaction() as session:
        assert known != warehouse.measure_scores(session, model, FIRST_DAY, number)[1]
