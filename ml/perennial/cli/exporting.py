"""`perennial export`: a version, or snapshots, for systems that are not ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from perennial.cli.edge import AsJson, ModelName, app, open_stores, read_clock, show

Form = Annotated[
    Literal["native", "onnx", "feast"],
    typer.Option(
        "--format",
        help="native: the files, and a program that scores; onnx: a graph, if proven; feast: a feature_repo.",
        show_default=False,
    ),
]
Number = Annotated[int | None, typer.Option("--version", min=1, help="Of a version; the champion.", show_default=False)]
Into = Annotated[Path | None, typer.Option("--to", help="A new folder; MODEL-FORMAT.", show_default=False)]


@app.command(rich_help_panel="Operations")
def export(model: ModelName, form: Form, version: Number = None, to: Into = None, as_json: AsJson = False) -> None:
    """Write the champion, or the definitions of its snapshots, into a folder that needs nothing of Perennial."""
    from perennial import export as exports  # noqa: PLC0415 - imports every heavy library; `perennial --help` must not

    wish = exports.Wish(model, form, read_clock(), version)
    with open_stores() as stores:
        facts = exports.export(stores, wish, to or Path(f"{model}-{form}"))
    show(facts, as_json=as_json)
