"""A day scored in shards, against a real PostgreSQL: the same rows as in one, whoever was killed, came twice or came late."""

import os
import signal
import threading
from dataclasses import replace

import pytest

from perennial.errors import PublicationBlocked, Superseded
from perennial.stores.warehouse import commit_shards, find_attempt, find_subject, publish, publish_shard
from perennial.stores.warehouse.erasing import delete_rows, find_rows
from perennial.stores.warehouse.publishing.attempts import open_attempt
from tests.integration.publish_toy import AS_OF, declare, make_job, make_other, make_run, make_toy, work_on_shard
from tests.integration.test_publish import child_stopped_at

COUNT = "select count(*), count(distinct publication_id), max(publication_id) from scores.toy"
CHECKSUM = """
select md5(string_agg(concat_ws('|', entity_id, score, rank, decile, reason_1, reason_2, reason_3), ';' order by entity_id)),
    (select mean_score from ledger.publications where status = 'live'), avg(score)
from (select * from scores.toy order by ctid) as as_written"""
WRITTEN = "select (to_jsonb(toy) - 'publication_id')::text from scores.toy order by ctid"
STAGED = "select count(*) from pg_class where relnamespace = 'scores'::regnamespace and starts_with(relname, 'shard$')"
SHARDS = 3


@pytest.fixture
def toy(warehouse_urls):
    """A day that one shard has published."""
    toy = make_toy(warehouse_urls)
    toy.publish()
    return toy


def plan(toy, job):
    return open_attempt(toy.pipeline, make_run(), job, is_sharded=True)


def stage_all(toy, attempt, job):
    for number in reversed(range(attempt.shards)):
        publish_shard(toy.pipeline, attempt, job, number)


def count_staged(toy):
    return toy.query(STAGED)[0][0]


@pytest.mark.parametrize("entity", ["bigint", "text", "uuid"])
@pytest.mark.parametrize("reasons", [0, 3])
def test_shards_come_to_the_same_rows_as_one(warehouse_urls, entity, reasons):
    toy = make_toy(warehouse_urls, entity)
    toy.publish(make_job(entity, reasons=reasons))
    whole = toy.query(CHECKSUM)
    job = make_job(entity, reasons=reasons, shards=SHARDS)
    publication = publish(toy.pipeline, make_run(), job, lambda attempt: stage_all(toy, attempt, job))
    assert (2, 1000) == (publication.attempt, publication.rows)
    assert whole == toy.query(CHECKSUM)
    assert ([(1000, 1, 2)], 0) == (toy.query(COUNT), count_staged(toy))
    assert [(1,), (3,)] == toy.query("select shards from ledger.publications order by attempt")


@pytest.mark.parametrize("reasons", [0, 3])
@pytest.mark.parametrize("task", ["regression", "multiclass"])
def test_amounts_and_classes_come_to_the_same_rows_as_in_one(warehouse_urls, task, reasons):
    toy = make_toy(warehouse_urls, task=task)
    one, job = (replace(make_job(reasons=reasons, shards=n, task=task), predictor=make_other(task)) for n in (1, SHARDS))
    toy.publish(one)
    whole = toy.query(WRITTEN)
    publish(toy.pipeline, make_run(), job, lambda attempt: stage_all(toy, attempt, job))
    assert whole == toy.query(WRITTEN)
    ((first, second),) = toy.query("select min(scores_checksum), max(scores_checksum) from ledger.publications")
    assert first == second


def test_a_rerun_in_another_number_of_shards_comes_to_the_same(toy):
    whole, job = toy.query(CHECKSUM), make_job(shards=5)
    publish_shard(toy.pipeline, plan(toy, make_job(shards=SHARDS)), make_job(shards=SHARDS), 1)
    attempt = plan(toy, job)
    stage_all(toy, attempt, job)
    commit_shards(toy.pipeline, attempt, job)
    assert (whole, toy.query(COUNT), count_staged(toy)) == (toy.query(CHECKSUM), [(1000, 1, 3)], 0)


def test_more_shards_than_rows_come_to_the_same(warehouse_urls):
    toy = make_toy(warehouse_urls, rows=5)
    toy.publish()
    whole, job = toy.query(CHECKSUM), make_job(shards=8)
    publish(toy.pipeline, make_run(), job, lambda attempt: stage_all(toy, attempt, job))
    assert whole == toy.query(CHECKSUM)


def test_a_shard_that_is_killed_has_left_nothing_and_runs_again_while_another_is_not_run_twice(toy, warehouse_urls):
    whole, job = toy.query(CHECKSUM), make_job(shards=SHARDS)
    attempt = plan(toy, job)
    publish_shard(toy.pipeline, attempt, job, 0)
    first = toy.query(f"select oid from pg_class where relname = 'shard${attempt.publication_id}_0'")
    with child_stopped_at("rank", warehouse_urls, shard=(attempt.attempt, 1)) as child:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    assert 1 == count_staged(toy)
    stage_all(toy, attempt, job)
    assert first == toy.query(f"select oid from pg_class where relname = 'shard${attempt.publication_id}_0'")
    commit_shards(toy.pipeline, attempt, job)
    assert (whole, toy.query(COUNT)) == (toy.query(CHECKSUM), [(1000, 1, 2)])


