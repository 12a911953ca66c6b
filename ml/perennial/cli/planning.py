"""`perennial plan`: what the files of this home would change, before they are merged."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from perennial.cli.edge import REFUSED, AsJson, app, open_stores, show_table

PANEL = "Home"


@app.command(rich_help_panel=PANEL)
def plan(
    models: Annotated[list[str] | None, typer.Argument(help="Names of files in models/; else all of them.")] = None,
    days: Annotated[
        int, typer.Option("--days", min=0, help="So many days of each model are built, compared and rolled back.")
    ] = 3,
    form: Annotated[
        Literal["table", "markdown"], typer.Option("--format", help="markdown: for a comment of a pull request.")
    ] = "table",
    *,
    as_json: AsJson = False,
) -> None:
    """Say what the files of this home would change in the warehouse: what is built anew, who still scores, which values differ.

    Nothing is written, and nobody waits. Ends with 3 where something would break.
    """
    from perennial.homes import planning  # noqa: PLC0415 - imports every heavy library; `perennial --help` must not

    plans = []
    with open_stores() as stores:
        for found in planning.plan_home(stores, models or (), days=days):
            plans.append(found)
            if as_json:
                show_table([found.facts()], as_json=True)
            elif form == "table":
                typer.echo(f"{found.model}: {found.verdict}\n")
                show_table(planning.list_items(found), as_json=False)
                show_table(planning.list_columns(found), as_json=False, empty="")
    if form == "markdown" and not as_json:
        typer.echo(planning.write_markdown(plans))
    if any(found.breaks for found in plans):
        raise typer.Exit(REFUSED)
