"""What must hold of the whole installation: a world that has lived is all well, and each rule that is broken is named."""

import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from perennial import invariants, pipeline
from perennial.config.folders import borrow_folder
from perennial.records import Rejects
from perennial.stores import ledger, warehouse
from perennial.stores.registry import MOST_KEPT
from perennial.stores.registry.loading import CACHE
from tests.world import FIRST_DAY, MODEL, end_state

WALL = datetime.now(UTC)
PASSWORD = "correct-horse-battery"
STAY = "before delete or truncate or update on ledger.looks for each statement execute function ledger.refuse_change()"
MOVE = "update (applied_at, reason, status)"


@pytest.fixture(scope="module")
def shared(copy_world, session_smtp_sink):
    """One world for all of them; whatever a test breaks it mends."""
    with copy_world() as world:
        mailing = world.with_smtp(session_smtp_sink.settings)
        mailing.mail()
        yield mailing


def look(world, *names, everything=False, clock=WALL, logs=()):
    """The findings by invariant, of the named ones only."""
    places = invariants.Places(tuple(logs), frozenset({PASSWORD}))
    checked = invariants.check_installation(world.stores, clock, places, everything=everything, only=names)
    return {each.invariant: [(found.said, found.remedy) for found in each.answer.findings] for each in checked}


def find(world, name, **options):
    return look(world, name, **options)[name]


@contextmanager
def changed(world, statement, back):
    """The triggers and rights of the ledger stand aside, as they would for a superuser who means it."""
    world.tell(f"set local session_replication_role = replica; {statement}")
    try:
        yield
    finally:
        world.tell(f"set local session_replication_role = replica; {back}")


def test_a_world_that_has_lived_is_all_well(shared, tmp_path):
    (tmp_path / "server.log").write_text("all is well\n", encoding="utf-8")
    found = look(shared, logs=[tmp_path], everything=True)
    assert {name: [] for name in ("models", *invariants.INVARIANTS)} == found


def test_a_score_that_was_changed_is_found(shared):
    with changed(
        shared,
        "update scores.lapse set score = score + 0.01 where rank = 1",
        "update scores.lapse set score = score - 0.01 where rank = 1",
    ):
        ((said, remedy),) = find(shared, "publications")
    assert f"{MODEL}, as_of {FIRST_DAY}: scores were changed since they were published" == said
    assert f"perennial score {MODEL} --as-of {FIRST_DAY} --simulate" == remedy  # by today's clock it would be too old


def test_a_score_that_is_missing_is_found(shared):
    shared.tell("create table public.kept as select * from scores.lapse where rank = 1")
    with changed(shared, "delete from scores.lapse where rank = 1", "insert into scores.lapse select * from public.kept"):
        ((said, _),) = find(shared, "publications")
    shared.tell("drop table public.kept")
    assert "stand in scores.lapse" in said


def test_a_day_that_is_live_twice_is_found(shared):
    twice = (
        "create table public.kept as select * from ledger.publications where status = 'live'; "
        "drop index ledger.one_live_publication; "
        "insert into ledger.publications overriding system value select (jsonb_populate_record(kept, "
        "jsonb_build_object('publication_id', publication_id + 1000, 'attempt', attempt + 1000))).* from public.kept kept"
    )
    once = (
        "delete from ledger.publications where publication_id > 1000; drop table public.kept; "
        "create unique index one_live_publication on ledger.publications (model, as_of) where status = 'live'"
    )
    with changed(shared, twice, once):
        assert any("2 live publications" in said for said, _ in find(shared, "publications"))


def test_a_day_that_is_not_live_any_more_is_found(shared):
    back = "update ledger.publications set status = 'live'"
    with changed(shared, "update ledger.publications set status = 'replaced' where status = 'live'", back):
        assert [f"{MODEL}, as_of {FIRST_DAY}: it was published, and no publication is live"] == [
            said for said, _ in find(shared, "publications")
        ]


def test_scores_that_no_publication_wrote_are_found(shared):
    day = "2017-06-13"
    with changed(
        shared,
        "insert into scores.lapse select (jsonb_populate_record(lapse, "
        f"""'{{"as_of": "{day}"}}')).* from scores.lapse where rank = 1""",
        f"delete from scores.lapse where as_of = '{day}'",
    ):
        assert [f"{MODEL}, as_of {day}: scores stand in scores.{MODEL} that no publication wrote"] == [
            said for said, _ in find(shared, "publications")
        ]


