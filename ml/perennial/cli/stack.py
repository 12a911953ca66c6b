"""The embedded stack from a shell: up, down, status, and the demo."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Annotated

import typer

from perennial import local
from perennial.cli.edge import FAULT, AsJson, app, build_run, find_settings, open_stores, read_today, show_table
from perennial.config import Settings, model_names, require_extra
from perennial.config.smtp import read_smtp
from perennial.errors import PerennialError
from perennial.local.workers import check_workers
from perennial.records import Run

PANEL = "Embedded stack"
EVERYTHING = ",".join(local.SERVICES)


Only = Annotated[
    str,
    typer.Option(
        "--only",
        metavar="NAMES",
        help="Services to start, with commas between them: "
        + ", ".join(local.SERVICES)
        + ". What they need comes along: everything short of Airflow works with postgres,mlflow.",
        show_default=False,
    ),
]


@app.command(rich_help_panel=PANEL)
def up(only: Only = EVERYTHING) -> None:
    """Start PostgreSQL, MLflow, Airflow and a mail sink on this machine, and stay until `perennial down`.

    It starts what is missing and waits until all is healthy. What fails fails alone: the rest stays up, `perennial status`
    says why, and `perennial up` tries the missing again.

    Every wait has a limit that stretches with how slow the machine shows itself: at the start, and by its load while it
    waits. PERENNIAL_PATIENCE multiplies all limits: PERENNIAL_PATIENCE=3 perennial up.
    """
    local.require_linux("`perennial up`")
    require_extra("local", "`perennial up`")
    smtp = read_smtp() if os.environ.get("PERENNIAL_SMTP_HOST") else None
    stack, progress = local.Stack(local.find_var(), mail_server=smtp), local.Progress()
    try:
        started = stack.up(progress.say, progress.show, only=[name.strip() for name in only.split(",") if name.strip()])
    finally:
        progress.clear()
    typer.echo("The stack is up." if started else "The stack is up already.")
    for line in _describe_places(stack):
        typer.echo(line)


def _describe_places(stack: local.Stack) -> Iterator[str]:
    """Where what was asked for is found."""
    wanted, addresses = stack.record.wanted if stack.record else (), stack.addresses
    if "airflow" in wanted:
        user, password = stack.login
        yield f"Airflow   {addresses.airflow_url}   login {user} / {password}"
    if "mlflow" in wanted:
        user, password = addresses.mlflow_login
        yield f"MLflow    {addresses.mlflow_url}   login {user} / {password}"
    if "postgres" in wanted:
        yield f"Tables    {addresses.client_url('loader')}   role loader writes them into the schema source"
        yield f"Views     {addresses.client_url('analyst')}   role analyst reads the schema analytics"
    if "mail" in wanted:
        yield f"Mail      {addresses.mail_folder}/*.eml"


@app.command(rich_help_panel=PANEL)
def down() -> None:
    """Stop every server of the embedded stack; its data stay."""
    local.require_linux("`perennial down`")
    typer.echo("The stack is down." if local.Stack(local.find_var()).down() else "Nothing was running.")


@app.command(rich_help_panel=PANEL)
def status(as_json: AsJson = False) -> None:
    """Show every server of the embedded stack; exits 1 when one that was asked for is not healthy."""
    servers = local.Stack(local.find_var()).status()
    rows = [{"server": s.name, "state": s.state, "pid": s.pid or "", "address": s.address, "why": s.note} for s in servers]
    show_table(rows, as_json=as_json)
    if not all(server.is_well for server in servers):
        raise typer.Exit(FAULT)


@app.command(rich_help_panel=PANEL)
def doctor(as_json: AsJson = False) -> None:
    """Look at every component, name what is wrong or was lost, and say how to repair it; changes nothing."""
    settings = find_settings()
    more, unwanted = (check_workers, lambda: _look_at_dask(settings), _find_lost_days), local.find_unwanted(settings)
    findings = local.diagnose(settings, local.find_airflow(settings), more, unwanted=unwanted)
    rows = [{"component": f.component, "well": "yes" if f.is_well else "NO", "found": f.found, "fix": f.fix} for f in findings]
    show_table(rows, as_json=as_json)
    if not all(finding.is_well for finding in findings):
        raise typer.Exit(FAULT)


def _look_at_dask(settings: Settings) -> tuple[local.Finding, ...]:
    from perennial.local.dask_workers import check_dask  # noqa: PLC0415 - it loads what fits models

    return check_dask(settings)


def _find_lost_days() -> tuple[local.Finding, ...]:
    from perennial import operate  # noqa: PLC0415 - imports every heavy library

    try:
        with open_stores() as stores:
            lost = [
                day
                for name in model_names(stores.settings.home)
                for day in operate.find_lost(stores, _run_today(stores.settings, name))
            ]
    except PerennialError as error:
        fix = "Repair first what is named above."
        return (local.Finding("days", is_well=False, found=f"cannot be read: {error}", fix=fix),)
    if not lost:
        return (local.Finding("days", is_well=True, found="No day was lost."),)
    return tuple(
        local.Finding(
            "days", is_well=False, found=f"{day.model} {day.as_of}: no {day.missing}", fix=f"perennial reconcile {day.model}"
        )
        for day in lost
    )


def _run_today(settings: Settings, model: str) -> Run:
    return build_run(settings, model, read_today(settings, model), simulate=False)


@app.command(rich_help_panel=PANEL)
def demo(
    exit_at_end: Annotated[
        bool, typer.Option("--exit", envvar="DEMO_EXIT", help="Stop at the end; the exit code says whether all went well.")
    ] = False,
) -> None:
    """Live six weeks of real purchases through Airflow, with two planted events, and look back on them."""
    local.require_linux("`perennial demo`")
    require_extra("demo", "`perennial demo`")
    from perennial.demo import run_demo  # noqa: PLC0415 - imports every heavy library; `perennial --help` must not

    raise typer.Exit(run_demo(local.find_var() / "demo", exit_at_end=exit_at_end))