def test_of_one_shard_at_work_twice_the_second_waits_and_writes_nothing(toy, warehouse_urls):
    whole, job = toy.query(CHECKSUM), make_job(shards=SHARDS)
    attempt = plan(toy, job)
    with child_stopped_at("rank", warehouse_urls, shard=(attempt.attempt, 0)) as child:
        second = threading.Thread(target=publish_shard, args=(toy.pipeline, attempt, job, 0))
        second.start()
        second.join(timeout=1)
        assert second.is_alive()
        child.communicate()
        second.join(timeout=30)
    assert (0, 1) == (child.returncode, count_staged(toy))
    stage_all(toy, attempt, job)
    commit_shards(toy.pipeline, attempt, job)
    assert whole == toy.query(CHECKSUM)


def test_a_survivor_that_ends_beside_a_later_attempt_leaves_nothing(toy, warehouse_urls):
    whole, job = toy.query(CHECKSUM), make_job(shards=SHARDS)
    early = plan(toy, job)
    publish_shard(toy.pipeline, early, job, 1)
    with child_stopped_at("rank", warehouse_urls, shard=(early.attempt, 0)) as child:
        late = plan(toy, job)
        assert 0 == count_staged(toy)
        stage_all(toy, late, job)
        child.communicate()
    assert (1, SHARDS) == (child.returncode, count_staged(toy))
    with pytest.raises(Superseded):
        commit_shards(toy.pipeline, early, job)
    commit_shards(toy.pipeline, late, job)
    assert (whole, toy.query(COUNT), count_staged(toy)) == (toy.query(CHECKSUM), [(1000, 1, 3)], 0)


def test_a_survivor_that_ends_after_the_commit_leaves_nothing(toy, warehouse_urls):
    whole, job = toy.query(CHECKSUM), make_job(shards=SHARDS)
    attempt = plan(toy, job)
    with child_stopped_at("rank", warehouse_urls, shard=(attempt.attempt, 0)) as child:
        toy.publish()
        child.communicate()
    assert (1, 0) == (child.returncode, count_staged(toy))
    with pytest.raises(Superseded, match="attempt 2 is replaced"):
        work_on_shard(toy.pipeline, job, attempt.attempt, 1)
    assert (whole, toy.query(COUNT)) == (toy.query(CHECKSUM), [(1000, 1, 3)])


def test_the_ledger_tells_a_second_commit_what_was_published(toy):
    job = make_job(shards=2)
    publication = publish(toy.pipeline, make_run(), job, lambda attempt: stage_all(toy, attempt, job))
    with toy.pipeline.transaction() as session:
        assert publication == find_attempt(session, make_run(), publication.attempt).publication


def test_a_shard_that_nobody_scored_blocks_the_day(toy):
    whole, job = toy.query(CHECKSUM), make_job(shards=SHARDS)
    attempt = plan(toy, job)
    publish_shard(toy.pipeline, attempt, job, 0)
    with pytest.raises(PublicationBlocked, match="shard 2 of 3 was not scored; shard 3 of 3 was not scored"):
        commit_shards(toy.pipeline, attempt, job)
    assert (whole, ["live", "blocked"], 0) == (toy.query(CHECKSUM), toy.statuses(), count_staged(toy))


def test_checks_and_audit_see_all_shards(toy):
    seen = []

    def check(tally):
        seen.append((tally.rows, tally.expected_rows))
        return ()

    def audit(session):
        seen.append(tuple(session.exec_driver_sql(COUNT).one()))
        return ("scores are all alike",)

    job = make_job(shards=SHARDS)
    job = replace(job, audit=audit, rules=replace(job.rules, check=check))
    with pytest.raises(PublicationBlocked, match="scores are all alike"):
        publish(toy.pipeline, make_run(), job, lambda attempt: stage_all(toy, attempt, job))
    assert [(1000, 1000), (1000, 1, 2)] == seen
    assert ([(1000, 1, 1)], 0) == (toy.query(COUNT), count_staged(toy))


def test_a_snapshot_that_was_built_anew_is_not_published_from_old_shards(toy):
    job = make_job(shards=SHARDS)
    attempt = plan(toy, job)
    publish_shard(toy.pipeline, attempt, job, 0)
    with toy.pipeline.transaction() as session:
        session.exec_driver_sql("update ledger.snapshots set checksum = 'another'")
    with pytest.raises(Superseded, match="built anew"):
        publish_shard(toy.pipeline, attempt, job, 1)
    with pytest.raises(Superseded, match="built anew"):
        commit_shards(toy.pipeline, attempt, job)
    assert [(1000, 1, 1)] == toy.query(COUNT)


def test_whoever_is_forgotten_waits_in_no_shard(toy):
    job = make_job(shards=SHARDS)
    stage_all(toy, plan(toy, job), job)
    with toy.pipeline.transaction() as session:
        subject = find_subject((declare(),), "toy", "7", only=True)
        delete_rows(session, subject, find_rows(session, subject))
    assert (0, [(999, 1, 1)]) == (count_staged(toy), toy.query(COUNT))


def test_a_day_old_attempt_of_another_day_is_swept(toy):
    job = make_job(shards=2)
    stage_all(toy, plan(toy, job), job)
    toy.add_snapshot(AS_OF.replace(day=13))
    toy.publish(as_of=AS_OF.replace(day=13))
    assert 2 == count_staged(toy)
    with toy.pipeline.transaction() as session:
        session.exec_driver_sql("update ledger.publications set recorded_at = '2017-11-10' where attempt = 2")
    toy.publish(as_of=AS_OF.replace(day=13))
    assert 0 == count_staged(toy)
