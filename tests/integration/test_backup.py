"""A backup is taken while a day is lived, restored beside, and the day lived on there; then backups and targets that are bad."""

import gzip
import json
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from perennial import invariants, operate, pipeline
from perennial.backup import Places, make_backup, read_manifest, restore_backup
from perennial.backup.manifest import MLFLOW, NAME, PARTS, WAREHOUSE
from perennial.backup.places import VARIABLES, find_places
from perennial.backup.restoring import DRAFT, NOTE
from perennial.config import PLATFORM_SQL
from perennial.errors import ConfigError, MigrationConflict, StackError, WarehouseBusy, WouldOverwrite
from perennial.local.binaries import find_binaries
from perennial.local.ports import find_free_port
from perennial.local.servers import make_mlflow
from perennial.stores.sessions import FILES_FENCE, Database, share_lock
from tests.world import World

NEXT_DAY = "2017-06-19"
NOW = datetime(2026, 11, 29, tzinfo=UTC)
SCORES = "select as_of, entity_id, score, rank, decile, reason_1, reason_2, reason_3 from scores.lapse order by 1, 2"
MAKE = """
import os, sys; from datetime import UTC, datetime; from pathlib import Path
from perennial.backup import Places, make_backup, restore_backup
what, files, programs, folder = sys.argv[1:]
places = Places(os.environ["WAREHOUSE"], os.environ["MLFLOW"], Path(files), Path(programs))
make_backup(places, Path(folder), datetime.now(UTC)) if what == "backup" else restore_backup(places, Path(folder))
"""


@dataclass(frozen=True)
class Kept:
    """A world that has lived the next day, and a backup from the middle of it."""

    world: World
    places: Places
    folder: Path
    scores: list


@pytest.fixture(scope="module")
def programs(server_folder):
    return find_binaries(server_folder / "postgres").folder


