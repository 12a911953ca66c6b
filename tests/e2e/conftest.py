"""The demo's purchases in the warehouse of the stack; the same past in a database and an MLflow that Airflow does not know."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import text

from perennial import operate, pipeline
from perennial.demo.data import load_complete_journey
from perennial.local import Stack
from perennial.local.ports import find_free_port
from perennial.local.servers import make_mlflow
from perennial.local.services import make_postgres
from perennial.stores.sessions import Database
from tests.conftest import TRIALS, TestPostgres

MODELS = ("lapse", "spend_next_28d")
# Eight as_ofs to choose on, the embargo, four held out, and one week more.
HISTORY = (date(2017, 6, 19), date(2017, 10, 2))
COPY = "replayed"

Ask = Callable[[str, str], list[tuple]]


@pytest.fixture(scope="session")
def history(stack: Stack) -> None:
    """Past snapshots of both models in the stack's warehouse, and a copy of it all in a database of its own."""
    load_complete_journey(stack.environment()["PERENNIAL_LOADER_URL"])
    with warnings.catch_warnings(), pipeline.open_stores(stack.settings()) as stores:
        warnings.simplefilter("ignore")  # of libraries; unit tests of each stage are strict
        for model in MODELS:
            operate.sync(stores, model)
            list(operate.backfill(stores, model, *HISTORY))
    server = make_postgres(stack.addresses)
    server.ensure_database(COPY, "owner", guests=("loader", "pipeline", "analyst"), template="warehouse")


@pytest.fixture(scope="session")
def second_mlflow(postgres: TestPostgres, server_folder) -> Iterator[str]:
    """An MLflow that knows nothing of the life in Airflow, nor of other tests."""
    postgres.make("mlflow_replayed", owner="mlflow")
    port = find_free_port()
    server = make_mlflow(server_folder / "mlflow_replayed", port, backend_url=postgres.server.url("mlflow_replayed", "mlflow"))
    try:
        server.start(new_session=True)
        server.wait()
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()


@pytest.fixture(scope="session")
def replay(stack: Stack, history: None, second_mlflow: str, tmp_path_factory) -> Callable[..., list[operate.Week]]:
    """Lives the weeks of a model in this process, on the copy."""
    settings = replace(
        stack.settings(),
        warehouse_url=stack.addresses.database_url("pipeline", COPY),
        mlflow_uri=second_mlflow,
        artifacts=tmp_path_factory.mktemp("artifacts"),
        trials=TRIALS,
    )

    def live(model: str, first: date, last: date) -> list[operate.Week]:
        with warnings.catch_warnings(), pipeline.open_stores(settings) as stores:
            warnings.simplefilter("ignore")
            return list(operate.replay(stores, model, first, last))

    return live


@pytest.fixture(scope="session")
def ask(stack: Stack) -> Ask:
    """Rows of a query as the owner of a database reads them: the stack's `warehouse`, or the copy."""

    def read(database: str, query: str) -> list[tuple]:
        with Database(stack.addresses.database_url("owner", database)).transaction() as session:
            return [tuple(row) for row in session.execute(text(query))]

    return read