def test_a_version_that_the_ledger_does_not_know_is_found_and_the_rest_is_looked_at(shared):
    with changed(shared, "update ledger.publications set version = 77", "update ledger.publications set version = 1"):
        found = look(shared, everything=True)
    assert any("published by version 77, which the ledger does not know" in said for said, _ in found["lineage"])
    assert {"models", *invariants.INVARIANTS} == found.keys()


def test_an_alias_of_a_model_without_a_champion_is_found(shared):
    keep = "create table public.kept as select * from ledger.promotions; delete from ledger.promotions"
    back = "insert into ledger.promotions overriding system value select * from public.kept; drop table public.kept"
    with changed(shared, keep, back):
        found = find(shared, "champions")
    assert [f"{MODEL}: the ledger's champion is nobody, the alias names version 1"] == [said for said, _ in found]


def test_an_alias_that_was_moved_by_hand_is_found(shared):
    client = shared.stores.registry._client
    champion = shared.stores.registry.read_alias(MODEL)
    client.delete_registered_model_alias(MODEL, "champion")
    try:
        found = find(shared, "champions")
    finally:
        shared.stores.registry.set_champion(MODEL, champion)
    assert [
        (f"{MODEL}: the ledger's champion is version {champion}, the alias names nobody", f"perennial reconcile {MODEL}")
    ] == found


def test_a_broken_chain_of_champions_is_found(shared):
    with changed(
        shared, "update ledger.promotions set previous_version = 77", "update ledger.promotions set previous_version = null"
    ):
        assert any("took over from 77" in said for said, _ in find(shared, "champions"))


def test_a_publication_that_names_other_files_is_found(shared):
    known = shared.ask_one("select manifest_hash from ledger.publications where status = 'live'")
    with changed(
        shared, "update ledger.publications set manifest_hash = 'x'", f"update ledger.publications set manifest_hash = '{known}'"
    ):
        assert any("names other files than version" in said for said, _ in find(shared, "lineage"))


def test_kept_files_that_were_changed_are_found(shared):
    with shared.stores.warehouse.transaction() as session:
        version = ledger.get_version(session, MODEL, ledger.champion(session, MODEL))
    pipeline.champion.load_version(shared.stores, version)
    (folder,) = (shared.settings.artifacts / CACHE / MODEL).glob(f"{version.version}-*")
    contract = folder / "contract.json"
    before = contract.read_bytes()
    contract.write_bytes(before + b" ")
    ((said, remedy),) = find(shared, "lineage")
    contract.write_bytes(before)
    assert "of the kept files" in said
    assert f"rm -r {folder}: they are fetched anew" == remedy


def test_a_feature_that_was_changed_is_found(shared):
    column = "recency_days"
    with changed(
        shared,
        f"update features.lapse set {column} = {column} + 1 where as_of = '{FIRST_DAY}'",
        f"update features.lapse set {column} = {column} - 1 where as_of = '{FIRST_DAY}'",
    ):
        found = look(shared, "lineage", "reruns")
    assert any("holds other rows than were built" in said for said, _ in found["lineage"])
    assert any("the scores are others" in said for said, _ in found["reruns"])


@pytest.mark.parametrize(("kind", "column", "told"), [("features", "recency_days", "leaks"), ("labels", "label", "reruns")])
def test_a_row_that_taught_and_was_changed_is_found_and_what_it_says_mends_it(inside, kind, column, told):
    day = inside.world.ask_one("select min(as_of) from labels.lapse")
    inside.world.tell(f"update {kind}.lapse set {column} = 1 - {column} where as_of = '{day}'")
    found = look(inside.world, "leaks", "reruns", everything=True)
    ((said, remedy),) = found[told]
    assert f"{MODEL}, as_of {day}: {kind}.{MODEL} holds other rows than were built" == said
    for command in remedy.partition(";")[0].split(", then "):
        assert 0 == inside.perennial(*command.split()[1:])[0]
    assert {"models": [], "leaks": [], "reruns": []} == look(inside.world, "leaks", "reruns", everything=True)


