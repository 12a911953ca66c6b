"""`perennial purge`: what a model keeps no longer."""

from __future__ import annotations

import getpass
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from perennial import local
from perennial.cli.edge import AsJson, app, find_settings, open_stores, read_clock, show_table
from perennial.config import model_names

if TYPE_CHECKING:
    from perennial.records.purges import Purged, PurgeItem

Name = Annotated[str | None, typer.Argument(help="The name of a file in models/; all of them without it.", show_default=False)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would go, and delete nothing.")]


@app.command(rich_help_panel="Operations")
def purge(model: Name = None, *, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Delete what is older than the table `retention` of the model file keeps it, and needed by nothing.

    One line for what goes of each kind, and one for each reason for which older things stay. Ages count from the newest run
    of the model. What went stands in ledger.purges.
    """
    from perennial.pipeline import purging  # noqa: PLC0415 - imports every heavy library; `perennial --help` must not

    rows: list[dict[str, object]] = []
    with open_stores() as stores:
        names = (model,) if model else model_names(find_settings().home)
        for name in names:
            logs = local.find_log_folders()
            purged = purging.purge(stores, name, read_clock(), actor=getpass.getuser(), dry_run=dry_run, logs=logs)
            rows += _describe(purged, dry_run=dry_run)
    show_table(rows, as_json=as_json, empty="Nothing is older than it is kept.")


def _describe(purged: Purged, *, dry_run: bool) -> Iterator[dict[str, object]]:
    """One row for what goes of each kind, then one for each reason to stay: things, rows, bytes, the oldest day."""
    groups: defaultdict[tuple[str, str], list[PurgeItem]] = defaultdict(list)
    for item in (*purged.gone, *purged.kept):
        groups[item.kind, item.why or ""].append(item)
    for (kind, why), items in sorted(groups.items()):
        yield {
            "model": purged.model,
            "kind": kind,
            "things": len(items),
            "rows": sum(item.rows for item in items),
            "bytes": sum(item.bytes for item in items),
            "oldest": min(item.as_of for item in items),
            "what becomes of it": f"stays: {why}" if why else "would go" if dry_run else "gone",
        }
