"""Studies of searches that have ended, and parts that no page wants any more."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from perennial.pipeline.purging.finding import Purging
from perennial.records.purges import PurgeItem
from perennial.stores import ledger, warehouse
from perennial.stores.ledger import purges
from perennial.stores.sessions import Session, take_lock
from perennial.train import drop_studies


@dataclass(frozen=True)
class StudiesPurger:
    """Studies of a day, once its training or a later one has ended and no recipe of it is under test.

    What a search would find again without them: its trials follow from its rows and its seed alone. They save time to whoever
    resumes one that was killed, and so they stay until a later training has ended.
    """

    purging: Purging

    def find(self) -> tuple[PurgeItem, ...]:
        """Everything that is older than the model keeps it."""
        if self.purging.days_of("studies") == "forever":
            return ()
        with self.purging.stores.warehouse.transaction() as session:
            found = self._find(session)
        return tuple(PurgeItem("studies", each.as_of, None, each.trials, 0, each.why) for each in found.values())

    def measure(self, items: list[PurgeItem]) -> list[PurgeItem]:
        """As they are."""
        return items

    def take(self, items: list[PurgeItem]) -> list[PurgeItem]:
        """Recorded before they go, by one purge at a time, and once: killed between the two, the next one finds them again."""
        return [gone for item in items for gone in self._take(item)]

    def _find(self, session: Session) -> dict[date, warehouse.OldStudies]:
        before = self.purging.count_back(session, "studies").date()
        return {each.as_of: each for each in warehouse.find_old_studies(session, self.purging.model, before)}

    def _take(self, item: PurgeItem) -> list[PurgeItem]:
        purging = self.purging
        with purging.stores.warehouse.transaction() as fence:
            take_lock(fence, "studies", purging.model)
            found = self._find(fence).get(item.as_of)
            if found is None or found.why is not None:
                return []
            gone = replace(item, rows=found.trials)
            with purging.stores.warehouse.transaction() as session:
                if not purges.is_recorded(session, purging.model, gone):
                    purges.record_purge(session, purging.record, gone, purging.limit("studies"))
            with purging.stores.warehouse.name_failures():
                drop_studies(purging.stores.warehouse.url_in_schema("tuning"), found.names)
        return [gone]


@dataclass(frozen=True)
class PartsPurger:
    """Parts of pages that no page wants any more, of whichever model."""

    purging: Purging

    def find(self) -> tuple[PurgeItem, ...]:
        """Those that no page wants, or none will once the old pages of the model have gone."""
        with self.purging.stores.warehouse.transaction() as session:
            return self.purging.find(session, ("parts",))

    def measure(self, items: list[PurgeItem]) -> list[PurgeItem]:
        """As they are."""
        return items

    def take(self, items: list[PurgeItem]) -> list[PurgeItem]:
        """Beside nobody who says what a page wants."""
        purging, gone = self.purging, list[PurgeItem]()
        with purging.stores.warehouse.transaction() as session:
            ledger.lock_parts(session)
            for item in items:
                rows, size = purges.drop_parts(session, item.as_of)
                if rows:
                    gone.append(replace(item, rows=rows, bytes=size))
                    purges.record_purge(session, purging.record, gone[-1], purging.limit("parts"))
        return gone