def test_a_run_that_nobody_works_on_is_found(shared):
    run = shared.run(FIRST_DAY)
    with shared.stores.warehouse.transaction() as session:
        number = ledger.start_run(session, run, "train")
    found = find(shared, "holders")
    pipeline.mark_lost(shared.stores, run.clock)
    assert [
        (f"{MODEL}, as_of {FIRST_DAY}: attempt {number} at train runs, and its process is gone", f"perennial reconcile {MODEL}")
    ] == found


def test_a_movement_that_nobody_ends_is_found(shared):
    intent = (
        "insert into ledger.promotions (model, version, previous_version, kind, reason, actor, purpose, effective_at) "
        "select model, version, version, 'forced', 'test', 'tester', 'simulation', effective_at from ledger.promotions limit 1"
    )
    with changed(shared, intent, "delete from ledger.promotions where status = 'intended'"):
        assert any("was begun, and nobody ends it" in said for said, _ in find(shared, "holders"))


def test_facts_of_the_past_that_were_changed_are_found(shared):
    with changed(
        shared,
        "create table public.kept as select * from source.orders; update source.orders set amount_cents = amount_cents + 1",
        "truncate source.orders; insert into source.orders select * from public.kept; drop table public.kept",
    ):
        ((said, remedy), *_) = find(shared, "leaks")
    assert "built again, the snapshot is another one" in said
    assert f"perennial check {MODEL} --tables real" in remedy


def test_mail_that_waits_without_end_is_found(shared):
    with changed(
        shared,
        "update ledger.outbox set sent_at = null, attempts = 9, last_error = 'no such host'",
        "update ledger.outbox set sent_at = clock_timestamp(), attempts = 0, last_error = null",
    ):
        found = find(shared, "deliveries")
    assert all("was tried 9 times: no such host" in said for said, _ in found)
    assert found


def test_mail_that_waits_without_a_reason_is_found(shared):
    back = "update ledger.outbox set sent_at = clock_timestamp(), attempts = 0, last_error = null"
    with changed(shared, "update ledger.outbox set sent_at = null, attempts = 2, last_error = null", back):
        found = find(shared, "deliveries")
    assert found
    assert all("waits after 2 attempts, and no reason is known" in said for said, _ in found)


def test_mail_that_was_never_tried_is_found_after_a_day(shared):
    back = "update ledger.outbox set sent_at = clock_timestamp()"
    with changed(shared, "update ledger.outbox set sent_at = null", back):
        assert [] == find(shared, "deliveries")
        assert any("was never tried" in said for said, _ in find(shared, "deliveries", clock=WALL + timedelta(days=2)))


def test_scores_that_wait_for_nobody_are_found(shared):
    number = shared.ask_one("select max(publication_id) from ledger.publications where status <> 'building'")
    shared.tell(f'create table scores."shard${number}_0" (a int); alter table scores."shard${number}_0" owner to pipeline')
    assert [(f'scores."shard${number}_0" holds scores that nobody will publish', f"perennial reconcile {MODEL}")] == find(
        shared, "leftovers"
    )
    pipeline.mark_lost(shared.stores, WALL, MODEL)
    assert [] == find(shared, "leftovers")


def test_a_table_of_nobody_is_found(shared):
    shared.tell('create table scores."shard$4711_0" (a int)')
    ((said, remedy),) = find(shared, "leftovers")
    shared.tell(remedy.partition(",")[0])
    assert said == 'scores."shard$4711_0" is no table of ours'
    assert [] == find(shared, "leftovers")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (f"{CACHE}/nobody", "the ledger knows no version of such a model"),
        (f"{CACHE}/{MODEL}/1/.discarded-1", "it was discarded"),
        (f"{CACHE}/{MODEL}", f"versions, {MOST_KEPT} at most are needed"),
    ],
)
def test_kept_files_that_nobody_needs_are_found_and_what_it_says_mends_it(shared, name, said):
    folder = shared.settings.artifacts / name
    for number in range(MOST_KEPT + 1 if folder.name == MODEL else 1):
        (folder / f"{number}-left").mkdir(parents=True)
    os.utime(folder, (0, 0))
    ((found, remedy),) = find(shared, "leftovers")
    subprocess.run(remedy, shell=True, check=True)
    assert said in found
    assert [] == find(shared, "leftovers")


