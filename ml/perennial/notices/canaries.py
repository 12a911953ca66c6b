"""Notices about canaries: one began, one is better, one is over."""

from __future__ import annotations

from perennial.records import Notice, Run
from perennial.records.canaries import Canary, EndKind

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


def write_better(run: Run, canary: Canary, said: str) -> Notice:
    """The mail about a canary whose gain lies above its boundary: whether it serves everybody is a person's to say."""
    return Notice(
        model=run.model,
        as_of=run.as_of,
        event=f"canary_{canary.canary_id}_better",
        headline=f"CANARY: recipe {canary.challenger_recipe} is better on what was served",
        summary=said,
        moved=(),
        system_did=("Left the canary as it is; the gate goes on comparing the recipes on all rows.",),
        you_must=(
            f"`perennial canary show {run.model}` shows both arms.",
            f'`perennial promote {run.model} VERSION --force --reason "..."` lets its newest version serve everybody.',
        ),
    )


def write_end(run: Run, canary: Canary, kind: EndKind, reason: str) -> Notice:
    """The mail about a canary that is over."""
    return Notice(
        model=run.model,
        as_of=run.as_of,
        event=f"canary_{canary.canary_id}_end",
        headline=f"CANARY {HEADS[kind]}: the champion scores everybody again",
        summary=f"The canary of recipe {canary.challenger_recipe}, which began for {canary.started_for}, is over. {reason}",
        moved=(),
        system_did=("Ended it in one transaction: whatever is scored from now on is scored by the champion.",),
        you_must=() if kind != "harm" else (f"Read what `perennial canary show {run.model}` says before another one starts.",),
    )
