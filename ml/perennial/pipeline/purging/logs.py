"""Logs that Airflow keeps of the tasks of a model: those of a DAG `<model>.<what>` belong to the model.

They stand in folders, of which a machine sees its own: where several run tasks, each keeps logs of its own, and who wants them
gone purges there. Logs of DAGs that are no model's are not touched, nor what Airflow sends to a store elsewhere.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from perennial.config.folders import remove_file
from perennial.pipeline.purging.finding import Purging
from perennial.records.purges import PurgeItem
from perennial.stores.ledger import purges
from perennial.stores.sessions import take_lock

FORBIDDEN = "this account may not delete it: purge as the one that runs Airflow's tasks"


@dataclass(frozen=True)
class _Log:
    path: Path
    root: Path
    day: date
    size: int


@dataclass(frozen=True)
class LogsPurger:
    """Logs of a day, by when they were last written."""

    purging: Purging

    def find(self) -> tuple[PurgeItem, ...]:
        """Everything that is older than the model keeps it."""
        days = defaultdict[date, list[_Log]](list)
        for log in self._find():
            days[log.day].append(log)
        return tuple(
            PurgeItem("logs", day, None, len(found), sum(log.size for log in found), _find_reason(found))
            for day, found in sorted(days.items())
        )

    def measure(self, items: list[PurgeItem]) -> list[PurgeItem]:
        """As they are."""
        return items

    def take(self, items: list[PurgeItem]) -> list[PurgeItem]:
        """Recorded before they go, by one purge at a time: killed between the two, the next one takes and records the rest."""
        purging, days = self.purging, {item.as_of: item for item in items}
        with purging.stores.warehouse.transaction() as fence:
            take_lock(fence, "logs", purging.model)
            going = [log for log in self._find() if log.day in days]
            left = {log.day for log in going}
            with purging.stores.warehouse.transaction() as session:
                for day in sorted(left):
                    purges.record_purge(session, purging.record, days[day], purging.limit("logs"))
            for log in going:
                remove_file(log.path, log.root)
        return [item for day, item in days.items() if day in left]

    def _find(self) -> list[_Log]:
        if self.purging.days_of("logs") == "forever":
            return []
        with self.purging.stores.warehouse.transaction() as session:
            before = self.purging.count_back(session, "logs")
        return [log for root in self.purging.logs for log in _list_logs(root, self.purging.model) if log.day < before.date()]


def _list_logs(root: Path, model: str) -> Iterator[_Log]:
    """Files below the folders of the model's DAGs; what goes meanwhile is passed over."""
    for dag in root.glob(f"dag_id={model}.*"):
        for path in dag.rglob("*"):
            try:
                found = path.lstat()
            except FileNotFoundError:
                continue
            if path.is_file() and not path.is_symlink():
                yield _Log(path, root, datetime.fromtimestamp(found.st_mtime, UTC).date(), found.st_size)


def _find_reason(found: list[_Log]) -> str | None:
    may = all(os.access(folder, os.W_OK | os.X_OK) for folder in {log.path.parent for log in found})
    return None if may else FORBIDDEN