def test_a_folder_that_nobody_holds_is_found_and_one_that_is_held_is_not(shared):
    parent = shared.settings.artifacts / "checking"
    with borrow_folder(parent, "held-"):
        assert [] == find(shared, "leftovers")
    (parent / "left-1.lock").touch()
    ((said, remedy),) = find(shared, "leftovers")
    assert f"{parent / 'left-1'}: nobody holds it any more" == said
    subprocess.run(remedy, shell=True, check=True)
    assert [] == find(shared, "leftovers")


@pytest.mark.attack("a right is given or taken by hand")
@pytest.mark.parametrize(
    ("statement", "back", "said"),
    [
        ("grant select on ledger.runs to analyst", "revoke select on ledger.runs from analyst", "analyst may select ledger.runs"),
        ("grant select on scores.lapse to public", "revoke select on scores.lapse from public", "public may select scores.lapse"),
        (
            "grant update on ledger.promotions to pipeline",
            f"revoke update on ledger.promotions from pipeline; grant {MOVE} on ledger.promotions to pipeline",
            "pipeline may update ledger.promotions",
        ),
        (
            "revoke insert on ledger.events from pipeline",
            "grant insert on ledger.events to pipeline",
            "pipeline may not insert ledger.events",
        ),
        (
            "revoke update (checksum) on ledger.erased_days from pipeline",
            "grant update (checksum) on ledger.erased_days to pipeline",
            "pipeline may not update (checksum) ledger.erased_days",
        ),
        (
            "grant update (reason, event) on ledger.admissions to loader",
            "revoke update (event, reason) on ledger.admissions from loader",
            "loader may update (event, reason) ledger.admissions",
        ),
        (
            "grant create on schema scores to loader",
            "revoke create on schema scores from loader",
            "loader may create schema scores",
        ),
        (
            "revoke select on analytics.freshness from analyst",
            "grant select on analytics.freshness to analyst",
            "analyst may not select analytics.freshness",
        ),
        (
            "grant update on source.orders to pipeline",
            "revoke update on source.orders from pipeline",
            "pipeline may update source.orders",
        ),
        (
            "grant execute on function ledger.strike_texts to public",
            "revoke execute on function ledger.strike_texts(text[],text) from public",
            "public may execute function ledger.strike_texts(text[],text)",
        ),
        (
            "alter default privileges for role pipeline in schema scores grant select on tables to analyst",
            "alter default privileges for role pipeline in schema scores revoke select on tables from analyst",
            "analyst may select the tables that are made for role pipeline in schema scores",
        ),
        ("grant loader to analyst", "revoke loader from analyst", "analyst may do whatever loader may"),
        (
            "alter table scores.lapse owner to loader",
            "alter table scores.lapse owner to pipeline",
            "the table scores.lapse belongs to loader",
        ),
        (
            "revoke select on ledger.runs from owner",
            "grant select on ledger.runs to owner",
            "owner may not select ledger.runs, which is its own",
        ),
        ("alter role loader createdb", "alter role loader nocreatedb", "role loader is createdb"),
        (
            "alter table ledger.versions disable trigger facts_stay",
            "alter table ledger.versions enable trigger facts_stay",
            "the trigger facts_stay of ledger.versions is off",
        ),
        (
            "drop trigger facts_stay on ledger.looks",
            f"drop trigger if exists facts_stay on ledger.looks; create trigger facts_stay {STAY}",
            "no trigger of ledger.looks refuses delete, truncate, update, and only these, to everybody",
        ),
    ],
)
def test_a_right_that_is_not_as_declared_is_found_and_what_it_says_mends_it(shared, statement, back, said):
    with changed(shared, statement, back):
        found = find(shared, "rights")
    assert [(said, back)] == [(sentence, re.sub("[;,] as a superuser$", "", remedy)) for sentence, remedy in found]
    assert [] == find(shared, "rights")


@pytest.mark.attack("a password gets into a log")
def test_a_password_in_a_log_is_found_across_blocks_and_never_shown(shared, tmp_path, monkeypatch):
    monkeypatch.setattr(invariants.rights, "BLOCK_BYTES", 16)
    (tmp_path / "server.log").write_text(f"0123456789 login={PASSWORD} done\n", encoding="utf-8")
    ((said, remedy),) = find(shared, "secrets", logs=[tmp_path])
    assert f"{tmp_path / 'server.log'}: a password stands near byte 18" == said
    assert PASSWORD not in remedy


