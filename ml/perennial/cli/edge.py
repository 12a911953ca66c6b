"""Where a shell meets the platform: the clock, the settings, the user's name, and how results are shown."""

from __future__ import annotations

import getpass
import importlib.metadata
import json
import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from perennial import local
from perennial.config import Settings, load_declaration
from perennial.errors import ConfigError, PerennialError, WarehouseUnavailable
from perennial.records import Purpose, Run, write_amount

if TYPE_CHECKING:
    from perennial.pipeline import Stores

FAULT, USAGE, REFUSED = 1, 2, 3
WHOLE_WORDS = (20, 12, 8)
"""Words of a table up to so many characters are not broken: the first of these that a terminal has room for."""
GAP = 2  # between the columns of a table

app = typer.Typer(
    name="perennial",
    help="Batch retraining of tabular models on PostgreSQL.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ModelName = Annotated[str, typer.Argument(help="The name of a file in models/.", show_default=False)]
AsOf = Annotated[datetime, typer.Option("--as-of", formats=["%Y-%m-%d"], help="The day to pretend it is.", show_default=False)]
FirstDay = Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day.", show_default=False)]
LastDay = Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="The last day.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print data for programs.")]
Simulate = Annotated[bool, typer.Option("--simulate", help="The clock stands at start(as_of) + settle, not at the wall's time.")]


def show_version(wanted: bool) -> None:
    """Print the release, and end."""
    if wanted:
        typer.echo(f"perennial {importlib.metadata.version('perennial')}")
        raise typer.Exit


@app.callback()
def read_options(
    _version: Annotated[bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the release.")] = False,
) -> None:
    """Batch retraining of tabular models on PostgreSQL."""


def prepare_process() -> None:
    """Quiet what third-party libraries say to nobody, and make sure that LightGBM finds its OpenMP."""
    local.ensure_openmp()
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    warnings.simplefilter("ignore")


def read_clock() -> datetime:
    """The wall's time: the only place where a shell command learns it."""
    return datetime.now(UTC)


def read_today(settings: Settings, model: str) -> date:
    """Today's date where the model lives."""
    return read_clock().astimezone(load_declaration(settings.home, model).model.zone).date()


def find_settings() -> Settings:
    """`PERENNIAL_*` when set, else the embedded stack that runs here."""
    if os.environ.get("PERENNIAL_WAREHOUSE_URL"):
        return Settings.from_environment()
    settings = local.find_settings()
    if settings is None:
        raise ConfigError(
            "No warehouse: start the embedded stack with `perennial up`, or set PERENNIAL_WAREHOUSE_URL and PERENNIAL_MLFLOW_URI."
        )
    return settings


@contextmanager
def open_stores(*, delivers: bool = False) -> Iterator[Stores]:
    """The stores of the installation that this shell points at.

    Args:
        delivers: the command does work: at its end MLflow is told what waits for it, cards and verdicts, after a refusal too.

    Raises:
        ConfigError: there is none, or OTEL_* variables name an exporter that is none.
        MigrationConflict: its ledger and this program do not fit together.
        WarehouseUnavailable: PostgreSQL does not answer.
    """
    from perennial import pipeline  # noqa: PLC0415 - imports every heavy library; `perennial --help` must not
    from perennial.stores import telemetry  # noqa: PLC0415 - as above

    telemetry.begin_exporting()
    with pipeline.open_checked_stores(find_settings()) as stores:
        try:
            yield stores
        except PerennialError:  # what was done before a refusal stands
            if delivers:
                with suppress(WarehouseUnavailable):
                    pipeline.deliver_to_registry(stores)
            raise
        if delivers:
            pipeline.deliver_to_registry(stores)


def build_run(settings: Settings, model: str, as_of: date, *, simulate: bool) -> Run:
    """One run of this shell's user."""
    declared = load_declaration(settings.home, model).model
    purpose: Purpose = "simulation" if simulate else "live"
    clock = declared.known_until(as_of) if simulate else read_clock()
    return Run(model=model, as_of=as_of, clock=clock, purpose=purpose, actor=getpass.getuser())


def show(facts: Mapping[str, object], *, as_json: bool) -> None:
    """Print one result: a line for each fact, or JSON."""
    if as_json:
        typer.echo(json.dumps(facts, default=str))
        return
    console = Console(highlight=False)
    for name, value in facts.items():
        console.print(Text.assemble((name.replace("_", " "), "bold"), f"  {value}"), soft_wrap=True)


def show_table(rows: Sequence[Mapping[str, object]], *, as_json: bool, empty: str = "Nothing.") -> None:
    """Print a table, or JSON Lines."""
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row, default=str))
        return
    if not rows:
        typer.echo(empty)
        return
    console = Console(highlight=False)
    table = Table(box=box.SIMPLE, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name, width in zip(rows[0], _choose_widths(rows, console.width), strict=True):
        table.add_column(name.replace("_", " "), width=width)
    for row in rows:
        table.add_row(*(Text(_write(value)) for value in row.values()))
    console.print(table)


def _choose_widths(rows: Sequence[Mapping[str, object]], room: int) -> list[int | None]:
    """The width of each column, words whole as far as the terminal has room; None leaves it to rich, which breaks them."""
    columns = [[name.replace("_", " "), *(_write(row[name]) for row in rows)] for name in rows[0]]
    wanted = [max(map(len, cells)) for cells in columns]
    room -= GAP * (len(columns) - 1)
    for whole in WHOLE_WORDS:
        least = [_measure_longest(cells, whole) for cells in columns]
        if sum(least) <= room:
            return list(_share(room, least, wanted))
    return [None for _ in columns]


def _measure_longest(cells: Sequence[str], whole: int) -> int:
    return max([1, *(len(word) for cell in cells for word in cell.split() if len(word) <= whole)])


def _share(room: int, least: Sequence[int], wanted: Sequence[int]) -> Iterator[int]:
    """What is left beyond the least goes to each column by what it wants beyond its own."""
    more = sum(wanted) - sum(least)
    left = min(room - sum(least), more)
    for low, high in zip(least, wanted, strict=True):
        yield low + ((high - low) * left // more if more else 0)


def _write(value: object) -> str:
    """A value in a table, whose columns are narrow: four digits of a number, an instant to the minute in UTC."""
    match value:
        case None:
            return ""
        case float():
            return write_amount(value)
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"
        case other:
            return str(other)


def fail(message: str, code: int) -> NoReturn:
    """Say what was wrong on stderr and end with the code."""
    Console(stderr=True, highlight=False).print(message, style="red" if code == FAULT else "yellow", markup=False, soft_wrap=True)
    sys.exit(code)
