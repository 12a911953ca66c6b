"""A home from a shell: make one, bring it to a newer version, check it, load its tables, look at its scores."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from perennial import local
from perennial.cli.edge import FAULT, AsJson, ModelName, app, build_run, open_stores, read_clock, read_today, show_table
from perennial.cli.whole import check_whole
from perennial.config import find_home, load_declaration
from perennial.errors import ConfigError

if TYPE_CHECKING:
    from perennial.stores.sessions import Database

PANEL = "Home"


Script = Annotated[
    Path, typer.Argument(help="A file of SQL, such as tests/models/churn.sql.", exists=True, dir_okay=False, show_default=False)
]


@app.command(rich_help_panel=PANEL)
def init(folder: Annotated[Path, typer.Argument(help="A folder that is new, or holds no home yet.", show_default=False)]) -> None:
    """Make a home for your models: its folders, one example model that runs, a Makefile, containers, and CI."""
    from perennial import homes  # noqa: PLC0415 - keeps `perennial --help` quick

    written = homes.make_home(folder)
    typer.echo(f"{folder} holds {len(written)} new files. README.md says what to do with them; begin with:\n")
    typer.echo(f"  cd {folder}\n  make demo     # the example: its tables, a first champion, two weeks, scores")


@app.command(rich_help_panel=PANEL)
def upgrade(
    write: Annotated[
        bool, typer.Option("--write", help="Write new versions: in place where you changed nothing, else beside your file.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Name what changed in the files that `perennial init` wrote, since the version that wrote them."""
    from perennial import homes  # noqa: PLC0415 - as above

    home = find_home()
    if not as_json:
        typer.echo(f"{home}: {homes.describe_versions(home)}.")
    plan = homes.plan_upgrade(home)
    rows = [{"file": one.path, "state": one.state.value, "next": one.say()} for one in plan if one.is_news or as_json]
    show_table(rows, as_json=as_json, empty="Nothing is new.")
    if write:
        for place in homes.write_upgrade(home, plan):
            typer.echo(f"wrote {place}")


@app.command(rich_help_panel=PANEL)
def grants(model: ModelName) -> None:
    """Print what the owner of the source tables must run, as SQL, so that this program may read them; it changes nothing."""
    from perennial.stores import warehouse  # noqa: PLC0415 - as above

    declared = load_declaration(find_home(), model).model
    with open_stores() as stores, stores.warehouse.transaction() as session:
        for name, source in declared.sources.items():
            found = warehouse.list_grants(session, name, source)
            for grant in found:
                typer.echo(grant.statement + ("  -- is given already" if grant.is_given else ""))
            if not found:
                typer.echo(f"-- [sources.{name}]: there is no table {source.table or f'source.{name}'} in this database")


@app.command(rich_help_panel=PANEL)
def capture(model: ModelName, as_json: AsJson = False) -> None:
    """Photograph the sources with times = "captured" as they stand now; every live refresh does so, too."""
    from perennial import pipeline  # noqa: PLC0415 - as above

    with open_stores() as stores:
        run = build_run(stores.settings, model, read_today(stores.settings, model), simulate=False)
        captured = [asdict(one) for one in pipeline.capture(stores, run)]
        show_table(captured, as_json=as_json, empty=f'{model} has no source with times = "captured".')


