"""One command for each stage: `perennial <stage> <model> --as-of D`, the same functions that Airflow runs."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated

import typer

from perennial.cli.edge import AsJson, AsOf, ModelName, Simulate, app, build_run, open_stores, show
from perennial.cli.searching import show_search
from perennial.records import Choice, Decision, Run

PANEL = "Stages"
PLAIN_STAGES = {
    "refresh": "Photograph the source as of a day into a snapshot.",
    "validate": "Put a snapshot before its Great Expectations suites.",
    "refit": "Fit the champion's recipe on the newest as_ofs that may teach, and let that fit serve.",
    "train": "Look for a challenger: search a recipe on matured snapshots, and fit it.",
    "compare": "Assess every recipe under test against the champion's, by what their fits served or would have.",
    "score": "Score a snapshot with the champion and publish the day.",
    "monitor": "Measure drift and matured outcomes.",
    "decide": "Decide on a retraining: TRAIN, SKIP or BLOCK.",
}
"""Every stage that takes a day and nothing else, with its help."""


def add_stage(stage: str, description: str) -> None:
    """Make one function of `perennial.pipeline` a command."""

    @app.command(stage, help=description, rich_help_panel=PANEL)
    def run_stage(model: ModelName, as_of: AsOf, simulate: Simulate = False, as_json: AsJson = False) -> None:
        from perennial import pipeline  # noqa: PLC0415 - imports every heavy library; `perennial --help` must not

        with open_stores(delivers=True) as stores:
            run = build_run(stores.settings, model, as_of.date(), simulate=simulate)
            with show_search(stores, model) if stage == "train" else nullcontext():
                done = pipeline.STAGES[stage](stores, run)
            show(pipeline.describe(done), as_json=as_json)
        if isinstance(done, Decision) and done.choice is Choice.TRAIN:
            typer.echo(f"A shell wakes no DAG: `perennial reconcile {_repeat(run)}` starts the training.", err=True)


def _repeat(run: Run) -> str:
    """The model, day and clock of a run, as arguments of another command."""
    return f"{run.model} --as-of {run.as_of}" + (" --simulate" if run.purpose == "simulation" else "")


@app.command(rich_help_panel=PANEL)
def report(
    model: ModelName,
    as_of: AsOf,
    all_columns: Annotated[bool, typer.Option("--all", help="Draw every column, not the ones that moved most.")] = False,
    simulate: Simulate = False,
    as_json: AsJson = False,
) -> None:
    """Draw Evidently's page of a day's drift check."""
    from perennial import pipeline  # noqa: PLC0415 - as above

    with open_stores() as stores:
        run = build_run(stores.settings, model, as_of.date(), simulate=simulate)
        show(pipeline.describe(pipeline.report(stores, run, all_columns=all_columns)), as_json=as_json)


for name, text in PLAIN_STAGES.items():
    add_stage(name, text)
