"""Nothing is kept for longer than its model file says, but what something needs."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

from perennial.invariants.looking import Answer, Finding, Look
from perennial.pipeline import list_overdue
from perennial.records.purges import PurgeItem, PurgeKind

NIGHTS = timedelta(days=3)
"""What grew old since is left to the purges of these nights."""


def check_retention(look: Look) -> Answer:
    """Nothing that nothing needs is days older than [retention] of its model file keeps it."""
    findings = [found for name in look.declarations for found in _check_model(look, name)]
    return Answer(f"{len(look.declarations)} models", tuple(findings))


def _check_model(look: Look, name: str) -> list[Finding]:
    overdue = defaultdict[PurgeKind, list[PurgeItem]](list)
    for item in list_overdue(look.stores, name, look.clock - NIGHTS):
        overdue[item.kind].append(item)
    oldest = {kind: min(item.as_of for item in items) for kind, items in overdue.items()}
    said = (f"{len(overdue[kind])} {kind} are older than [retention] says, from {first} on" for kind, first in oldest.items())
    return [Finding(f"{name}: {each}", f"perennial purge {name}", name) for each in said]
