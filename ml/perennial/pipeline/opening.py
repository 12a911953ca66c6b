"""The open stores of an installation, and the ledger's row about every attempt of a stage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import wraps
from typing import Concatenate, Literal, ParamSpec, TypeVar, cast

from perennial.config import Declaration, Settings, load_declaration
from perennial.errors import ConfigError, Refused, WarehouseUnavailable
from perennial.records import Run
from perennial.refresh import check_as_of
from perennial.stores import ledger, telemetry, warehouse
from perennial.stores.registry import Registry
from perennial.stores.sessions import Database, hold_lock

Result = TypeVar("Result")
Options = ParamSpec("Options")
Ending = Literal["ok", "failed", "refused"]
OF_AN_AS_OF = ("refresh", "validate", "score", "monitor", "decide", "report", "accept")
"""Stages whose as_of is a day of the grid; a training may come on any day."""


@dataclass(frozen=True)
class Stores:
    """What the stages of one installation read and write; `attempt` is the number in `ledger.runs` of the stage that does."""

    settings: Settings
    warehouse: Database
    registry: Registry
    attempt: int = 0

    def declaration(self, model: str) -> Declaration:
        return load_declaration(self.settings.home, model)


@contextmanager
def open_stores(settings: Settings) -> Iterator[Stores]:
    """The stores of an installation; nothing is contacted before it is needed."""
    database = Database(settings.warehouse_url, "perennial")
    try:
        yield Stores(settings, database, Registry(settings.mlflow_uri, settings.mlflow_public_url))
    finally:
        database.dispose()


@contextmanager
def open_checked_stores(settings: Settings) -> Iterator[Stores]:
    """The same, once the ledger is known to be of this program: whoever begins work of an installation comes in here.

    Raises:
        MigrationConflict: the ledger and this program do not fit together; nothing was done.
        WarehouseUnavailable: PostgreSQL does not answer.
    """
    with open_stores(settings) as stores:
        with stores.warehouse.transaction() as session:
            warehouse.check_ledger(session)
        yield stores


def recorded(
    function: Callable[Concatenate[Stores, Run, Options], Result], *, stage: str = ""
) -> Callable[Concatenate[Stores, Run, Options], Result]:
    """Keep one row of `ledger.runs` for every attempt, and hold its lock meanwhile: a row left at `running` without it died.

    `stage`: of which the function does a part, where it is no stage of its own.
    """
    stage = stage or function.__name__

    @wraps(function)
    def run_recorded(stores: Stores, run: Run, /, *options: Options.args, **named: Options.kwargs) -> Result:
        if stage in OF_AN_AS_OF:
            _check_as_of(stores, run)
        with telemetry.open_span(run, stage) as write_attempt, stores.warehouse.hold() as holder:
            with stores.warehouse.transaction() as session:
                run_id = ledger.start_run(session, run, stage)
                hold_lock(holder, *ledger.name_run(run_id))  # before anybody can see the row
            write_attempt(run_id)
            try:
                result = function(replace(stores, attempt=run_id), run, *options, **named)
            except BaseException as error:
                with suppress(WarehouseUnavailable):  # the stage's own error is the one to show
                    status: Ending = "refused" if isinstance(error, Refused) else "failed"
                    _finish(stores, run_id, status, str(error) or type(error).__name__)
                raise
            _finish(stores, run_id, "ok", None)
            return result

    return cast("Callable[Concatenate[Stores, Run, Options], Result]", run_recorded)


def _check_as_of(stores: Stores, run: Run) -> None:
    """Before anything is recorded of a day that is none; a file that cannot be read is the stage's to complain about."""
    with suppress(ConfigError):
        check_as_of(stores.declaration(run.model).model, run)


def _finish(stores: Stores, run_id: int, status: Ending, message: str | None) -> None:
    with stores.warehouse.transaction() as session:
        ledger.finish_run(session, run_id, status, message)