@pytest.fixture(scope="module")
def kept(copy_world, postgres, server_folder, programs, tmp_path_factory):
    with copy_world() as world:
        database = world.database.url.rsplit("/", 1)[1]
        urls = (postgres.server.url(name, "postgres") for name in (database, "mlflow"))
        places = Places(*urls, server_folder / "mlflow" / "artifacts", programs)
        life, taken = threading.Thread(target=world.live, args=[NEXT_DAY]), []
        base = tmp_path_factory.mktemp("backups")
        life.start()
        while life.is_alive():
            taken.append(base / str(len(taken)))
            make_backup(places, taken[-1], NOW)
        life.join()
        yield Kept(world, places, taken[len(taken) // 2], world.ask(SCORES))


@pytest.fixture(scope="module")
def make_target(postgres, server_folder, programs):
    """Makes an empty installation in databases of its own."""
    names = []

    def make(name: str) -> Places:
        for database, owner in ((f"w_{name}", "owner"), (f"m_{name}", "mlflow")):
            postgres.make(database, owner)
            names.append(database)
        urls = (postgres.server.url(f"{kind}_{name}", "postgres") for kind in "wm")
        return Places(*urls, server_folder / name / "artifacts", programs)

    yield make
    for name in names:
        postgres.drop(name)


@pytest.fixture
def copy_of(kept, tmp_path):
    """The backup, to be damaged."""
    return shutil.copytree(kept.folder, tmp_path / "copy")


def test_a_day_lived_on_what_was_restored_gives_the_same_scores(kept, make_target, postgres, server_folder):
    places = make_target("whole")
    restore_backup(places, kept.folder)
    server = make_mlflow(server_folder / "whole", find_free_port(), backend_url=postgres.server.url("m_whole", "mlflow"))
    server.start(new_session=True)
    superuser = Database(postgres.server.url("w_whole", "postgres"), "test")
    try:
        server.wait()
        settings = replace(
            kept.world.settings,
            warehouse_url=postgres.server.url("w_whole", "pipeline"),
            mlflow_uri=f"http://127.0.0.1:{server.port}",
            artifacts=server_folder / "whole" / "cache",
        )
        with pipeline.open_stores(settings) as stores:
            world = World(stores, superuser, postgres.server.url("w_whole", "loader"))
            operate.reconcile(stores, world.run(NEXT_DAY), start=False)
            week = world.live(NEXT_DAY)
            scores = world.ask(SCORES)
            checked = list(invariants.check_installation(stores, datetime.now(UTC), invariants.Places(), everything=True))
    finally:
        server.stop()
        superuser.dispose()
    assert [] == [found for each in checked for found in each.answer.findings]
    assert week.decision
    assert {row["as_of"].isoformat() for row in scores} == {"2017-06-12", NEXT_DAY}
    assert scores == kept.scores


def test_a_backup_is_for_its_owner_alone(kept):
    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in kept.folder.iterdir()}
    assert stat.S_IMODE(kept.folder.stat().st_mode) == 0o700
    assert {NAME, *PARTS} == {path.name for path in kept.folder.iterdir()}


def test_rows_of_the_source_may_be_left_out(kept, tmp_path):
    manifest = make_backup(kept.places, tmp_path / "small", NOW, with_source=False)
    whole = read_manifest(kept.folder)
    assert (manifest.rows["source.orders"], whole.rows["source.orders"] > 0) == (0, True)
    assert manifest.parts[WAREHOUSE].size < whole.parts[WAREHOUSE].size


@pytest.mark.attack("a backup is damaged, incomplete or of another program")
@pytest.mark.parametrize("name", PARTS)
def test_a_damaged_file_is_found_before_anything_is_restored(copy_of, make_target, name):
    content = bytearray((copy_of / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy_of / name).write_bytes(content)
    with pytest.raises(ConfigError, match=rf"{name} is damaged: .* nothing was restored"):
        restore_backup(make_target("untouched"), copy_of)


@pytest.mark.attack("a backup is damaged, incomplete or of another program")
@pytest.mark.parametrize(("name", "said"), [(MLFLOW, "mlflow.dump is missing"), (NAME, "holds no manifest.json")])
def test_a_missing_file_is_named(copy_of, make_target, name, said):
    (copy_of / name).unlink()
    with pytest.raises(ConfigError, match=said):
        restore_backup(make_target("untouched"), copy_of)


@pytest.mark.attack("a backup is damaged, incomplete or of another program")
def test_a_backup_of_a_newer_program_is_refused(copy_of, make_target):
    manifest = json.loads((copy_of / NAME).read_text())
    (copy_of / NAME).write_text(json.dumps({**manifest, "migration": "999_later", "release": "9.9"}))
    with pytest.raises(MigrationConflict, match=r"999_later, which this program does not know: it was made by release 9\.9"):
        restore_backup(make_target("untouched"), copy_of)


def test_a_target_in_which_somebody_works_is_refused(kept):
    holds = r"not empty: it holds files in .*, registered_models, .* in the database mlflow, .*ledger.versions"
    with pytest.raises(WouldOverwrite, match=holds):
        restore_backup(kept.places, kept.folder)
    assert kept.world.ask(SCORES) == kept.scores


@pytest.fixture
def other(make_target, postgres):
    """A target that is empty again for each test."""
    yield make_target("other")
    for name in ("w_other", "m_other"):
        postgres.drop(name)


@pytest.mark.parametrize(
    ("database", "statement", "said"),
    [
        ("mlflow_url", "create table dag as select 1 as one", "dag in the database m_other"),
        ("mlflow_url", "create table experiments as select 1 as one from generate_series(1, 2)", "experiments in the database"),
        ("warehouse_url", "create schema source; create view source.mine as select 1 as one", "source.mine"),
        ("warehouse_url", "create schema ledger; create table ledger.runs as select 1 as one", "ledger.runs"),
    ],
)
def test_a_target_that_holds_anything_else_is_refused_and_stays(kept, other, database, statement, said):
    url = getattr(other, database)
    other.ask(url, statement)
    with pytest.raises(WouldOverwrite, match=rf"not empty: it holds {said}"):
        restore_backup(other, kept.folder)
    assert "1" == other.ask(url, f"select count(*) from pg_class where oid = to_regclass('{said.partition(' ')[0]}')")


def test_files_in_the_target_are_refused_and_stay(kept, make_target):
    places = make_target("untouched")
    places.files.mkdir(parents=True)
    (places.files / "mine").write_text("", encoding="utf-8")
    with pytest.raises(WouldOverwrite, match="not empty: it holds files in"):
        restore_backup(places, kept.folder)
    assert (places.files / "mine").exists()
    shutil.rmtree(places.files)


def test_a_folder_that_is_there_is_not_written_into(kept):
    with pytest.raises(WouldOverwrite, match="is there already"):
        make_backup(kept.places, kept.folder, NOW)


def start(what, places, folder, env=os.environ, **options):
    command = [sys.executable, "-c", MAKE, what, str(places.files), str(places.programs), str(folder)]
    env = {**env, "WAREHOUSE": places.warehouse_url, "MLFLOW": places.mlflow_url}
    return subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True, **options)


def test_without_room_nothing_is_left(kept, tmp_path):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    quiet = {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "1",
    }  # else the limit cuts the bytecode of every module that is new to Python
    process = start("backup", kept.places, tmp_path / "full" / "backup", preexec_fn=limit, env=quiet)
    _, said = process.communicate()
    assert process.returncode != 0
    assert "pg_dump on the database" in said
    assert list((tmp_path / "full").iterdir()) == []


@pytest.mark.attack("a process is killed, or goes on after it was given up")
def test_a_killed_backup_bears_no_name(kept, tmp_path):
    folder = tmp_path / "killed" / "backup"
    process = start("backup", kept.places, folder, start_new_session=True)
    while not (folder.parent.is_dir() and any(folder.parent.glob(".backup.*/warehouse.dump"))):
        assert process.poll() is None, process.stderr.read()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not folder.exists()
    with pytest.raises(ConfigError, match=r"no whole backup"):
        read_manifest(next(folder.parent.iterdir()))
    make_backup(kept.places, folder, NOW)
    assert [folder] == list(folder.parent.iterdir())


@pytest.mark.attack("a process is killed, or goes on after it was given up")
def test_a_killed_restore_is_run_again(kept, make_target):
    places = make_target("killed")
    process = start("restore", places, kept.folder, start_new_session=True)
    while not (places.files / NOTE).is_file():
        assert process.poll() is None, process.stderr.read()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert (places.files / NOTE).is_file()
    assert restore_backup(places, kept.folder) == read_manifest(kept.folder)
    assert not (places.files / NOTE).exists()
    with pytest.raises(WouldOverwrite):
        restore_backup(places, kept.folder)


def test_a_restore_that_was_killed_while_it_began_is_run_again(kept, make_target):
    places = make_target("begun")
    places = replace(places, warehouse_url=f"{places.warehouse_url}?sslmode=prefer")  # as servers of one's own may want
    for table in ("alembic_version", "experiments", "workspaces"):  # MLflow was started once
        places.ask(places.mlflow_url, f"create table {table} as select 1 as one")
    places.files.mkdir(parents=True)
    (places.files / DRAFT).write_text("", encoding="utf-8")
    assert restore_backup(places, kept.folder) == read_manifest(kept.folder)
    assert not (places.files / DRAFT).exists()


@pytest.fixture
def former(kept, postgres, make_target, tmp_path):
    """A backup of what release 0.1.0 left (tests/sql/data), beside the MLflow of today, which knows none of its runs."""
    places, dump = make_target("former"), Path(__file__).parents[1] / "sql" / "data" / "ledger_of_0.1.0.sql.gz"
    postgres.server.run_sql("w_former", gzip.decompress(dump.read_bytes()).decode())
    places.run("pg_restore", places.mlflow_url, str(kept.folder / MLFLOW))
    places = replace(places, files=kept.places.files)
    yield places
    for name in ("w_former", "m_former"):
        postgres.drop(name)


def test_a_version_that_mlflow_lacks_is_named(former, make_target, tmp_path):
    make_backup(former, tmp_path / "torn", NOW)
    with pytest.raises(StackError, match="MLflow lacks lapse"):
        restore_backup(make_target("torn"), tmp_path / "torn")


def test_a_ledger_of_a_former_layout_is_migrated(former, make_target, postgres, tmp_path):
    runs = former.ask(former.warehouse_url, "select model, version, mlflow_run_id from ledger.versions").splitlines()
    for model, version, run in (line.split("|") for line in runs):
        known = f"delete from model_version_tags where name = '{model}' and version = {version}; "
        known += f"delete from model_versions where name = '{model}' and version = {version}; "
        former.ask(
            former.mlflow_url, f"{known}insert into model_versions (name, version, run_id) values ('{model}', {version}, '{run}')"
        )
    assert make_backup(former, tmp_path / "former", NOW).migration == "006_assemble"
    places = make_target("migrated")
    restore_backup(places, tmp_path / "former")
    newest = "select name from ledger.migrations order by number desc limit 1"
    assert places.ask(places.warehouse_url, newest) == max(path.stem for path in (PLATFORM_SQL / "schema").glob("*.sql"))
    owners = "select distinct tableowner from pg_tables where schemaname = 'ledger'"
    assert places.ask(places.warehouse_url, owners) == "owner"


def test_files_in_an_object_store_are_refused_and_no_password_is_shown():
    values = ("postgresql+psycopg2://postgres@127.0.0.1/warehouse",) * 2
    environment = dict(zip(VARIABLES, (*values, "s3://me:secret@bucket/mlflow"), strict=True))
    with pytest.raises(ConfigError, match=r"is s3://bucket/mlflow: artifacts in an object store are not covered"):
        find_places(None, environment)


def test_half_of_the_variables_is_refused():
    with pytest.raises(ConfigError, match="PERENNIAL_MLFLOW_DATABASE_URL, PERENNIAL_MLFLOW_FILES not set"):
        find_places(None, {"PERENNIAL_SUPERUSER_URL": "postgresql+psycopg2://postgres@127.0.0.1/warehouse"})
    with pytest.raises(ConfigError, match="up --only postgres"):
        find_places(None, {})


@contextmanager
def at_the_listing(do):
    """Inside the block `do` happens each time when tables were listed and are not held yet."""

    def happen(connection, cursor, statement, *_):
        if "starts_with(relname, 'shard$')" in statement:
            do()

    event.listen(Engine, "after_cursor_execute", happen)
    try:
        yield
    finally:
        event.remove(Engine, "after_cursor_execute", happen)


def test_a_table_that_is_dropped_while_a_backup_begins_is_left_out(kept, tmp_path):
    kept.world.tell("create table source.odd (one int)")
    with at_the_listing(lambda: kept.world.tell("drop table if exists source.odd")):
        manifest = make_backup(kept.places, tmp_path / "dropped", NOW)
    assert manifest.rows.keys() == read_manifest(kept.folder).rows.keys()
    assert read_manifest(tmp_path / "dropped") == manifest


def test_tables_that_are_dropped_all_the_time_end_a_backup_and_leave_nothing(kept, tmp_path):
    numbers = count()

    def drop():
        number = next(numbers)
        kept.world.tell(f"drop table source.odd_{number}; create table source.odd_{number + 1} (one int)")

    kept.world.tell("create table source.odd_0 (one int)")
    with at_the_listing(drop), pytest.raises(WarehouseBusy, match="5 times in a row a table was dropped"):
        make_backup(kept.places, tmp_path / "dropped" / "all the time", NOW)
    kept.world.tell(f"drop table source.odd_{next(numbers)}")
    assert [] == list((tmp_path / "dropped").iterdir())


def test_no_file_of_a_version_is_purged_while_a_backup_is_taken(kept, tmp_path):
    fences = []

    def look():
        with kept.world.stores.warehouse.transaction() as session:
            fences.append(share_lock(session, *FILES_FENCE))

    with at_the_listing(look):
        make_backup(kept.places, tmp_path / "fenced", NOW)
    look()
    assert [False, True] == fences


def test_the_commit_of_the_home_stands_in_the_manifest(kept, tmp_path):
    home, who = tmp_path / "home", ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    home.mkdir()
    (home / "a.toml").write_text("a = 1", encoding="utf-8")
    assert make_backup(kept.places, tmp_path / "none", NOW, home=home).home_commit is None
    for words in (("init", "-q"), ("add", "."), (*who, "commit", "-q", "-m", "One")):
        subprocess.run(["git", "-C", str(home), *words], check=True)
    head = subprocess.run(
        ["git", "-C", str(home), "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    assert head == make_backup(kept.places, tmp_path / "clean", NOW, home=home).home_commit
    (home / "b.toml").write_text("b = 1", encoding="utf-8")
    assert f"{head}+changes" == make_backup(kept.places, tmp_path / "changed", NOW, home=home).home_commit
    assert f"{head}+changes" == read_manifest(tmp_path / "changed").home_commit
