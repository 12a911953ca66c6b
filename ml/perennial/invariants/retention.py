"""Nothing is kept for longer than its model file says, but what something needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from perennial.errors import RegistryUnavailable
from perennial.invariants.looking import Answer, Finding, Look
from perennial.pipeline import list_overdue
from perennial.records.purges import PurgeItem, PurgeKind

NIGHTS = timedelta(days=3)
"""What grew old since is left to the purges of these nights."""


def check_retention(look: Look) -> Answer:
    """Nothing that nothing needs is days older than [retention] of its model file keeps it."""
    left_out = ""
    findings = list[Finding]()
    for name in look.declarations:
        try:
            overdue = _list_overdue(look, name)
        except RegistryUnavailable as silence:
            overdue, left_out = _list_overdue(look, name, asks_registry=False), f"runs in MLflow: {silence}"
        findings += _describe(name, overdue)
    return Answer(f"{len(look.declarations)} models", tuple(findings), left_out)


def _list_overdue(look: Look, name: str, *, asks_registry: bool = True) -> Sequence[PurgeItem]:
    return list_overdue(look.stores, name, look.clock - NIGHTS, logs=look.places.logs, asks_registry=asks_registry)


def _describe(name: str, items: Sequence[PurgeItem]) -> list[Finding]:
    overdue = defaultdict[PurgeKind, list[PurgeItem]](list)
    for item in items:
        overdue[item.kind].append(item)
    oldest = {kind: min(item.as_of for item in items) for kind, items in overdue.items()}
    said = (f"{len(overdue[kind])} {kind} are older than [retention] says, from {first} on" for kind, first in oldest.items())
    return [Finding(f"{name}: {each}", f"perennial purge {name}", name) for each in said]
