"""Who is told of what does not hold: the owners of the models concerned, by mail like any other."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from perennial import notices
from perennial.config import load_declaration, model_names
from perennial.errors import ConfigError
from perennial.invariants.looking import Finding
from perennial.pipeline import Stores
from perennial.records import Run
from perennial.stores import ledger


def tell_owners(stores: Stores, clock: datetime, findings: Iterable[Finding], actor: str) -> tuple[str, ...]:
    """Let a mail wait for the owner of each model that something is found of, one a day; what concerns all goes to all."""
    found, told = tuple(findings), []
    home = stores.settings.home
    for name in model_names(home) if found else ():
        try:
            model = load_declaration(home, name).model
        except ConfigError:  # nobody knows its owner; the task is red
            continue
        own = [(each.said, each.remedy) for each in found if each.model in (None, name)]
        if own:
            run = Run(name, clock.astimezone(model.zone).date(), clock, "live", actor=actor)
            with stores.warehouse.transaction() as session:
                ledger.put_notice(session, run, notices.write_broken(name, run.as_of, own), model.owner)
            told.append(name)
    return tuple(told)
