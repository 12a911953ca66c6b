"""Days of the warehouse and of the ledger: features, labels, scores, rejected rows, findings, mails, requests."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from perennial.pipeline.purging.finding import TABLES, Purging
from perennial.records.purges import PurgeItem, PurgeKind
from perennial.stores.ledger import purges
from perennial.stores.sessions import Session, take_lock
from perennial.stores.warehouse import old_days


@dataclass(frozen=True)
class DaysPurger:
    """Each month of a kind in a transaction of its own; what the owner's function takes, it records itself."""

    purging: Purging
    kinds: ClassVar[tuple[PurgeKind, ...]] = ("snapshots", "scores", "quarantine", "findings", "mail", "requests")

    def find(self) -> tuple[PurgeItem, ...]:
        """Everything that is older than the model keeps it."""
        with self.purging.stores.warehouse.transaction() as session:
            return self.purging.find(session, self.kinds)

    def measure(self, items: list[PurgeItem]) -> list[PurgeItem]:
        """Days of one month with rows and bytes as they stand in the tables, whatever the ledger counted."""
        if items[0].kind not in TABLES:
            return items
        with self.purging.stores.warehouse.transaction() as session:
            return self._measure(session, items)

    def take(self, items: list[PurgeItem]) -> list[PurgeItem]:
        """The days of one month and kind; tables of the model lose it as a table where no other day stands in it."""
        purging, kind = self.purging, items[0].kind
        with purging.stores.warehouse.transaction() as session:
            take_lock(session, "admission", purging.model)  # whoever looks at matured as_ofs labels them as well
            old_days.lock_days(session, purging.model, [item.as_of for item in items])
            going = purging.look_again(session, items)
            if kind not in TABLES:
                for item in going:
                    purges.purge_day(session, purging.record, item, purging.limit(kind))
                return going
            going = self._measure(session, going)
            for item in going:
                purges.record_purge(session, purging.record, item, purging.limit(kind))
            days = [item.as_of for item in going]
            if kind == "snapshots":
                purges.mark_purged(session, purging.model, days)
            for schema in TABLES[kind] if days else ():
                old_days.delete_days(session, schema, purging.model, days)
        return going

    def _measure(self, session: Session, items: list[PurgeItem]) -> list[PurgeItem]:
        if not items:
            return []
        days, model = {item.as_of for item in items}, self.purging.model
        found = [row for schema in TABLES[items[0].kind] for row in old_days.measure_days(session, schema, model, days)]
        rows, room = dict.fromkeys(days, 0), dict.fromkeys(days, 0)
        for each in found:
            rows[each.as_of] += each.rows
            room[each.as_of] += each.bytes
        return [replace(item, rows=rows[item.as_of], bytes=room[item.as_of]) for item in items]
