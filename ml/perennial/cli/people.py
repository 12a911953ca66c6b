"""What people decide from a shell: approve or reject a challenger, admit or reject an as_of, promote by verdict or by force."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

import typer

from perennial.cli.edge import AsJson, AsOf, ModelName, Simulate, app, build_run, open_stores, read_today, show
from perennial.records import ApprovalAnswer, Level

PANEL = "People"

Asked = Annotated[int | None, typer.Argument(help="The version asked about; else the question that is open.", show_default=False)]
Matured = Annotated[
    datetime, typer.Option("--as-of", formats=["%Y-%m-%d"], help="The day whose labels shall teach.", show_default=False)
]
Why = Annotated[str, typer.Option("--reason", help="Why; kept in the ledger.", show_default=False)]
Reason = Annotated[str | None, typer.Option("--reason", help="Why; kept in the ledger.", show_default=False)]


@app.command(rich_help_panel=PANEL)
def approve(model: ModelName, version: Asked = None, reason: Reason = None, as_json: AsJson = False) -> None:
    """Say yes to a challenger that waits for a person, and make it champion."""
    _answer(model, version, "approve", reason, as_json=as_json)


@app.command(rich_help_panel=PANEL)
def accept(
    model: ModelName,
    as_of: Annotated[
        datetime, typer.Option("--as-of", formats=["%Y-%m-%d"], help="The day that was stopped.", show_default=False)
    ],
    check: Annotated[
        Level, typer.Option("--check", help="What stopped it: rows (the band) or shift (the mean score).", show_default=False)
    ],
    reason: Why,
    as_json: AsJson = False,
) -> None:
    """Accept a new level for good: the number of rows, or the mean score, for which a day was stopped.

    From that day on days are compared with what was found then and later. The stage that was stopped can run again.
    """
    from perennial import pipeline  # noqa: PLC0415 - imports every heavy library; `perennial --help` must not
    from perennial.pipeline import accepting  # noqa: PLC0415 - as above

    with open_stores() as stores:
        run = build_run(stores.settings, model, as_of.date(), simulate=False)
        show(pipeline.describe(accepting.accept(stores, run, check, reason=reason)), as_json=as_json)


@app.command(rich_help_panel=PANEL)
def admit(model: ModelName, as_of: Matured, reason: Why, as_json: AsJson = False) -> None:
    """Let an as_of that rests teach from the next training on."""
    _decide_on_day(model, as_of.date(), "admit", reason, as_json=as_json)


@app.command(rich_help_panel=PANEL)
def reject(
    model: ModelName,
    version: Asked = None,
    *,
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", formats=["%Y-%m-%d"], help="Not a challenger, but this day: its labels never teach."),
    ] = None,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Say no to a challenger that waits for a person, or, with --as-of, to the labels of a day.

    One word for both, because a person says no to either in the same way, and --as-of tells them apart: no challenger is
    ever named by a day. A no to a day needs a reason, for nothing else in the ledger says why.
    """
    if as_of is None:
        _answer(model, version, "reject", reason, as_json=as_json)
        return
    if version is not None:
        raise typer.BadParameter("Give a version, or the day whose labels shall not teach, not both.")
    if not (reason or "").strip():
        raise typer.BadParameter('--as-of needs --reason "...": the ledger keeps why the labels of the day never teach.')
    _decide_on_day(model, as_of.date(), "reject", reason or "", as_json=as_json)


def _decide_on_day(model: str, as_of: date, decision: Literal["admit", "reject"], reason: str, *, as_json: bool) -> None:
    from perennial import pipeline  # noqa: PLC0415 - imports every heavy library; `perennial --help` must not
    from perennial.pipeline import admitting  # noqa: PLC0415 - as above

    with open_stores() as stores:
        run = admitting.place(stores, build_run(stores.settings, model, as_of, simulate=False))
        decide = {"admit": admitting.admit, "reject": admitting.reject}[decision]
        show(pipeline.describe(decide(stores, run, reason=reason)), as_json=as_json)


def _answer(model: str, version: int | None, decision: ApprovalAnswer, reason: str | None, *, as_json: bool) -> None:
    from perennial import pipeline  # noqa: PLC0415 - imports every heavy library; `perennial --help` must not
    from perennial.pipeline import approving, waiting  # noqa: PLC0415 - as above

    with open_stores(delivers=True) as stores:
        question = approving.find_question(stores, model, version=version)
        wall = build_run(stores.settings, model, question.as_of, simulate=False)
        run = approving.place(wall, question)
        answered = approving.answer(
            stores, run, question.question_id, decision=decision, actor=run.actor, source="shell", remark=reason
        )
        record = approving.carry_out(stores, run, question.question_id) if decision == "approve" else answered
        left = waiting.say_what_is_left(stores, question) if decision == "approve" else None
        show(pipeline.describe(record) | ({"next": left} if left else {}), as_json=as_json)


