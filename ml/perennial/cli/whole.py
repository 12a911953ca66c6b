"""`perennial check --all`: what must hold of the whole installation, a line for each rule."""

from __future__ import annotations

import json

import typer

from perennial import local
from perennial.cli.edge import FAULT, open_stores, read_clock


def check_whole(*, everything: bool, as_json: bool) -> None:
    """Print a line for every invariant, below it what does not hold and what to do; exits 1 where there is something."""
    from perennial import invariants  # noqa: PLC0415 - imports every heavy library; `perennial --help` must not

    broken = 0
    with open_stores() as stores:
        places = invariants.Places(local.find_log_folders(), local.find_secrets(stores.settings))
        for checked in invariants.check_installation(stores, read_clock(), places, everything=everything):
            broken += len(checked.answer.findings)
            typer.echo(json.dumps(checked.facts(), default=str) if as_json else checked.write())
    if broken:
        raise typer.Exit(FAULT)
