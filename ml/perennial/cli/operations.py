"""Commands over several days and for people: set-up, history, first champion, replay, rollback, lost days, cards, mail."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perennial.cli.edge import (
    FAULT,
    AsJson,
    AsOf,
    FirstDay,
    LastDay,
    ModelName,
    Simulate,
    app,
    build_run,
    find_settings,
    open_stores,
    read_today,
    show,
    show_table,
)
from perennial.cli.searching import show_search
from perennial.config import find_home, load_declaration, model_names
from perennial.errors import ConfigError

if TYPE_CHECKING:
    from perennial.operate import Week

PANEL = "Operations"


@app.command(rich_help_panel=PANEL)
def models(as_json: AsJson = False) -> None:
    """List the declared models; of one that is not in order, what is wrong with it."""
    home = find_home()
    rows = [_describe_model(home, name) for name in model_names(home)]
    is_faulty = any(row["fault"] for row in rows)
    if not is_faulty and not as_json:
        rows = [{key: value for key, value in row.items() if key != "fault"} for row in rows]
    show_table(rows, as_json=as_json, empty="No file in models/.")
    if is_faulty:
        raise typer.Exit(FAULT)


def _describe_model(home: Path, name: str) -> dict[str, str]:
    try:
        model = load_declaration(home, name).model
    except ConfigError as error:
        return {"model": name, "description": "", "owner": "", "refresh": "", "fault": str(error)}
    known = {"description": model.description, "owner": model.owner, "refresh": model.schedule.refresh}
    return {"model": name, **known, "fault": ""}


@app.command(rich_help_panel=PANEL)
def migrate(
    sql: Annotated[bool, typer.Option("--sql", help="Print the migrations for a DBA instead of running them.")] = False,
    install_sql: Annotated[
        bool, typer.Option("--install-sql", help="Print what a superuser runs once before, with psql: roles and databases.")
    ] = False,
    rights_sql: Annotated[
        bool, typer.Option("--rights-sql", help="Print what a superuser runs in a warehouse of another name, or an older one.")
    ] = False,
) -> None:
    """Bring the tables that Perennial owns up to date; needs PERENNIAL_OWNER_URL and no superuser."""
    from perennial.stores import warehouse  # noqa: PLC0415 - keeps `perennial --help` quick

    if rights_sql:
        typer.echo(warehouse.render_rights())
        return
    if install_sql:
        typer.echo(warehouse.render_install())
        return
    if sql:
        typer.echo(warehouse.render_migrations())
        return
    settings = find_settings()
    if not settings.owner_url:
        raise ConfigError("PERENNIAL_OWNER_URL is not set: migrations run as the role owner.")
    applied = warehouse.migrate(settings.owner_url)
    typer.echo("\n".join(f"applied {name}" for name in applied) or "Everything is up to date.")


@app.command(rich_help_panel=PANEL)
def sync(model: ModelName) -> None:
    """Make or alter the tables and views of a model."""
    from perennial import operate  # noqa: PLC0415 - keeps `perennial --help` quick

    with open_stores() as stores:
        typer.echo("\n".join(operate.sync(stores, model)) or "Everything is up to date.")


@app.command(rich_help_panel=PANEL)
def backfill(model: ModelName, first: FirstDay, last: LastDay, as_json: AsJson = False) -> None:
    """Build and validate the past snapshots that training needs."""
    from perennial import operate  # noqa: PLC0415 - as above

    with open_stores() as stores:
        operate.check_days(stores, model, first.date(), last.date())
        built = list(_show_each(operate.backfill(stores, model, first.date(), last.date()), as_json=as_json))
    _report_left_out(built)


@app.command(rich_help_panel=PANEL)
def bootstrap(model: ModelName, as_of: AsOf, simulate: Simulate = False, as_json: AsJson = False) -> None:
    """Make the first champion: backfill, train, promote.

    Where a person decides, it asks, names the command that answers, and ends with 0: a question is not a refusal.
    """
    from perennial import operate  # noqa: PLC0415 - as above

    with open_stores(delivers=True) as stores:
        today = read_today(stores.settings, model)
        if as_of.date() < today and not simulate:
            raise typer.BadParameter(
                f"{as_of:%Y-%m-%d} is over: with --simulate the clock stands on that day and knows nothing later; "
                f"without it name today, {today}.",
                param_hint="--as-of",
            )
        run = build_run(stores.settings, model, as_of.date(), simulate=simulate)
        with show_search(stores, model) as speak:
            made = list(_show_each(operate.bootstrap(stores, run), as_json=as_json, speak=speak))
    _report_left_out(made)
    if not as_json:
        _report_question(made)


def _show_each(
    records: Iterable[object], *, as_json: bool, speak: Callable[[], AbstractContextManager[None]] = nullcontext
) -> Iterator[object]:
    """Show each record as it comes: a day in one line, and a reason that was shown just before not again."""
    from perennial import operate, pipeline  # noqa: PLC0415 - as above
    from perennial.records import Snapshot  # noqa: PLC0415 - as above

    because: object = None
    for record in records:
        facts = record.facts() if isinstance(record, operate.LeftOut) else pipeline.describe(record)
        if not as_json and because is not None and facts.get("because") == because:
            facts.pop("because")
        because = facts.get("because", because)
        with speak():
            if as_json or not isinstance(record, operate.LeftOut | Snapshot):
                show(facts, as_json=as_json)
            else:
                typer.echo("  ".join(f"{name.replace('_', ' ')} {facts[name]}" for name in facts if name != "checksum"))
        yield record


def _report_question(records: Sequence[object]) -> None:
    """The last word: what waits for whom."""
    from perennial.records import ApprovalQuestion  # noqa: PLC0415 - as above

    for record in records:
        if isinstance(record, ApprovalQuestion) and record.status == "open":
            typer.echo(f"\nNo version serves before a person has answered: {record.commands}.")


def _report_left_out(records: Sequence[object]) -> None:
    """Name the days that were left out, once more at the end."""
    from perennial import operate  # noqa: PLC0415 - as above

    days = [str(record.as_of) for record in records if isinstance(record, operate.LeftOut)]
    if days:
        typer.echo(f"Left out, for their suites stopped them: {', '.join(days)}. Repair them and build them again.", err=True)


@app.command(rich_help_panel=PANEL)
def replay(model: ModelName, first: FirstDay, last: LastDay, as_json: AsJson = False) -> None:
    """Live the as_ofs that teach from one day to another in this process, without Airflow; each is told as it is lived.

    The table at the end knows what has come true meanwhile: of a newer as_of it says when its labels mature.
    """
    from perennial import operate  # noqa: PLC0415 - as above

    with open_stores(delivers=True) as stores:
        operate.check_days(stores, model, first.date(), last.date())
        lived = []
        for week in operate.replay(stores, model, first.date(), last.date()):
            typer.echo(_tell(week), err=True)
            lived.append(week.as_of)
        show_table([operate.remember(stores, model, as_of).facts() for as_of in lived], as_json=as_json)


def _tell(week: Week) -> str:
    """One as_of as soon as it was lived."""
    published = "nothing was published" if week.rows is None else f"{week.rows} scores by version {week.version}"
    return f"{week.as_of}: {'; '.join(filter(None, (published, week.decision)))}"


@app.command(rich_help_panel=PANEL)
def rollback(
    model: ModelName,
    to: Annotated[int | None, typer.Option("--to", help="A former champion's version; else the newest earlier fit.")] = None,
    *,
    recipe: Annotated[bool, typer.Option("--recipe", help="Back to the recipe that served before, by its newest fit.")] = False,
    as_of: Annotated[
        datetime | None, typer.Option("--as-of", formats=["%Y-%m-%d"], help="The day that it is, in a simulation; today.")
    ] = None,
    simulate: Simulate = False,
    as_json: AsJson = False,
) -> None:
    """Put a former champion back; the next scoring uses it, and nothing is refreshed until `perennial unpin`."""
    from perennial import pipeline  # noqa: PLC0415 - as above

    if recipe and to is not None:
        raise typer.BadParameter("Give --to or --recipe, not both.")
    with open_stores(delivers=True) as stores:
        day = as_of.date() if as_of else read_today(stores.settings, model)
        run = build_run(stores.settings, model, day, simulate=simulate)
        show(pipeline.describe(pipeline.rollback(stores, run, to=to, recipe=recipe)), as_json=as_json)


@app.command(rich_help_panel=PANEL)
def reconcile(
    model: ModelName,
    as_of: Annotated[
        datetime | None, typer.Option("--as-of", formats=["%Y-%m-%d"], help="The last day to look at; today.")
    ] = None,
    start: Annotated[bool, typer.Option(help="Run what is missing, in this process.")] = True,
    simulate: Simulate = False,
    as_json: AsJson = False,
) -> None:
    """Name the days that were lost, settle the alias, and start what is missing; exits 1 when one of these fails."""
    from perennial import operate  # noqa: PLC0415 - as above

    with open_stores(delivers=True) as stores:
        last = as_of.date() if as_of else read_today(stores.settings, model)
        run = build_run(stores.settings, model, last, simulate=simulate)
        found = operate.reconcile(stores, run, start=start)
    show_table([lost.facts() for lost in found], as_json=as_json, empty="No day was lost.")
    if any(lost.has_failed for lost in found):
        raise typer.Exit(FAULT)


@app.command(rich_help_panel=PANEL)
def card(
    model: ModelName,
    version: Annotated[int | None, typer.Argument(help="A version; else the champion.", show_default=False)] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write the page to this file, too.")] = None,
) -> None:
    """Write the model card of a version again, keep it in MLflow, and print it as Markdown."""
    from perennial import card as cards  # noqa: PLC0415 - as above
    from perennial.pipeline.carding import write_card  # noqa: PLC0415 - as above

    with open_stores() as stores:
        run = build_run(stores.settings, model, read_today(stores.settings, model), simulate=False)
        written = write_card(stores, run, version)
    if html is not None:
        html.write_text(cards.render_html(written), encoding="utf-8")
    typer.echo(cards.render_markdown(written))


@app.command(rich_help_panel=PANEL)
def mail(as_json: AsJson = False) -> None:
    """Send the mail that waits, and tell MLflow what waits for it: model cards and verdicts."""
    from perennial import pipeline  # noqa: PLC0415 - as above

    with open_stores() as stores:
        show(pipeline.deliver(stores), as_json=as_json)