@app.command(rich_help_panel=PANEL)
def challenge(
    model: ModelName,
    as_of: AsOf,
    algorithm: Annotated[
        str,
        typer.Option("--algorithm", help="xgboost, lightgbm, logistic (of amounts ridge) or single_feature.", show_default=False),
    ],
    reason: Why,
    chosen: Annotated[
        list[str] | None, typer.Option("--set", help="A parameter, NAME=VALUE, once for each; the others as by default.")
    ] = None,
    *,
    simulate: Simulate = False,
    as_json: AsJson = False,
) -> None:
    """Enter a recipe that you wrote: fit it, and compare it with the champion's on the last as_ofs at once."""
    from perennial import pipeline  # noqa: PLC0415 - as above
    from perennial.tasks import task_of  # noqa: PLC0415 - as above
    from perennial.train import write_recipe  # noqa: PLC0415 - as above

    settings = dict(_read_setting(setting) for setting in chosen or ())
    with open_stores(delivers=True) as stores:
        linear = task_of(stores.declaration(model).model).fitting.linear
        recipe = write_recipe(algorithm, settings, linear=linear)
        run = build_run(stores.settings, model, as_of.date(), simulate=simulate)
        show(pipeline.describe(pipeline.challenge(stores, run, recipe=recipe, reason=reason)), as_json=as_json)
        show(pipeline.describe(pipeline.compare(stores, run)), as_json=as_json)


def _read_setting(text: str) -> tuple[str, float | str]:
    name, _, value = text.partition("=")
    if not value.strip():
        raise typer.BadParameter(f"--set {text}: write NAME=VALUE, such as --set learning_rate=0.05.")
    try:
        return name.strip(), float(value)
    except ValueError:
        return name.strip(), value.strip()


@app.command(rich_help_panel=PANEL)
def unpin(
    model: ModelName,
    reason: Why,
    as_of: Annotated[
        datetime | None, typer.Option("--as-of", formats=["%Y-%m-%d"], help="The day that it is, in a simulation; today.")
    ] = None,
    *,
    simulate: Simulate = False,
    as_json: AsJson = False,
) -> None:
    """Let later fits serve again after a rollback, or after the alias was moved by hand."""
    from perennial import pipeline  # noqa: PLC0415 - as above

    with open_stores() as stores:
        day = as_of.date() if as_of else read_today(stores.settings, model)
        run = build_run(stores.settings, model, day, simulate=simulate)
        show(pipeline.describe(pipeline.unpin(stores, run, reason=reason)), as_json=as_json)


@app.command(rich_help_panel="Stages")
def promote(
    model: ModelName,
    version: Annotated[int | None, typer.Argument(help="With --force: the version to promote.", show_default=False)] = None,
    *,
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", formats=["%Y-%m-%d"], help="The day whose verdict counts; with --force the day, today."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Promote a version without a verdict; its files must pass.")] = False,
    reason: Reason = None,
    simulate: Simulate = False,
    as_json: AsJson = False,
) -> None:
    """Make the best challenger of a day champion when its verdict says PROMOTE, or any version by force.

    Where a person decides, it asks and ends with 0: a question is not a refusal.
    """
    from perennial import pipeline  # noqa: PLC0415 - as above
    from perennial.pipeline import approving  # noqa: PLC0415 - as above

    _check_usage(version, as_of, reason, force=force)
    with open_stores(delivers=True) as stores:
        day = as_of.date() if as_of else read_today(stores.settings, model)
        run = build_run(stores.settings, model, day, simulate=simulate)
        if version is not None and reason is not None:
            record: object = approving.force(stores, run, version, reason=reason)
        else:
            record = pipeline.promote(stores, run)
        show(pipeline.describe(record), as_json=as_json)


def _check_usage(version: int | None, as_of: datetime | None, reason: str | None, *, force: bool) -> None:
    if force and version is None:
        raise typer.BadParameter(
            "--force needs the version to promote: `perennial promote <model> <version> --force --reason ...`."
        )
    if force and not (reason or "").strip():
        raise typer.BadParameter('--force needs --reason "...": the ledger keeps why no verdict was asked for.')
    if not force and (version is not None or reason is not None):
        raise typer.BadParameter("A version and a reason go with --force; without it the verdict of --as-of decides.")
    if not force and as_of is None:
        raise typer.BadParameter("Give the day whose verdict counts: --as-of YYYY-MM-DD.")
