"""Two models live two weeks on two Celery workers that share no disk; one of them is lost in the middle of a training.

The world is a small gym (tests/cases/worlds/plain), so that what takes time is Airflow. Every task is seen by the name of the
machine that ran it, as Airflow keeps it.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import text

from perennial import operate, pipeline
from perennial.config import Settings
from perennial.demo.life import Life, Lived
from perennial.local import Patience, Ports
from perennial.local.addresses import Addresses
from perennial.local.doctor import Finding
from perennial.local.servers import Server
from perennial.local.workers import check_workers
from perennial.stores.registry import Registry
from perennial.stores.sessions import Database, run_script
from tests.cases.harness import MODEL as PLAIN
from tests.cases.harness import find_file, make_home
from tests.scaled import HUB, METADATA, NAMES, WAREHOUSE, Scaled, add_airflow, await_servers, cut_power, start

LOST, OTHER = MODELS = ("quits_in_ten", "quits_in_seven")
HISTORY = (date(2025, 4, 14), date(2025, 6, 23))
FIRST, NEXT = date(2025, 6, 30), date(2025, 7, 7)
LIBRARIES = ("lightgbm", "xgboost")


def name_model(home: Path, name: str, horizon_days: int) -> None:
    """One more model of the gym: the plain one under another name, with another horizon."""
    text_of_plain = (home / "models" / f"{PLAIN}.toml").read_text(encoding="utf-8")
    edited = text_of_plain.replace(f'name = "{PLAIN}"', f'name = "{name}"').replace(
        "horizon_days = 10", f"horizon_days = {horizon_days}"
    )
    (home / "models" / f"{name}.toml").write_text(edited, encoding="utf-8")
    for folder in ("sql", "expectations"):
        shutil.copytree(home / folder / PLAIN, home / folder / name)


def make_gym(folder: Path) -> Path:
    home = make_home(folder, "plain")
    for name, horizon_days in zip(MODELS, (10, 7), strict=True):
        name_model(home, name, horizon_days)
    (home / "models" / f"{PLAIN}.toml").unlink()
    for part in ("sql", "expectations"):
        shutil.rmtree(home / part / PLAIN)
    add_airflow(home)
    return home


@dataclass
class Installation:
    """The whole of it, and how it stands now."""

    scaled: Scaled
    settings: Settings
    owner: Database = field(repr=False)
    workers: dict[str, Server] = field(default_factory=dict)

    def ask(self, query: str, **values: object) -> list[tuple]:
        with self.owner.transaction() as session:
            return [tuple(row) for row in session.execute(text(query), values)]

    def diagnose(self) -> dict[str, Finding]:
        """Component -> finding of `perennial doctor`, as seen from the home of the hub."""
        home = str(self.scaled.disk(HUB) / "home")
        found = check_workers({"PERENNIAL_BROKER_URL": self.scaled.broker_url, "PERENNIAL_HOME": home})
        return {finding.component: finding for finding in found}

    def tasks(self, model: str = "") -> list[dict]:
        """Every task instance that some machine ran: as the REST API shows it, `hostname` and `dag_id` among it."""
        found, path = [], "/dags/~/dagRuns/~/taskInstances?limit=100&offset="
        while page := self.scaled.airflow.request("GET", f"{path}{len(found)}")["task_instances"]:
            found += page
        return [task for task in found if task["hostname"] and task["dag_id"].startswith(model)]

    def live(self, model: str, *asked: tuple[str, date]) -> list[Lived]:
        life = Life(self.scaled.airflow, model)
        return [lived for verb, day in asked for lived in life.start(verb, day)]

    @contextmanager
    def versions_held(self) -> Iterator[None]:
        """Nobody records a version inside the block; what was fitted waits with its files in MLflow."""
        with self.owner.transaction() as session:
            session.execute(text("lock table ledger.versions in share mode"))
            yield

    def is_waiting(self) -> bool:
        return bool(self.ask("select from pg_locks where relation = 'ledger.versions'::regclass and not granted"))


@pytest.fixture(scope="module")
def scaled(postgres, migrated_template, mlflow_server, session_smtp_sink, server_folder) -> Scaled:
    """The databases, and a place for the rest."""
    postgres.make(WAREHOUSE, template=migrated_template)
    postgres.make(METADATA, owner="airflow")
    folder = server_folder / "scaled"
    folder.mkdir()
    shutil.copy(server_folder / "passwords.json", folder)
    home = make_gym(folder / "gym")
    free = Ports.free()
    ports = Ports(postgres=postgres.server.port, mlflow=free.mlflow, airflow=free.airflow, mail=session_smtp_sink.settings.port)
    return Scaled(
        folder, Addresses(folder, ports, home, simulated_until=date(2025, 8, 3)), home, mlflow_server, Patience.measure()
    )


@pytest.fixture(scope="module")
def installation(scaled, postgres, mlflow_server) -> Iterator[Installation]:
    """Everything runs, and history was built while it started."""
    broker, migration, hub = scaled.make_broker(), scaled.make_migration(), scaled.make_services()
    workers = {name: scaled.make_worker(name) for name in NAMES}
    urls = (scaled.addresses.database_url(role, WAREHOUSE) for role in ("pipeline", "owner"))
    settings = Settings(*urls, mlflow_server, home=scaled.home, artifacts=scaled.disk("here"))
    owner = Database(scaled.addresses.database_url("owner", WAREHOUSE), "test")
    with ExitStack() as stopping:
        stopping.callback(owner.dispose)
        for server in (broker, migration, *workers.values(), *hub):
            stopping.callback(cut_power, server)  # nothing of it is wanted any more
        start((broker, migration))
        build_history(settings, scaled)
        await_servers((broker, migration), scaled.patience)
        start((*hub, *workers.values()))
        await_servers((*hub, *workers.values()), scaled.patience)
        yield Installation(scaled, settings, owner, workers)


def build_history(settings: Settings, scaled: Scaled) -> None:
    loader = Database(scaled.addresses.database_url("loader", WAREHOUSE), "test")
    with loader.transaction() as session:
        run_script(session, find_file("plain", "tables.sql").read_text(encoding="utf-8"))
    loader.dispose()
    with warnings.catch_warnings(), pipeline.open_stores(settings) as stores:
        warnings.simplefilter("ignore")  # of libraries; unit tests of each stage are strict
        for model in MODELS:
            operate.sync(stores, model)
            list(operate.backfill(stores, model, *HISTORY))


@dataclass(frozen=True)
class Weeks:
    """How every run ended, and what stood when a machine was lost: its name, its task, and what doctor said then."""

    runs: dict[str, list[Lived]]
    lost: str
    task: dict
    doctor: dict[str, Finding]


@pytest.fixture(scope="module")
def weeks(installation) -> Weeks:
    """The first champion and a day of each model side by side; then the weekly fits, in one of which a machine is lost.

    The next day of a model is asked for before its weekly fit, which may serve from the moment on at which it ends.
    """
    asked = {LOST: (("retrain", FIRST), ("refresh", FIRST), ("refresh", NEXT)), OTHER: (("retrain", FIRST), ("refresh", FIRST))}
    with ThreadPoolExecutor() as pool:
        for model in MODELS:
            Life(installation.scaled.airflow, model).wake()
        first = {model: pool.submit(installation.live, model, *asked[model]) for model in MODELS}
        runs = {model: lived.result() for model, lived in first.items()}
        with installation.versions_held():
            fit = pool.submit(installation.live, LOST, ("retrain_weekly", NEXT))
            assert installation.scaled.patience.begin(300).await_that(installation.is_waiting)
            (task,) = (each for each in installation.tasks(LOST) if each["task_id"] == "refit" and each["state"] == "running")
            lost = task["hostname"]
            cut_power(installation.workers[lost])
            shutil.rmtree(installation.scaled.disk(lost))
            doctor = installation.diagnose()
        runs[OTHER] += installation.live(OTHER, ("refresh", NEXT), ("retrain_weekly", NEXT))
        runs[LOST] += fit.result()
    return Weeks(runs, lost, task, doctor)


def test_doctor_sees_each_worker_with_its_queue_program_and_home(installation):
    found = installation.diagnose()
    assert [f"worker celery@{name}" for name in NAMES] == list(found)
    assert [True, True] == [finding.is_well for finding in found.values()]
    assert all("queue default, program 0.1.0+" in finding.found for finding in found.values())


def test_a_worker_has_the_libraries_before_its_first_task(installation):
    for worker in installation.workers.values():
        mapped = Path(f"/proc/{worker.process.pid}/maps").read_text(encoding="utf-8")
        assert [name for name in LIBRARIES if f"/lib{name}.so" not in mapped and f"/lib_{name}.so" not in mapped] == []


def test_a_worker_with_another_home_is_a_fault(installation):
    labels = installation.scaled.disk("two") / "home" / "sql" / LOST / "labels.sql"
    before = labels.read_text(encoding="utf-8")
    labels.write_text(f"{before}-- a line more\n", encoding="utf-8")
    found = installation.diagnose()
    labels.write_text(before, encoding="utf-8")
    assert {"worker celery@one": True, "worker celery@two": False} == {name: each.is_well for name, each in found.items()}
    assert "Bring models/, sql/ and expectations/ there" in found["worker celery@two"].fix


def test_every_run_of_both_models_succeeds(weeks):
    day = ["refresh", "score", "monitor"]
    verbs = ["retrain", *day, *day, "retrain_weekly", "retrain"]
    assert {model: [(verb, "success") for verb in verbs] for model in MODELS} == {
        model: [(run.verb, run.state) for run in runs] for model, runs in weeks.runs.items()
    }


def test_both_workers_ran_tasks_of_both_models(installation, weeks):
    ran = {(task["hostname"], task["dag_id"].partition(".")[0]) for task in installation.tasks()}
    assert ran == set(product(NAMES, MODELS))


def test_doctor_no_longer_sees_the_worker_that_is_lost(weeks):
    (survivor,) = set(NAMES) - {weeks.lost}
    assert [f"worker celery@{survivor}"] == list(weeks.doctor)


def name_task(task: dict) -> tuple:
    return task["dag_id"], task["dag_run_id"], task["task_id"]


def test_the_fit_that_was_lost_was_made_again_by_the_other_worker_under_the_same_version(installation, weeks):
    (survivor,) = set(NAMES) - {weeks.lost}
    (again,) = (each for each in installation.tasks(LOST) if name_task(each) == name_task(weeks.task))
    assert (again["hostname"], again["state"], again["try_number"]) == (survivor, "success", 2)
    attempts = installation.ask(
        "select status from ledger.runs where model = :model and stage = 'refit' and as_of = :day order by run_id",
        model=LOST,
        day=NEXT,
    )
    assert [("running",), ("ok",)] == attempts
    fits = "select version, trained_for, origin from ledger.versions where model = :model order by version"
    made = {model: installation.ask(fits, model=model) for model in MODELS}
    assert made == {model: [(1, FIRST, "training"), (2, NEXT, "refresh")] for model in MODELS}


def test_each_day_was_published_once_by_the_fit_of_the_week_before(installation, weeks):
    published = "select model, as_of, version, status from ledger.publications order by model, as_of, publication_id"
    expected = [(model, day, 1, "live") for model in sorted(MODELS) for day in (FIRST, NEXT)]
    assert expected == installation.ask(published)


def test_the_alias_names_the_newest_champion_of_the_ledger(installation, weeks):
    moved = "select model, version, kind from ledger.promotions where status = 'applied' order by model, promotion_id"
    expected = [(model, *move) for model in sorted(MODELS) for move in ((1, "promote"), (2, "refresh"))]
    assert expected == installation.ask(moved)
    registry = Registry(installation.settings.mlflow_uri)
    assert dict.fromkeys(MODELS, 2) == {model: registry.get_champion(model) for model in MODELS}


def test_every_card_and_every_mail_was_delivered(installation, weeks, session_smtp_sink):
    assert [] == installation.ask("select * from ledger.deliveries where delivered_at is null")
    assert [] == installation.ask("select * from ledger.outbox where sent_at is null")
    told = ((FIRST, "decision"), (FIRST, "verdict"), (NEXT, "decision"))
    expected = sorted(f"<{model}.{day}.{event}@perennial.invalid>" for model in MODELS for day, event in told)
    sent = [str(message["Message-ID"]) for message in session_smtp_sink.messages]
    assert expected == sorted(each for each in sent if each[1:].startswith(MODELS))


def test_nothing_that_passes_between_tasks_names_a_place_on_a_disk(installation, weeks):
    scaled = installation.scaled
    metadata = Database(scaled.addresses.database_url("airflow", METADATA), "test")
    with metadata.transaction() as session:
        xcom = session.execute(text("select * from xcom")).all()
    metadata.dispose()
    tables = "select table_schema || '.' || quote_ident(table_name) from information_schema.tables where table_schema = 'ledger'"
    rows = [str(row) for (table,) in installation.ask(tables) for row in installation.ask(f"select * from {table}")]
    assert len(xcom) > 0 < len(rows)
    assert [] == [row for row in (*map(str, xcom), *rows) if str(scaled.folder) in row]
