"""Notices about canaries: one began, one is better, one is over."""

from __future__ import annotations

from perennial.records import Interval, Notice, Run
from perennial.records.canaries import ArmFigures, Canary, EndKind, FiguresOfArms

HEADS = {"stopped": "STOPPED", "harm": "HARM", "ended": "ENDED"}


def write_start(run: Run, canary: Canary, share: str) -> Notice:
    """The mail about a canary that began."""
    return Notice(
        model=run.model,
        as_of=run.as_of,
        event=f"canary_{canary.canary_id}_start",
        headline=f"CANARY: recipe {canary.challenger_recipe} acts on {share}",
        summary=(
            f"{canary.actor} lets recipe {canary.challenger_recipe}, under test against recipe {canary.champion_recipe}, "
            f"act on {share}. Who they are follows from a hash of the entity, so that they stay the same."
        ),
        moved=(),
        system_did=(
            f"Drew {canary.alpha:.5f} from the account of errors.",
            "Compares both arms whenever labels mature, and stops the canary by itself on harm.",
        ),
        you_must=(f"To end it: `perennial canary stop {run.model}`.",),
    )


def write_better(run: Run, canary: Canary, said: str, approval: str) -> Notice:
    """The mail about a canary whose gain lies above its boundary: the gate acts on it with its next comparison."""
    name = run.model
    earned = "if its gain reaches the floor, and nothing that must not be harmed speaks against it"
    follows = {
        "auto": f"The next comparison promotes it {earned}.",
        "manual": f"The next comparison asks you to promote it {earned}.",
    }.get(approval, 'promotion.approval = "never": nobody is promoted by itself.')
    return Notice(
        model=name,
        as_of=run.as_of,
        event=f"canary_{canary.canary_id}_better",
        headline=f"CANARY: recipe {canary.challenger_recipe} is better on what was served",
        summary=" ".join((said, *say_arms(canary.arms))),
        moved=(),
        system_did=("Left the canary as it is until then.", follows),
        you_must=(f"`perennial canary show {name}` shows both arms.",),
    )


def write_end(run: Run, canary: Canary, kind: EndKind, reason: str) -> Notice:
    """The mail about a canary that is over."""
    return Notice(
        model=run.model,
        as_of=run.as_of,
        event=f"canary_{canary.canary_id}_end",
        headline=f"CANARY {HEADS[kind]}: the champion scores everybody again",
        summary=" ".join(
            (
                f"The canary of recipe {canary.challenger_recipe}, which began for {canary.started_for}, is over. {reason}",
                *say_arms(canary.arms),
            )
        ),
        moved=(),
        system_did=("Ended it in one transaction: whatever is scored from now on is scored by the champion.",),
        you_must=() if kind != "harm" else (f"Read what `perennial canary show {run.model}` says before another one starts.",),
    )


def say_arms(arms: FiguresOfArms | None) -> tuple[str, ...]:
    """What either arm came to, a sentence each; none before the first look."""
    if arms is None:
        return ()
    return tuple(
        f"{name}: {say_figures(figures)}." for name, figures in (("Its arm", arms.canary), ("The champion's", arms.champion))
    )


def say_figures(figures: ArmFigures) -> str:
    """`622 rows, rate 0.2413 [0.2011, 0.2815], value 3.1 [2.4, 3.8]`, of what is defined."""
    named = (("headline", figures.headline), ("rate", figures.rate), ("value", figures.value))
    said = (f"{name} {say_interval(interval)}" for name, interval in named if interval is not None)
    return ", ".join((f"{figures.rows:,} rows", *said))


def say_interval(interval: Interval) -> str:
    """As people read it: `0.2413 [0.2011, 0.2815]`."""
    return f"{interval.estimate:.4g} [{interval.low:.4g}, {interval.high:.4g}]"
