"""`perennial backup` and `perennial restore`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from perennial import local
from perennial.cli.edge import AsJson, app, read_clock, show
from perennial.config import find_home
from perennial.errors import NoHome

PANEL = "Operations"
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the backup.", show_default=False)]
NoSource = Annotated[bool, typer.Option("--without-source", help="Leave out the rows of the schema source, which are yours.")]


@app.command(rich_help_panel=PANEL)
def backup(folder: Folder, *, without_source: NoSource = False, as_json: AsJson = False) -> None:
    """Write warehouse, MLflow's database and MLflow's files, at one consistent point, into a new folder; nothing has to stop."""
    from perennial import backup as backups  # noqa: PLC0415 - imports SQLAlchemy; `perennial --help` must not

    places = backups.find_places(local.find_parts())
    home = None
    with suppress(NoHome):  # what is backed up needs none
        home = find_home()
    manifest = backups.make_backup(places, folder, read_clock(), with_source=not without_source, home=home)
    size = sum(part.size for part in manifest.parts.values())
    facts = {"backup": str(folder), "bytes": size, "ledger": manifest.migration, "rows": sum(manifest.rows.values())}
    show({**facts, "commit of the home": manifest.home_commit}, as_json=as_json)


@app.command(rich_help_panel=PANEL)
def restore(folder: Folder, *, as_json: AsJson = False) -> None:
    """Make an empty installation what a backup holds; one that is not empty is refused.

    Of the embedded stack only PostgreSQL may run: `perennial up --only postgres`. Afterwards start the rest,
    and run `perennial reconcile MODEL` for every model.
    """
    from perennial import backup as backups  # noqa: PLC0415 - as above

    manifest = backups.restore_backup(backups.find_places(local.find_parts()), folder)
    facts = {"restored": str(folder), "made at": manifest.made_at, "ledger": manifest.migration}
    facts["commit of the home"] = manifest.home_commit
    show({**facts, "rows": sum(manifest.rows.values()), "next": "perennial reconcile MODEL"}, as_json=as_json)
