"""What people who wait for a training can see of its search from outside, wherever it runs."""

from __future__ import annotations

from perennial.errors import WarehouseUnavailable
from perennial.pipeline.opening import Stores
from perennial.records import SearchProgress
from perennial.stores import warehouse


class SearchWatch:
    """Sees what becomes of the newest search of a model, from the first look on.

    One that was killed long ago still lies there half done: only what has changed since that look is going on.
    """

    def __init__(self, stores: Stores, model: str) -> None:
        self._stores = stores
        self._model = model
        self._has_begun = False
        self._before: SearchProgress | None = None

    def look(self) -> SearchProgress | None:
        """How far the search is that goes on, or has ended since; None when there is none, or while PostgreSQL is silent."""
        try:
            with self._stores.warehouse.transaction() as session:
                now = warehouse.read_search(session, self._model)
        except WarehouseUnavailable:
            return None
        if not self._has_begun:
            self._has_begun, self._before = True, now
        return None if now == self._before else now
