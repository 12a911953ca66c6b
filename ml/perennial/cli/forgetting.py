"""`perennial forget`, for whoever has a right to be forgotten."""

from __future__ import annotations

import getpass
import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from perennial.cli.edge import AsJson, ModelName, app, open_stores, read_clock, show
from perennial.errors import NothingToDo

if TYPE_CHECKING:
    from perennial.records.erasures import Erasure

Entity = Annotated[str, typer.Argument(help="Its key, as entity_id has it.", show_default=False)]
Why = Annotated[str, typer.Option("--reason", help="Why, without naming anybody; kept in the ledger.", show_default=False)]
Only = Annotated[bool, typer.Option("--only", help="In this model alone, not in all whose entity has the same key.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would go, and delete nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask; needed where nobody can answer.")]


@app.command(rich_help_panel="People")
def forget(
    model: ModelName,
    entity: Entity,
    reason: Why,
    *,
    only: Only = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Erase an entity from everything that the platform keeps in the warehouse, for good.

    The model says which key is meant; all models of the home whose entity has the same key are searched. Your own tables are
    left alone: what to run there is printed.
    """
    from perennial.pipeline import forgetting  # noqa: PLC0415 - imports every heavy library; `perennial --help` must not

    if not (dry_run or yes or sys.stdin.isatty()):
        raise typer.BadParameter("Nobody can be asked here: give --yes to erase, or --dry-run to see what would go.")
    with open_stores() as stores:
        subject = forgetting.find_subject(stores, model, entity, only=only)
        erase = partial(forgetting.forget, stores, subject, reason=reason, actor=getpass.getuser(), clock=read_clock())
        erasure = erase(dry_run=True)
        if not (dry_run or yes):
            show(_describe(erasure, is_done=False), as_json=False)
            typer.confirm("Erase this for good?", abort=True)
        if not dry_run:
            erasure = erase()
    show(_describe(erasure, is_done=not dry_run), as_json=as_json)
    if erasure.is_empty:
        raise NothingToDo(f"{', '.join(erasure.models)}: no row of ours holds it.")


def _describe(erasure: Erasure, *, is_done: bool) -> dict[str, object]:
    """Rows by table, the versions that had learned from them with their runs, and what is left to whoever asked."""
    rows = {("erased from " if is_done else "would go from ") + name: count for name, count in erasure.rows.items()}
    learned = {
        f"{model} had learned from it in": ", ".join(f"version {version}" for version in versions)
        for model, versions in erasure.versions.items()
    }
    runs = {f"their runs in MLflow, {model}": ", ".join(found) for model, found in erasure.runs.items()}
    others = {
        f"not searched: {model}": "entity.key is of another type there; forget it there too" for model in erasure.unsearched
    }
    yours = {f"yours: {each.table}": each.statement for each in erasure.elsewhere if each.rows != 0}
    return {"models": ", ".join(erasure.models), **rows, **learned, **runs, **others, **yours}
