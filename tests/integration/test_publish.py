"""Publishing against a real PostgreSQL: what stands in the table, what is refused, what readers see, what a kill leaves."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import text

from perennial.errors import PublicationBlocked, SchemaMismatch, SnapshotMissing, Superseded, WarehouseUnavailable
from perennial.predictor import Feature, encode, hash_manifest
from perennial.score import check_publication
from perennial.stores.sessions import Database
from perennial.stores.warehouse.publishing import pipes
from perennial.stores.warehouse.publishing.attempts import open_attempt
from perennial.stores.warehouse.publishing.publication import publish_attempt
from tests.integration.publish_toy import AS_OF, FEATURES, VERSION, declare, make_job, make_predictor, make_run, make_toy
from tests.published import read_scores

COUNT = "select count(*), count(distinct publication_id), max(publication_id) from scores.toy"


@pytest.fixture
def toy(warehouse_urls):
    return make_toy(warehouse_urls)


@pytest.fixture(params=["bigint", "text", "uuid"])
def either_toy(warehouse_urls, request):
    return make_toy(warehouse_urls, request.param)


@contextmanager
def child_stopped_at(point, urls, entity="bigint", shard=()):
    """Another process, standing still inside its publishing transaction; the block may kill it or let it go on."""
    program = [sys.executable, str(Path(__file__).with_name("publish_toy.py")), entity, point, *map(str, shard)]
    root = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TOY_URL": urls.pipeline}
    child = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=root)
    try:
        assert child.stdout.readline() == "reached\n"
        yield child
    finally:
        child.kill()
        child.communicate()


def read_day(toy, as_of=AS_OF):
    """Scores and features of the day, by entity; the features fetched row by row, not by COPY."""
    columns = ["entity_id", *(feature.name for feature in FEATURES)]
    rows = toy.query(f"select {', '.join(columns)} from features.toy where as_of = :as_of order by entity_id", as_of=as_of)
    with toy.pipeline.transaction() as session:
        snapshot = pd.DataFrame(rows, columns=columns).astype({"entity_id": "str"} if toy.entity == "uuid" else {})
        return read_scores(session, declare(toy.entity).model, as_of), snapshot.set_index("entity_id")


# What stands in the table
@pytest.mark.mltest("O3")
@pytest.mark.parametrize("reasons", [0, 2, 3])
def test_the_table_holds_what_the_predictor_says_in_memory(either_toy, reasons):
    either_toy.publish(make_job(either_toy.entity, reasons=reasons))
    scores, snapshot = read_day(either_toy)
    predictor = make_predictor()
    expected = predictor.score(snapshot)
    assert scores.index.tolist() == snapshot.index.tolist()
    np.testing.assert_array_equal(expected, scores["score"])
    texts = scores[["reason_1", "reason_2", "reason_3"]].iloc[:, :reasons].to_numpy().tolist()
    assert texts == [list(row) for row in predictor.explain(snapshot, reasons)]
    assert scores[["reason_1", "reason_2", "reason_3"]].iloc[:, reasons:].isna().all(axis=None)


def test_rows_of_several_blocks_come_back_whole(toy, monkeypatch):
    monkeypatch.setattr(pipes, "BLOCK_BYTES", 1000)
    toy.publish()
    scores, snapshot = read_day(toy)
    np.testing.assert_array_equal(make_predictor().score(snapshot), scores["score"])


def test_ranks_follow_scores_and_then_entities(either_toy):
    either_toy.publish()
    ranked = either_toy.query(
        "select rank, decile, row_number() over (order by score desc, entity_id) from scores.toy order by rank"
    )
    assert [(n, (n - 1) // 100 + 1, n) for n in range(1, 1001)] == ranked


@pytest.mark.mltest("I5")
def test_the_publication_leads_back_to_everything(toy):
    publication = toy.publish()
    found = toy.query("""
        select publication_id, version, attempt, status, rows, mean_score, manifest_hash, config_hash, query_hash, code_version,
            purpose, snapshot_checksum = (select checksum from ledger.snapshots where kind = 'features')
        from ledger.publications""")
    model = declare().model
    hashes = (hash_manifest(VERSION.manifest), model.config_hash, declare().query_hash, "0.1.0")
    assert found == [(publication.publication_id, 3, 1, "live", 1000, publication.mean_score, *hashes, "simulation", True)]
    assert publication.mean_score == pytest.approx(toy.query("select avg(score) from scores.toy")[0][0])


def test_a_rerun_gives_the_same_rows_under_a_new_attempt(toy):
    columns = "select entity_id, score, rank, decile, reason_1, reason_2, reason_3 from scores.toy order by entity_id"
    toy.publish()
    before = toy.query(columns)
    assert toy.publish().attempt == 2
    assert toy.query(columns) == before
    assert toy.statuses() == ["replaced", "live"]


@pytest.mark.mltest("O3")
def test_sql_encodes_as_the_predictor_does(toy):
    """The category `kiosk` is unknown to the model, as is null; both read as missing."""
    toy.publish()
    _, snapshot = read_day(toy)
    matrix = encode(snapshot, FEATURES)
    assert np.isnan(matrix).sum(axis=0).tolist() == [0, 100, 142, 500]


def test_sql_pools_rare_values_as_the_predictor_does(toy):
    """Here `kiosk` is no value of its own, and belongs to the rare ones; null stays missing."""
    features = (*FEATURES[:3], FEATURES[3].model_copy(update={"categories": ("app",), "pooled": 2}))
    job = make_job()
    contract = job.predictor.contract
    linear = contract.linear.model_copy(
        update={"coefficients": (1.5, -0.5, 0.25, 0, 0.5), "means": (30, 50, 0.5, 0, 0), "scales": (15, 20, 0.5, 1, 1)}
    )
    pooling = replace(job.predictor, contract=contract.model_copy(update={"features": features, "linear": linear}))
    toy.publish(replace(job, predictor=pooling))
    published, snapshot = read_day(toy)
    assert {0.0: 250, 1.0: 500} == pd.Series(encode(snapshot, features)[:, 3]).value_counts().to_dict()
    np.testing.assert_allclose(published["score"], pooling.score(snapshot), rtol=1e-12)


# What is refused
def test_a_snapshot_that_is_not_valid_is_not_scored(toy):
    with toy.pipeline.transaction() as session:
        session.exec_driver_sql("update ledger.snapshots set status = 'invalid'")
    with pytest.raises(SnapshotMissing, match="a snapshot that is invalid"):
        toy.publish()


def test_a_day_without_a_snapshot_is_not_scored(toy):
    with pytest.raises(SnapshotMissing, match="found no snapshot"):
        toy.publish(as_of=date(2017, 11, 13))


@pytest.mark.mltest("I4")
def test_a_shifted_mean_blocks_and_the_former_scores_stay(toy):
    toy.publish()
    toy.add_snapshot(date(2017, 11, 13))
    with pytest.raises(PublicationBlocked, match="the mean score is"):
        toy.publish(make_job(intercept=2.0), date(2017, 11, 13))
    assert toy.query(COUNT) == [(1000, 1, 1)]
    found = toy.query("select status, message like '%mean score%' from ledger.publications order by as_of")
    assert found == [("live", None), ("blocked", True)]


def test_of_sixty_rows_the_mean_may_shift_as_far_as_chance_takes_it(warehouse_urls):
    toy = make_toy(warehouse_urls, rows=60)
    toy.publish()
    toy.add_snapshot(date(2017, 11, 13))
    job = make_job(intercept=-1.6)
    narrow = replace(job, rules=replace(job.rules, check=partial(check_publication, max_shift=0.01)))
    assert toy.publish(narrow, date(2017, 11, 13)).status == "live"
    toy.add_snapshot(date(2017, 11, 20))
    far = replace(narrow, predictor=make_predictor(intercept=1.5))
    with pytest.raises(PublicationBlocked, match=r"more than 1% away .*, and more than chance gives 60 rows \(0\.\d+\)"):
        toy.publish(far, date(2017, 11, 20))


def test_rows_that_the_ledger_does_not_know_block(toy):
    with toy.pipeline.transaction() as session:
        session.exec_driver_sql("delete from features.toy where entity_id = 7")
    with pytest.raises(PublicationBlocked, match="999 rows were scored, the snapshot holds 1000"):
        toy.publish()


def test_an_audit_that_fails_undoes_the_rows_it_saw(toy):
    toy.publish()
    seen = []

    def audit(session):
        seen.append(tuple(session.execute(text(COUNT)).one()))
        return ("scores are all alike",)

    with pytest.raises(PublicationBlocked, match="scores are all alike"):
        toy.publish(replace(make_job(), audit=audit))
    assert (seen, toy.query(COUNT), toy.statuses()) == ([(1000, 1, 2)], [(1000, 1, 1)], ["live", "blocked"])


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (Feature(name="shoe_size"), "lacks shoe_size"),
        (Feature(name="channel"), "channel was numeric in the training and is text"),
    ],
)
def test_a_feature_that_changed_blocks_and_is_named(toy, feature, message):
    job = make_job()
    contract = job.predictor.contract.model_copy(update={"features": (feature,)})
    with pytest.raises(SchemaMismatch, match=message):
        toy.publish(replace(job, predictor=replace(job.predictor, contract=contract)))
    assert toy.statuses() == ["blocked"]


@pytest.mark.mltest("O5")
def test_infinity_in_the_snapshot_blocks_and_names_the_column(toy):
    with toy.pipeline.transaction() as session:
        session.exec_driver_sql("update features.toy set spend_28d = 'Infinity' where entity_id = 500")
    with pytest.raises(SchemaMismatch, match="Infinite values in spend_28d"):
        toy.publish()


# Threads
def test_a_failing_model_ends_the_reader_that_is_ahead_of_it(warehouse_urls, monkeypatch):
    toy = make_toy(warehouse_urls, rows=20_000)
    monkeypatch.setattr(pipes, "BLOCK_BYTES", 2000)
    with toy.pipeline.transaction() as session:
        session.exec_driver_sql("update features.toy set spend_28d = 'Infinity' where entity_id = 3")
    before = set(threading.enumerate())
    with pytest.raises(SchemaMismatch):
        toy.publish()
    assert set() == set(threading.enumerate()) - before


def test_a_failing_writer_ends_reader_and_model(warehouse_urls, monkeypatch):
    toy = make_toy(warehouse_urls, rows=20_000)
    monkeypatch.setattr(pipes, "BLOCK_BYTES", 2000)
    with toy.pipeline.transaction() as session:
        session.exec_driver_sql("alter table scores.toy add check (entity_id <> 5)")
    before = set(threading.enumerate())
    with pytest.raises(Exception, match="violates check constraint"):
        toy.publish()
    assert (set(), 0) == (set(threading.enumerate()) - before, toy.query(COUNT)[0][0])


def test_a_lost_connection_is_named_and_a_retry_publishes(toy, warehouse_urls):
    def cut_off(session):
        with Database(warehouse_urls.superuser).transaction() as other:
            other.exec_driver_sql(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where application_name = 'toy' and datname = current_database()"
            )
        return session.execute(text("select 'never'")).scalars().all()

    with pytest.raises(WarehouseUnavailable):
        toy.publish(replace(make_job(), audit=cut_off))
    toy.publish()
    assert (toy.query(COUNT), toy.statuses()) == ([(1000, 1, 2)], ["replaced", "live"])


# Readers
@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
def test_readers_see_the_old_day_whole_until_the_commit(toy, warehouse_urls, isolation):
    toy.publish()
    with Database(warehouse_urls.analyst).transaction() as reader:
        reader.exec_driver_sql(f"set transaction isolation level {isolation}")
        seen = []

        def look(_):
            seen.append(reader.exec_driver_sql("select count(*), min(publication_id) from analytics.toy_scores_history").one())
            return ()

        toy.publish(replace(make_job(), audit=look))
        after = reader.exec_driver_sql("select count(*), min(publication_id) from analytics.toy_scores_history").one()
    assert ([tuple(row) for row in seen], tuple(after)) == (
        [(1000, 1)],
        (1000, 1 if isolation == "repeatable read" else 2),
    )


# Kills and survivors
@pytest.mark.attack("a process is killed, or goes on after it was given up")
@pytest.mark.parametrize("point", ["check", "audit"])
def test_a_publication_killed_in_the_middle_leaves_the_old_scores_and_a_rerun_publishes(toy, warehouse_urls, point):
    toy.publish()
    with child_stopped_at(point, warehouse_urls) as child:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        assert toy.query(COUNT) == [(1000, 1, 1)]
        publication = toy.publish()
    assert (publication.attempt, toy.query(COUNT)) == (3, [(1000, 1, 3)])
    assert toy.statuses() == ["replaced", "replaced", "live"]


def test_of_two_at_once_the_second_waits_and_replaces_the_first(toy, warehouse_urls):
    with child_stopped_at("audit", warehouse_urls) as child:
        second = threading.Thread(target=toy.publish)
        second.start()
        second.join(timeout=1)
        assert second.is_alive()
        printed, _ = child.communicate()
        second.join(timeout=30)
    assert (printed, child.returncode) == ("1 live\n", 0)
    assert (toy.statuses(), toy.query(COUNT)) == (["replaced", "live"], [(1000, 1, 2)])


@pytest.mark.attack("a process is killed, or goes on after it was given up")
def test_a_survivor_that_was_overtaken_writes_nothing(toy):
    survivor = open_attempt(toy.pipeline, make_run(), make_job())
    toy.publish()
    with pytest.raises(Superseded, match="attempt 1 was taken over"):
        publish_attempt(toy.pipeline, survivor, make_job())
    assert (toy.statuses(), toy.query(COUNT)) == (["replaced", "live"], [(1000, 1, 2)])
