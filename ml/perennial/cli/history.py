"""Who was champion when, and how it came about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import typer

from perennial.cli.edge import AsJson, ModelName, app, open_stores, read_clock, show, show_table
from perennial.config import find_home, load_declaration
from perennial.errors import ConfigError

PANEL = "History"

Instant = Annotated[
    str | None,
    typer.Option(
        "--at", help="ISO 8601, such as 2017-11-06T12:00+00:00; where no zone is given, the model's. Now.", show_default=False
    ),
]


@app.command(rich_help_panel=PANEL)
def champion(model: ModelName, at: Instant = None, as_json: AsJson = False) -> None:
    """Name the version that was champion at an instant, and why it was."""
    from perennial.pipeline.champion import find_movement  # noqa: PLC0415 - imports every heavy library

    instant = read_clock() if at is None else read_instant(model, at)
    with open_stores() as stores:
        movement = find_movement(stores, model, instant)
    facts = {
        "version": movement.version,
        "since": movement.effective_at,
        "before": movement.previous_version,
        "kind": movement.kind,
        "by": movement.actor,
        "because": movement.reason,
    }
    show(facts, as_json=as_json)


@app.command(rich_help_panel=PANEL)
def history(model: ModelName, as_json: AsJson = False) -> None:
    """List every movement of the champion, oldest first: those that were undone, and versions that rest, as well."""
    from perennial.pipeline.champion import find_resting, list_movements  # noqa: PLC0415 - as above

    with open_stores() as stores:
        movements, resting = list_movements(stores, model), find_resting(stores, model)
    rows: list[dict[str, object]] = [
        {
            "at": movement.effective_at,
            "version": movement.version,
            "before": movement.previous_version,
            "kind": movement.kind,
            "status": movement.status,
            "by": movement.actor,
            "because": movement.reason,
            "rests_until": resting.get(movement.version),
        }
        for movement in movements
    ]
    show_table(rows if as_json else [shorten(row) for row in rows], as_json=as_json, empty="There was no champion yet.")


def shorten(movement: Mapping[str, object]) -> dict[str, object]:
    """A movement for a narrow terminal: what is seldom so is said only where it is."""
    kind, status, rests = movement["kind"], movement["status"], movement["rests_until"]
    because = f"{movement['because']} It rests until {rests:%Y-%m-%d}." if rests else movement["because"]
    return {
        "at": movement["at"],
        "version": f"{movement['before']} > {movement['version']}" if movement["before"] else f"{movement['version']}",
        "kind": kind if status == "applied" else f"{kind}, {status}",
        "by": movement["by"],
        "because": because,
    }


def read_instant(model: str, text: str) -> datetime:
    """An instant as a person writes it; a bare day is its midnight, where the model lives.

    Raises:
        ConfigError: it is none.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"--at '{text}' is no instant in ISO 8601, such as 2017-11-06T12:00+00:00 or 2017-11-06.") from error
    if instant.tzinfo is None:
        return instant.replace(tzinfo=load_declaration(find_home(), model).model.zone)
    return instant