def test_a_log_that_goes_while_they_are_read_is_none(shared, tmp_path, monkeypatch):
    (tmp_path / "kept.log").write_text(f"login={PASSWORD}\n", encoding="utf-8")
    (tmp_path / "gone.log").write_text("all is well\n", encoding="utf-8")
    measure = invariants.rights._measure

    def rotate(folders):
        sizes = measure(folders)
        (tmp_path / "gone.log").unlink()
        return sizes

    monkeypatch.setattr(invariants.rights, "_measure", rotate)
    ((said, _),) = find(shared, "secrets", logs=[tmp_path])
    assert "kept.log" in said


def reject_one(world):
    """As `validate` does with a row that breaks a rule."""
    run, declaration = world.run(FIRST_DAY), world.stores.declaration(MODEL)
    entity = world.ask_one(f"select min(entity_id) from features.lapse where as_of = '{FIRST_DAY}'")
    with world.stores.warehouse.transaction() as session:
        rejects = [Rejects("odd", None, (entity,))]
        warehouse.quarantine_rows(session, declaration, run, rejects)
        warehouse.remove_rejects(session, declaration, run, rejects)


def record_purge(world, kind, version=None):
    world.tell(
        "insert into ledger.purges (model, kind, as_of, version, rows, bytes, retention_days, actor, effective_at) values "
        f"('{MODEL}', '{kind}', '{FIRST_DAY}', {version or 'null'}, 1, 1, 400, 'tester', now())"
    )


def test_a_day_is_not_built_again_once_its_rejects_are_purged(world):
    reject_one(world)
    assert [] == find(world, "leaks", everything=True)
    world.tell(f"delete from ledger.quarantine where as_of = '{FIRST_DAY}' and source is null")
    record_purge(world, "quarantine")
    assert [] == find(world, "leaks", everything=True)


def test_a_day_that_is_validated_while_the_check_runs_is_no_finding(world):
    checking = invariants.check_installation(
        world.stores, WALL, invariants.Places(), everything=True, only=["champions", "leaks"]
    )
    assert ["models", "champions"] == [next(checking).invariant, next(checking).invariant]
    reject_one(world)
    leaks = next(checking)
    assert ("leaks", ()) == (leaks.invariant, leaks.answer.findings)


def test_a_day_is_not_scored_again_by_a_version_whose_files_were_purged(world):
    """It is said of a version whose run MLflow does not know: that of the world is other tests' too."""
    world.tell(
        "set local session_replication_role = replica; insert into ledger.versions select (jsonb_populate_record(versions, "
        """'{"version": 99, "mlflow_run_id": "gone", "data_hash": "other"}')).* from ledger.versions; """
        "update ledger.publications set version = 99 where status = 'live'"
    )
    shutil.rmtree(world.settings.artifacts / CACHE, ignore_errors=True)
    assert "cannot be scored again" in find(world, "reruns", everything=True)[0][0]
    record_purge(world, "files", 99)
    assert {"models": [], "reruns": [], "lineage": []} == look(world, "reruns", "lineage", everything=True)


def test_nothing_is_changed_by_looking(shared):
    before, runs = end_state(shared), shared.ask("select * from ledger.runs order by run_id")
    look(shared, everything=True)
    assert before == end_state(shared)
    assert runs == shared.ask("select * from ledger.runs order by run_id")


def test_the_command_says_ok_line_by_line_and_ends_well(inside):
    inside.world.mail()
    lines = inside.ask("check", "--all")
    assert ["models", *invariants.INVARIANTS] == [line["invariant"] for line in lines]
    assert {"ok", "partly"} >= {line["state"] for line in lines}


def test_the_command_ends_with_1_and_the_remedy(inside):
    inside.world.mail()
    inside.world.tell("update scores.lapse set score = score + 0.01 where rank = 1")
    code, said, _ = inside.perennial("check", "--all")
    assert 1 == code
    assert "BROKEN  publications:" in said
    (remedy,) = set(re.findall(f"-> perennial (score {MODEL} .*)", said))
    assert 0 == inside.perennial(*remedy.split())[0]
    inside.perennial("mail")
    assert [] == [found for line in inside.ask("check", "--all") for found in line["findings"]]
