"""Opens a world of `worlds/` in a fresh warehouse."""

from __future__ import annotations

import pytest

from perennial import cli
from perennial.stores.sessions import Database
from tests.cases.harness import Case, find_file, make_home
from tests.shell import Shell
from tests.world import short_pages


@pytest.fixture(scope="module", autouse=True)
def pages():
    with short_pages():
        yield


@pytest.fixture
def open_case(warehouse_urls, tmp_path, capsys, monkeypatch, request):
    """A function that opens a world; one with `mlflow=True` can train."""
    databases = [Database(warehouse_urls.superuser, "test"), Database(warehouse_urls.loader, "test")]
    monkeypatch.setattr(cli, "prepare_process", lambda: None)  # it would quiet the warnings of this process for good

    def open_it(world: str, *, mlflow: bool = False) -> Case:
        case = Case(Shell(None, capsys, monkeypatch), make_home(tmp_path / "home", world), *databases)
        environment = {
            "WAREHOUSE_URL": warehouse_urls.pipeline,
            "OWNER_URL": warehouse_urls.owner,
            "MLFLOW_URI": request.getfixturevalue("mlflow_server") if mlflow else "http://127.0.0.1:1",
            "HOME": str(case.home),
            "ARTIFACTS": str(tmp_path / "artifacts"),
            "TRIALS": "1",
        }
        for name, value in environment.items():
            monkeypatch.setenv(f"PERENNIAL_{name}", value)
        case.load(find_file(world, "tables.sql").read_text(encoding="utf-8"))
        return case

    yield open_it
    for database in databases:
        database.dispose()
