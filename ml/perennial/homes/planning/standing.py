"""What the ledger says of a model, read in one short transaction that nobody waits for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from statistics import median

from perennial.config import Declaration
from perennial.pipeline.labelling import Standing, find_standing
from perennial.records import Acceptance, Contest, RecipeEntry, Validation, Version
from perennial.stores import ledger
from perennial.stores.ledger import purges
from perennial.stores.ledger.built import BuiltDay, built_days, usual_seconds
from perennial.stores.sessions import Session

DAILY = ("refresh", "validate")


@dataclass(frozen=True)
class Known:
    """A model as the ledger has it.

    Attributes:
        clock: that of its newest run, by which labels have matured; before the first, start(as_of) + settle of its newest day.
        features, labels: what stands, oldest first.
        standing: what the files of now make of the days that training looks at.
        searched: the newest version whose training searched.
        day_seconds: what refresh and validate of a day usually take together; None before the first.
    """

    clock: datetime
    features: tuple[BuiltDay, ...]
    labels: tuple[BuiltDay, ...]
    standing: Standing
    champion: Version | None
    entry: RecipeEntry | None
    contests: tuple[Contest, ...]
    searched: Version | None
    day_seconds: float | None

    @property
    def valid(self) -> tuple[BuiltDay, ...]:
        """Days with somebody in them that have passed their suites, oldest first."""
        return tuple(day for day in self.features if day.status == "valid" and day.rows)

    @property
    def usual_rows(self) -> int:
        """Entities of a day."""
        return round(median(day.rows for day in self.valid)) if self.valid else 0


def read_known(session: Session, declaration: Declaration) -> Known | None:
    """What the ledger holds; None when nothing of the model was built."""
    model = declaration.model
    built = built_days(session, model.name)
    features = tuple(day for day in built if day.kind == "features")
    if not features:
        return None
    clock = purges.lived_until(session, model.name) or model.known_until(features[-1].as_of)
    number = ledger.champion(session, model.name)
    champion = None if number is None else ledger.get_version(session, model.name, number)
    seconds = [usual_seconds(session, model.name, stage) for stage in DAILY]
    return Known(
        clock=clock,
        features=features,
        labels=tuple(day for day in built if day.kind == "labels"),
        standing=find_standing(session, declaration, clock),
        champion=champion,
        entry=None if champion is None else ledger.get_recipe(session, model.name, champion.recipe),
        contests=ledger.open_contests(session, model.name),
        searched=ledger.last_search(session, model.name, before=date.max),
        day_seconds=None if None in seconds else sum(filter(None, seconds)),
    )


def choose_days(known: Known, count: int) -> tuple[date, ...]:
    """So many days to compare, oldest first: the newest, and others at even distances back to the oldest that training uses."""
    reach = {*known.standing.current, *known.standing.outdated}
    days = [day.as_of for day in known.valid if day.as_of in reach or day.as_of == known.valid[-1].as_of]
    if count >= len(days):
        return tuple(days)
    last = len(days) - 1
    return tuple(sorted({days[last - round(step * last / max(count - 1, 1))] for step in range(count)}))


@dataclass(frozen=True)
class DayKnown:
    """What the ledger says of a day: what its suites found, whether its scores are live, and the level that was accepted."""

    validation: Validation | None
    is_published: bool
    accepted: Acceptance | None


def read_day_known(session: Session, model: str, as_of: date) -> DayKnown:
    """That of one day."""
    return DayKnown(
        ledger.find_validation(session, model, as_of),
        ledger.live_publication(session, model, as_of) is not None,
        ledger.newest_acceptance(session, model, as_of, "shift"),
    )
