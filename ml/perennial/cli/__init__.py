"""The command `perennial`: every stage and every operation from a shell.

Exit codes: 0 done, 1 a fault, 2 wrong usage, 3 refused by a gate.
"""

from __future__ import annotations

from importlib import import_module

import typer

from perennial.cli.edge import FAULT, REFUSED, USAGE, app, fail, prepare_process
from perennial.errors import ConfigError, PerennialError, Refused

__all__ = ["app", "load_commands", "main"]
COMMANDS = (
    "backups",
    "canaries",
    "exporting",
    "forgetting",
    "history",
    "homes",
    "keys",
    "new",
    "operations",
    "people",
    "planning",
    "purging",
    "serving",
    "stack",
    "stages",
    "watching",
)


def load_commands() -> typer.Typer:
    """The app with every command: a module registers its own when it is imported."""
    for name in COMMANDS:
        import_module(f"perennial.cli.{name}")
    return app


def main() -> None:
    """Run the command; an error of ours is one message and an exit code, never a traceback."""
    prepare_process()
    try:
        load_commands()()
    except ConfigError as error:
        fail(str(error), USAGE)
    except Refused as error:
        fail(str(error), REFUSED)
    except PerennialError as error:
        fail(str(error), FAULT)
