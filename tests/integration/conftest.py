"""The small world: built once, up to its first scored day, and copied for each test that lives on from there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import make_url

from perennial import cli, operate, pipeline
from perennial.config import Settings
from perennial.demo.data import load_tables
from perennial.stores.sessions import Database
from tests.contenders import Contenders
from tests.shell import Shell
from tests.world import (
    BACKFILLED_TO,
    FIRST_AS_OF,
    FIRST_DAY,
    MODEL,
    QUICK,
    World,
    copy_home,
    forget_trainings,
    prepare_households,
    short_pages,
)

BACKFILLED, LIVED, SUMMER = "template_backfilled", "template_lived", "template_summer"
_COUNTER = count(1)


@pytest.fixture(scope="module", autouse=True)
def pages() -> Iterator[None]:
    """Short ones; a test that looks at a whole page says so."""
    with short_pages():
        yield


@pytest.fixture(scope="session")
def open_world(postgres, mlflow_server, tmp_path_factory):
    """Opens the world that lives in a database, with files of its own."""

    @contextmanager
    def open_it(database: str, home: Path | None = None) -> Iterator[World]:
        folder = tmp_path_factory.mktemp("world")
        settings = Settings(
            warehouse_url=postgres.url(database, "pipeline"),
            owner_url=postgres.url(database, "owner"),
            mlflow_uri=mlflow_server,
            home=home or copy_home(folder / "home", QUICK),
            artifacts=folder / "artifacts",
            trials=1,
            airflow_public_url="https://airflow.example.com",
        )
        superuser = Database(postgres.server.url(database, "postgres"), "test")
        with pipeline.open_stores(settings) as stores:
            yield World(stores, superuser, postgres.url(database, "loader"))
        superuser.dispose()

    return open_it


@pytest.fixture(scope="session")
def backfilled(postgres, migrated_template, open_world) -> str:
    """The database of a world with its history, and no champion yet."""
    postgres.make(BACKFILLED, template=migrated_template)
    load_tables(postgres.url(BACKFILLED, "loader"), prepare_households())
    with open_world(BACKFILLED) as world:
        operate.sync(world.stores, MODEL)
        assert 11 == len(list(operate.backfill(world.stores, MODEL, FIRST_AS_OF, BACKFILLED_TO)))
    return BACKFILLED


@pytest.fixture(scope="session")
def first_day(postgres, backfilled, open_world) -> str:
    """The database of a world whose first champion has scored 2017-06-12; two notices wait."""
    postgres.make(LIVED, template=backfilled)
    with open_world(LIVED) as world, short_pages():
        world.live(FIRST_DAY)
    return LIVED


@pytest.fixture(scope="session")
def copy_world(postgres, open_world, first_day):
    """Opens a copy of a world; the registry forgets what other tests trained."""

    @contextmanager
    def copy_it(template: str = first_day) -> Iterator[World]:
        name = f"world_{next(_COUNTER)}"
        postgres.make(name, template=template)
        with open_world(name) as opened:
            forget_trainings(opened)
            yield opened
        postgres.drop(name)

    return copy_it


@pytest.fixture
def world(copy_world) -> Iterator[World]:
    """A copy of the world after its first day."""
    with copy_world() as opened:
        yield opened


@pytest.fixture(scope="session")
def summer(postgres, copy_world) -> str:
    """The database of the world with snapshots up to 07-24; 06-12 and 06-19 were published, the others would have been."""
    with copy_world() as world:
        list(operate.backfill(world.stores, MODEL, date(2017, 6, 19), date(2017, 7, 24)))
        pipeline.score(world.stores, world.run("2017-06-19"))
        postgres.make(SUMMER, template=make_url(world.settings.warehouse_url).database)
    return SUMMER


@pytest.fixture
def in_summer(copy_world, summer) -> Iterator[World]:
    """A copy of the world in which there is something to compare a matured as_of with."""
    with copy_world(summer) as opened:
        yield opened


@pytest.fixture
def contenders(world) -> Contenders:
    """The world with challengers to ask about."""
    return Contenders(world, world.ask_one("select version from ledger.promotions"))


@pytest.fixture
def shell(capsys, monkeypatch) -> Shell:
    monkeypatch.setattr(cli, "prepare_process", lambda: None)  # it would quiet the warnings of this process for good
    return Shell(None, capsys, monkeypatch)


@pytest.fixture
def inside(shell, world, smtp_sink) -> Shell:
    settings = world.settings
    environment = {
        "PERENNIAL_WAREHOUSE_URL": settings.warehouse_url,
        "PERENNIAL_OWNER_URL": settings.owner_url,
        "PERENNIAL_MLFLOW_URI": settings.mlflow_uri,
        "PERENNIAL_HOME": str(settings.home),
        "PERENNIAL_ARTIFACTS": str(settings.artifacts),
        "PERENNIAL_SMTP_HOST": smtp_sink.settings.host,
        "PERENNIAL_SMTP_PORT": str(smtp_sink.settings.port),
        "PERENNIAL_TRIALS": "1",
    }
    for name, value in environment.items():
        shell.patch.setenv(name, value)
    shell.world = world
    return shell
