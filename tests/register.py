"""A ledger and a registry on paper, for the rules by which a champion moves; the real ones are in tests/integration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

from perennial.errors import ArtifactCorrupt, VersionMissing, WarehouseUnavailable
from perennial.promote import History, PromotionContext
from perennial.records import Move, Promotion, Run

CLOCK = datetime(2017, 11, 6, 11, tzinfo=UTC)
RUN = Run("lapse", date(2017, 11, 6), CLOCK, "simulation")


@dataclass
class Register:
    """Both sides of one model, and every step in the order in which it was taken.

    Attributes:
        moves: the ledger, whatever their status.
        named: the version that the alias names.
        corrupt: versions whose files do not load.
        deleted: versions that the registry does not know any more.
        good_locks: after so many checks of the lock it is lost.
        fits: versions of the same recipe.
    """

    moves: list[Promotion] = field(default_factory=list)
    named: int | None = None
    corrupt: tuple[int, ...] = ()
    deleted: tuple[int, ...] = ()
    good_locks: int = 99
    fits: tuple[int, ...] = ()
    steps: list[str] = field(default_factory=list)

    # The ledger
    @contextmanager
    def lock(self) -> Iterator[None]:
        self.steps.append("lock")
        yield
        self.steps.append("unlock")

    def check_lock(self) -> None:
        self.steps.append("check the lock")
        self.good_locks -= 1
        if self.good_locks < 0:
            raise WarehouseUnavailable("The lock was lost.")

    def history(self) -> History:
        return tuple(move for move in self.moves if move.status == "applied")

    def find_open(self) -> Promotion | None:
        return next((move for move in self.moves if move.status == "intended"), None)

    def find_fits(self, version: int) -> frozenset[int]:
        return frozenset((version, *self.fits))

    def intend(self, move: Move, previous: int | None) -> Promotion:
        self.steps.append(f"intend {move.version}")
        number = len(self.moves) + 1
        made = Promotion(
            number, "lapse", move.version, previous, move.kind, "intended", move.evaluation_id, move.reason, "ann", CLOCK
        )
        self.moves.append(made)
        return made

    def apply(self, promotion: Promotion) -> Promotion:
        return self._end(replace(promotion, status="applied"))

    def undo(self, promotion: Promotion, because: str) -> Promotion:
        return self._end(replace(promotion, status="undone", reason=f"{promotion.reason} Undone: {because}"))

    def _end(self, ended: Promotion) -> Promotion:
        self.steps.append(f"{ended.status} {ended.version}")
        self.moves[ended.promotion_id - 1] = ended
        return ended

    # The registry
    def get(self) -> int | None:
        return self.named

    def set(self, version: int | None) -> None:
        if version in self.deleted:
            raise VersionMissing(f"Version {version} was deleted.")
        self.steps.append(f"alias {version}")
        self.named = version

    # What a test begins with, and asks
    def check_files(self, version: int) -> None:
        self.steps.append(f"check the files of {version}")
        if version in self.corrupt:
            raise ArtifactCorrupt(f"The files of version {version} do not load.")

    def champions(self, *versions: int) -> Register:
        """Promoted one after the other; the alias names the last."""
        for version in versions:
            self.apply(self.intend(Move(version, "promote", ""), self.named))
            self.named = version
        self.steps.clear()
        return self

    def intended(self, version: int, kind: str = "promote") -> Register:
        """A crash left an intent open."""
        self.intend(Move(version, kind, "It is better."), self.named)
        self.steps.clear()
        return self

    @property
    def serving(self) -> tuple[int | None, int | None]:
        """The champion of the ledger, and the alias."""
        return next((move.version for move in reversed(self.history())), None), self.named

    def context(self, run: Run = RUN, cooldown_days: int = 28) -> PromotionContext:
        return PromotionContext(book=self, alias=self, check=self.check_files, run=run, cooldown_days=cooldown_days)
