"""The alias `champion` of one model, as the protocol of a promotion sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from perennial.stores.registry.numbers import Runs
from perennial.stores.registry.server import Registry


@dataclass(frozen=True)
class ChampionAlias:
    """The alias of one model, for the protocol in `perennial.promote`.

    Attributes:
        runs: reads which run the ledger knows under which number.
    """

    registry: Registry
    model: str
    runs: Callable[[], Runs] = dict

    def get(self) -> int | None:
        return self.registry.get_champion(self.model, self.runs())

    def set(self, version: int | None) -> None:
        self.registry.set_champion(self.model, version, self.runs())
