"""The exported feature_repo in a real Feast, in an environment of its own: applied, materialised and read back.

`make exits` runs it; not `make test`, for Feast wants another pandas and half a gigabyte of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from perennial import operate, pipeline
from perennial.config import Settings
from perennial.demo.data import load_tables
from perennial.export import Wish, export
from perennial.records import Run
from perennial.stores.sessions import Database
from tests.paths import ROOT
from tests.world import MODEL, QUICK, copy_home, prepare_households

ENVIRONMENT = ROOT / ".exits" / "feast"  # kept between runs; CI caches it
UV = Path(sys.executable).parent / "uv"
DAYS = (date(2017, 5, 29), date(2017, 5, 30), date(2017, 5, 31), date(2017, 6, 2))  # none on 06-01
NEVER_VALID = date(2017, 5, 31)
PASSWORD = "of a throw-away server: #1"
SECOND = timedelta(seconds=1)


def run(command, folder, **options):
    done = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def stores(postgres, migrated_template, tmp_path_factory):
    """A warehouse with the snapshots of some days; one of them has not passed its suites."""
    folder = tmp_path_factory.mktemp("feast")
    postgres.make("feast_world", template=migrated_template)
    load_tables(postgres.url("feast_world", "loader"), prepare_households())
    settings = Settings(
        warehouse_url=postgres.url("feast_world", "pipeline"),
        owner_url=postgres.url("feast_world", "owner"),
        mlflow_uri="http://127.0.0.1:9",  # nobody asks it
        home=copy_home(folder / "home", QUICK),
        artifacts=folder / "artifacts",
    )
    with pipeline.open_stores(settings) as opened:
        operate.sync(opened, MODEL)
        model = opened.declaration(MODEL).model
        for day in DAYS:
            clock = model.known_until(day)
            pipeline.refresh(opened, Run(MODEL, day, clock, "simulation", actor="tester"))
            pipeline.validate(opened, Run(MODEL, day, clock, "simulation", actor="tester"))
        postgres.server.run_sql(
            "feast_world", f"update ledger.snapshots set status = 'invalid' where as_of = '{NEVER_VALID}' and kind = 'features';"
        )
        yield opened
    postgres.drop("feast_world")


@pytest.fixture(scope="module")
def repository(stores, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "lapse"
    export(stores, Wish(MODEL, "feast", datetime.fromisoformat("2017-06-02T12:00+00:00")), folder)
    return folder


@pytest.fixture(scope="module")
def feast(repository):
    """The bin folder of an environment with what requirements.txt names."""
    wanted = (repository / "requirements.txt").read_text(encoding="utf-8")
    stamp = ENVIRONMENT / "installed"
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
        run([sys.executable, "-m", "venv", "--clear", "--without-pip", ENVIRONMENT], ROOT)
        run([UV, "pip", "install", "--system-certs", "-p", ENVIRONMENT, "-r", repository / "requirements.txt"], ROOT)
        stamp.write_text(wanted, encoding="utf-8")
    return ENVIRONMENT / "bin"


@pytest.fixture(scope="module")
def environment(postgres, stores, repository):
    """The variables that the repository reads; its role is made as rights.sql says."""
    postgres.server.run_sql("feast_world", (repository / "rights.sql").read_text(encoding="utf-8"))
    postgres.server.run_sql("feast_world", f"alter role feast password '{PASSWORD}';")
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PERENNIAL_", "PYTHON", "VIRTUAL"))}
    yield own | {
        "PGHOST": "127.0.0.1",
        "PGPORT": str(postgres.server.port),
        "PGDATABASE": "feast_world",
        "PGUSER": "feast",
        "PGPASSWORD": PASSWORD,
        "PGSSLMODE": "prefer",
        "FEAST_USAGE": "False",
    }
    postgres.server.run_sql("feast_world", "drop owned by feast; drop role feast;")


@pytest.fixture(scope="module")
def table(postgres):
    """Rows of features.lapse by (as_of, entity), in the order of its columns, doubles with every bit."""
    database = Database(postgres.server.url("feast_world", "postgres"), "test")
    with database.transaction() as session:
        rows = session.exec_driver_sql('select * from features."lapse"').mappings().all()
    database.dispose()
    names = [name for name in rows[0] if name not in ("as_of", "entity_id")]
    written = {(row["as_of"], row["entity_id"]): [write(row[name]) for name in names] for row in rows}
    return names, written


def write(value):
    return value.hex() if isinstance(value, float) else value


@pytest.fixture(scope="module")
def answer(feast, repository, environment, stores, table):
    """Applied, the newest snapshot materialised, and asked: about every entity at instants around those of the snapshots."""
    names, rows = table
    model = stores.declaration(MODEL).model
    run([feast / "feast", "apply"], repository, env=environment)
    newest = model.known_until(DAYS[-1]).strftime("%Y-%m-%dT%H:%M:%S")
    run([feast / "feast", "materialize", newest, newest], repository, env=environment)
    entities = sorted({entity for _, entity in rows})
    instants = [model.known_until(day) + after for day in DAYS for after in (-SECOND, timedelta(0), timedelta(hours=12))]
    asked = [(entity, instant) for instant in instants for entity in entities]
    question = {
        "key": "household_id",
        "features": [f"{MODEL}:{name}" for name in ("snapshot_as_of", *names)],
        "history": [(entity, instant.isoformat()) for entity, instant in asked],
        "online": entities,
    }
    program = Path(__file__).with_name("ask_feast.py")
    said = run([feast / "python", program], repository, env=environment, input=json.dumps(question))
    found = json.loads(said.splitlines()[-1])
    return dict(zip(asked, found["history"], strict=True)), dict(zip(entities, found["online"], strict=True))


def expect(rows, names, day, entity):
    row = None if day is None else rows.get((day, entity))
    return [None] * (1 + len(names)) if row is None else [str(day), *row]


def test_a_join_at_the_instant_of_a_snapshot_gives_its_rows_to_the_bit_and_nothing_for_who_is_not_in_it(answer, table, stores):
    history, _ = answer
    names, rows = table
    model = stores.declaration(MODEL).model
    valid = [day for day in DAYS if day != NEVER_VALID]
    asked = [(model.known_until(day), day, entity) for day in valid for (_, entity) in sorted(rows)]
    assert [history[entity, at] for at, _, entity in asked] == [expect(rows, names, day, entity) for _, day, entity in asked]
    assert len({entity for _, entity in rows}) > sum(day == DAYS[0] for day, _ in rows) > 100


@pytest.mark.parametrize(
    ("day", "after", "found"),
    [
        (DAYS[1], -SECOND, DAYS[0]),  # a moment before a snapshot is known its forerunner stands
        (DAYS[1], timedelta(hours=12), DAYS[1]),
        (DAYS[0], -SECOND, None),
        (NEVER_VALID, -SECOND, DAYS[1]),
        (NEVER_VALID, timedelta(0), None),  # it has not passed its suites, and the one before has served its day
        (DAYS[3], -SECOND, None),  # nobody built the day before
    ],
)
def test_no_later_snapshot_is_found_and_none_that_is_older_than_a_day(day, after, found, *, answer, table, stores):
    history, _ = answer
    names, rows = table
    at = stores.declaration(MODEL).model.known_until(day) + after
    said = {entity: row for (entity, instant), row in history.items() if instant == at}
    assert said == {entity: expect(rows, names, found, entity) for entity in said}
    assert len(said) > 100


def test_online_values_are_those_of_the_newest_snapshot_to_the_bit(answer, table):
    _, online = answer
    names, rows = table
    assert online == {entity: expect(rows, names, DAYS[-1], entity) for entity in online}
    assert len(online) > 100
