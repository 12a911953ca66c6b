"""`perennial canary`: let a recipe under test act on a share, end that, and see what both arms came to."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from perennial.cli.edge import AsJson, ModelName, Simulate, app, build_run, open_stores, read_today, show, show_table
from perennial.config import Settings

if TYPE_CHECKING:
    from perennial.pipeline.canaries import CanaryStanding
    from perennial.records import Interval, Run
    from perennial.records.canaries import Canary, ServedArm
    from perennial.records.contests import Look
    from perennial.stores.ledger import ArmOfDay

Day = Annotated[
    datetime | None,
    typer.Option(
        "--as-of", formats=["%Y-%m-%d"], help="Its first day, or that of its end; today without it.", show_default=False
    ),
]
Reason = Annotated[str | None, typer.Option("--reason", help="Why; kept in the ledger.", show_default=False)]
Recipe = Annotated[int | None, typer.Option("--recipe", help="Which of several recipes under test.", show_default=False)]

FIGURES = ("headline", "rate", "value")

canary = typer.Typer(help="Let a recipe under test act on a share of the entities.", no_args_is_help=True)
app.add_typer(canary, name="canary", rich_help_panel="People")


@canary.command()
def start(
    model: ModelName,
    *,
    recipe: Recipe = None,
    as_of: Day = None,
    reason: Reason = None,
    simulate: Simulate = False,
    as_json: AsJson = False,
) -> None:
    """Let a recipe under test act on the share of `scoring.canary`, from this day on.

    Refused without a recipe under test, while another canary runs, or when the account of errors does not cover its test.
    """
    from perennial.pipeline import canaries  # noqa: PLC0415 - imports every heavy library; `perennial --help` must not

    with open_stores() as stores:
        run = build_run(stores.settings, model, _day(stores.settings, model, as_of), simulate=simulate)
        begun = canaries.start(stores, run, recipe=recipe, reason=reason)
        share = canaries.say_share(stores.declaration(model).model)
    facts = {"canary": begun.canary_id, "recipe": begun.challenger_recipe, "against": begun.champion_recipe, "acts_on": share}
    show({**facts, "salt": begun.salt, "alpha": begun.alpha, "since": begun.started_for}, as_json=as_json)


@canary.command()
def stop(
    model: ModelName, *, as_of: Day = None, reason: Reason = None, simulate: Simulate = False, as_json: AsJson = False
) -> None:
    """End the canary in one transaction, and publish the newest day by the champion alone."""
    from perennial.pipeline import canaries, scoring  # noqa: PLC0415 - as above

    with open_stores(delivers=True) as stores:
        run: Run = build_run(stores.settings, model, _day(stores.settings, model, as_of), simulate=simulate)
        running = canaries.find_stoppable(stores, model)
        published = scoring.stop_canary(stores, run, because=reason or f"{run.actor} stopped it.")
    again = "none: its newest day has no scores of the canary" if published is None else str(published.as_of)
    show({"canary": running.canary_id, "recipe": running.challenger_recipe, "published_again": again}, as_json=as_json)


@canary.command(name="show")
def show_canaries(model: ModelName, as_json: AsJson = False) -> None:
    """Show every canary: its arms, how many rows each was given, what came of them, its looks, and how it ended."""
    from perennial.pipeline import canaries  # noqa: PLC0415 - as above

    with open_stores() as stores:
        standings = canaries.list_standings(stores, model)
    if not standings:
        show_table([], as_json=as_json, empty=f"{model} has had no canary.")
    for place, each in enumerate(standings):
        if place and not as_json:
            typer.echo()
        show(_describe(each), as_json=as_json)  # not in columns: their thirteen fit no terminal


def _describe(standing: CanaryStanding) -> dict[str, object]:
    one = standing.canary
    days: set[date] = {arm.as_of for arm in standing.arms}
    return {
        "canary": one.canary_id,
        "recipes": f"{one.challenger_recipe} against {one.champion_recipe}",
        "since": one.started_for,
        "days": len(days),
        "arms": "canary / champion",
        "rows": " / ".join(str(_count(standing.arms, arm)) for arm in ("canary", "champion")),
        "requests": " / ".join(
            str(sum(each.rows for each in standing.served if each.arm == arm)) for arm in ("canary", "champion")
        ),
        "gain": _say_look(one.looks[-1]) if one.looks else "no look yet",
        "loss": _say_look(one.harm_looks[-1]) if one.harm_looks else "no look yet",
        **_describe_arms(one),
        "looks": f"{len(one.looks)} of {one.last_look}",
        "state": "runs" if one.ended is None else f"{one.ended}: {one.ended_because}",
    }


def _describe_arms(canary: Canary) -> dict[str, object]:
    """Headline, rate and value of the canary's arm and of the champion's, with their intervals."""
    if canary.arms is None:
        return dict.fromkeys(FIGURES, "no look yet")
    sides = canary.arms.canary, canary.arms.champion
    return {name: " / ".join(_say_figure(getattr(side, name)) for side in sides) for name in FIGURES}


def _say_figure(interval: Interval | None) -> str:
    return "-" if interval is None else f"{interval.estimate:.4g} [{interval.low:.4g}, {interval.high:.4g}]"


def _count(arms: tuple[ArmOfDay, ...] | tuple[ServedArm, ...], arm: str) -> int:
    return sum(each.rows for each in arms if each.arm == arm)


def _say_look(look: Look) -> str:
    """The estimate, and the lower bound that holds over all looks together."""
    return f"{look.estimate:+.4g}, at least {look.lower:+.4g}"


def _day(settings: Settings, model: str, as_of: datetime | None) -> date:
    return read_today(settings, model) if as_of is None else as_of.date()