@app.command(rich_help_panel=PANEL)
def check(
    models: Annotated[list[str] | None, typer.Argument(help="Names of files in models/; else all of them.")] = None,
    tables: Annotated[
        Literal["drawn", "real"] | None,
        typer.Option(
            help="drawn: what tests/models/<name>.sql makes in a PostgreSQL of its own; real: those of the warehouse. Else drawn "
            "where there is such a file.",
            show_default=False,
        ),
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            "--as-of",
            formats=["%Y-%m-%d"],
            help="Of real tables: the day to look at; else the newest whose labels have matured.",
            show_default=False,
        ),
    ] = None,
    *,
    whole: Annotated[
        bool,
        typer.Option("--all", help="The whole installation instead: everything that must hold at any time; changes nothing."),
    ] = False,
    everything: Annotated[
        bool, typer.Option("--everything", help="With --all: every publication, snapshot and log, not a share of the older ones.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Test the models of this home, on tables drawn for it or those of the warehouse; with --all, the whole installation."""
    if whole or everything:
        if models or tables or as_of or not whole:
            raise ConfigError("`perennial check --all` takes --everything and --json, and no model: it looks at all of them.")
        check_whole(everything=everything, as_json=as_json)
        return
    from perennial import homes  # noqa: PLC0415 - as above

    installation = homes.Installation(_open_warehouse, read_clock(), as_of.date() if as_of else None)
    faults = 0
    for checked in homes.check_home(find_home(), models or (), installation=installation, which=tables):
        faults += bool(checked.fault)
        if as_json:
            show_table([asdict(checked)], as_json=True)
        else:
            typer.echo(f"{checked.sign:<8}{checked.subject}: {checked.rule}")
            for said in (checked.found, checked.advice, checked.fault):
                typer.echo(f"        {said}") if said else None
    if faults:
        raise typer.Exit(FAULT)


@contextmanager
def _open_warehouse() -> Iterator[Database]:
    with open_stores() as stores:
        yield stores.warehouse


@app.command(rich_help_panel=PANEL)
def load(script: Script) -> None:
    """Run a script as role loader, in one transaction: it makes and fills tables of the schema source."""
    from perennial.stores.warehouse.scripts import run_source_script  # noqa: PLC0415 - as above

    run_source_script(_find_loader_url(), script.read_text(encoding="utf-8"), name=str(script))
    typer.echo(f"{script} is loaded.")


@app.command(rich_help_panel=PANEL)
def scores(
    model: ModelName,
    limit: Annotated[int, typer.Option("--limit", min=1, help="So many rows.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Show the highest of the newest scores, with reasons, or why there are none; `analytics.<model>_scores_latest` has all."""
    from perennial.pipeline.waiting import explain_silence  # noqa: PLC0415 - as above
    from perennial.stores import analytics  # noqa: PLC0415 - as above
    from perennial.tasks import task_of  # noqa: PLC0415 - as above

    declared = load_declaration(find_home(), model).model
    name, key = declared.name, [column.name for column in declared.entity.columns]
    with open_stores() as stores:
        rows = analytics.read_scores(stores.warehouse, name, limit)
        if not rows and not as_json:
            run = build_run(stores.settings, name, read_today(stores.settings, name), simulate=False)
            typer.echo(f"No scores yet. {explain_silence(stores, run)}")
            return
    if rows and not as_json:
        typer.echo(f"{name}, as_of {rows[0]['as_of']}:")
    beside = [column for column, each in task_of(declared).published.items() if each.type == "text"]
    show_table(rows if as_json else [_shorten(row, key, beside) for row in rows], as_json=as_json)


def _shorten(row: Mapping[str, object], key: list[str], beside: list[str]) -> dict[str, object]:
    """One score as it fits on a narrow screen."""
    reasons = [str(row[column]) for column in ("reason_1", "reason_2", "reason_3") if row[column]]
    entity = " / ".join(str(row[column]) for column in key)
    said = {column: row[column] for column in beside}
    return {"rank": row["rank"], "entity": entity, **said, "score": f"{row['score']:.3f}", "because": ", ".join(reasons)}


def _find_loader_url() -> str:
    """PERENNIAL_LOADER_URL, else role loader of the embedded stack that runs here.

    Raises:
        ConfigError: there is neither.
    """
    url = os.environ.get("PERENNIAL_LOADER_URL") or local.find_warehouse_url("loader")
    if not url:
        raise ConfigError("No warehouse to load into: start the embedded stack with `perennial up`, or set PERENNIAL_LOADER_URL.")
    return url
