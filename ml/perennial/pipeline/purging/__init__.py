"""What has become old goes: days, texts, files, runs, studies and logs that the model file keeps no longer and nothing needs.

What goes and why the rest stays is asked of the same queries (`finding.py`) by a dry run, by the purge, and again inside each
transaction that takes something away. A purge that was killed is run again; what went before it is not found any more.

What nobody could get back stays whatever the keys say, each for a reason that the queries name:

- *a rerun* of a stage reads the days that a training, a comparison, a score or an outcome still wants, and the study of a search
  that was killed;
- *a reproduction* of a version that serves, served within the time or is under test reads its files, its run, and the days
  that it learned from;
- *an audit* reads the ledger, of which only texts and rejected rows go, and which keeps one row for each thing that went;
- *a restore* looks for every version of the ledger in MLflow, but for those whose runs the ledger says have gone; so no file and
  no run goes while a backup is taken.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Protocol

from perennial.pipeline.opening import Stores
from perennial.pipeline.purging.days import DaysPurger
from perennial.pipeline.purging.finding import Purging, find_until
from perennial.pipeline.purging.logs import LogsPurger
from perennial.pipeline.purging.runs import FilesPurger, RunsPurger
from perennial.pipeline.purging.studies import PartsPurger, StudiesPurger
from perennial.records.purges import Purged, PurgeItem
from perennial.stores.ledger import purges

log = logging.getLogger(__name__)
OUT_OF_STEP = timedelta(hours=1)
"""Clocks of two machines that differ by more are worth a word."""


class Purger(Protocol):
    """What knows how things of some kinds are found, measured and taken away."""

    def find(self) -> tuple[PurgeItem, ...]: ...
    def measure(self, items: list[PurgeItem]) -> list[PurgeItem]: ...
    def take(self, items: list[PurgeItem]) -> list[PurgeItem]: ...


def purge(
    stores: Stores, name: str, clock: datetime, *, actor: str = "perennial", dry_run: bool = False, logs: Collection[Path] = ()
) -> Purged:
    """Take away what a model keeps no longer; a dry run says what would go, and deletes nothing.

    Ages count from the newest clock that the model has lived, and never from after `clock` or PostgreSQL's clock: of one that
    stands still, and of one that is replayed in the past, nothing grows old; nor by a clock that goes ahead.

    Args:
        logs: folders in which Airflow keeps logs of tasks on this machine.

    Raises:
        RegistryUnavailable: MLflow does not answer; what went before stands, the rest goes with the next attempt.
        WarehouseBusy: a stage holds a day, or somebody reads the table of a month that goes, for too long, or a backup is
            being taken; likewise.
        ConfigError: PERENNIAL_MLFLOW_DATABASE_URL names another database than that of MLflow; likewise.
    """
    with stores.warehouse.transaction() as session:
        until, wall = find_until(session, name, clock), purges.read_wall(session)
    if clock - wall > OUT_OF_STEP:
        log.warning(
            "%s: the clock here, %s, is ahead of PostgreSQL's, %s, from which ages count. Set the wrong one right.",
            *(name, clock, wall),
        )
    if until is None:
        stores.declaration(name)  # a name that no file declares is an error of its own
        return Purged(name, None)
    gone, kept = list[PurgeItem](), list[PurgeItem]()
    for purger in _order(Purging(stores, stores.declaration(name), clock, actor, tuple(logs))):
        found = purger.find()
        kept += [item for item in found if item.why is not None]
        for month in _group([item for item in found if item.why is None]):
            gone += purger.measure(month) if dry_run else purger.take(month)
    if gone and not dry_run:
        log.info("%s: %d things went, about %d bytes", name, len(gone), sum(item.bytes for item in gone))
    return Purged(name, until, tuple(gone), tuple(kept))


def list_overdue(
    stores: Stores, name: str, clock: datetime, *, logs: Collection[Path] = (), asks_registry: bool = True
) -> tuple[PurgeItem, ...]:
    """What is older than the model keeps it, needed by nothing, and still there; nothing after a purge.

    Args:
        logs: as of `purge`.
        asks_registry: look for runs in MLflow, too.

    Raises:
        RegistryUnavailable: MLflow does not answer.
    """
    with stores.warehouse.transaction() as session:
        if find_until(session, name, clock) is None:
            return ()
    purging = Purging(stores, stores.declaration(name), clock, "perennial", tuple(logs))
    asked = (purger for purger in _order(purging) if asks_registry or not isinstance(purger, RunsPurger))
    return tuple(item for purger in asked for item in purger.find() if item.why is None)


def _order(purging: Purging) -> Iterator[Purger]:
    """Days first, which no backup keeps waiting; files before the runs that hold them, and pages before their parts."""
    yield DaysPurger(purging)
    yield StudiesPurger(purging)
    yield LogsPurger(purging)
    yield FilesPurger(purging)
    yield RunsPurger(purging)
    yield PartsPurger(purging)


def _group(items: Iterable[PurgeItem]) -> Iterator[list[PurgeItem]]:
    """The things of one kind and month."""
    for _, group in groupby(items, lambda item: (item.kind, item.as_of.year, item.as_of.month)):
        yield list(group)


__all__ = ["list_overdue", "purge"]
