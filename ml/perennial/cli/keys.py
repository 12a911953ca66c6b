"""What a model file may say, from a shell."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from perennial.cli.edge import AsJson, app
from perennial.config.keys import Key, list_keys
from perennial.errors import ConfigError

Part = Annotated[str, typer.Argument(help="A part of their names, such as promotion; else every key.", show_default=False)]
INDENT = 4


@app.command(rich_help_panel="Operations")
def keys(part: Part = "", as_json: AsJson = False) -> None:
    """Explain the keys of a model file: type, default and meaning of each."""
    found = [key for key in list_keys() if part in key.name]
    if not found:
        raise ConfigError(f"No key of a model file has '{part}' in its name; `perennial keys` lists them all.")
    console = Console(highlight=False)
    for key in found:
        if as_json:
            typer.echo(json.dumps(asdict(key)))
        else:
            console.print(Text.assemble((key.name, "bold"), f"  {_describe(key)}"))
            console.print(Padding(Text(key.description), (0, 0, 0, INDENT)))


def _describe(key: Key) -> str:
    if key.is_required:
        return f"{key.type}; required"
    return f"{key.type}; {key.default}" if key.default else key.type
