"""Where a version and its recipe stand, and whether the figures of the recipe are provisional or final.

Recipes are judged, by what their weekly fits publish; a fit serves a week or so and says little by itself. The holdout of a
winner flatters: of several challengers the one that was lucky there is the one that wins. What the recipe publishes after its
promotion was not there to be chosen by, so its figures become final once four such as_ofs matured, whichever fits published.

Worked example (lapse, horizon 28 days, grace 2): promoted on Wednesday 06-14, its as_ofs are the Mondays 06-19, 06-26,
07-03 and 07-10; the labels of the fourth mature on 08-09, and the card of every fit is final from then on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from perennial.card.evidence import CardEvidence
from perennial.config import Model
from perennial.records import Promotion
from perennial.records.cards import ServedDay

ENOUGH_AS_OFS = 4

Role = Literal["champion", "earlier fit", "former champion", "held fit", "warm fit", "challenger"]


@dataclass(frozen=True)
class Reign:
    """A time in which the fits of one recipe served without another's in between.

    Attributes:
        entry: the movement that made it champion.
        exit: the movement to another recipe; None while it serves.
    """

    entry: Promotion
    exit: Promotion | None


@dataclass(frozen=True)
class Standing:
    """The place of a version and of its recipe among the champions of the model.

    Attributes:
        since, until: local days of the present or last reign of the recipe; None where there is none, or it goes on.
        serves_from, serves_until: the same of this fit by itself.
        matured: as_ofs of that reign whose labels have matured.
        final_on: the day on which the figures become final if the recipe goes on; None when they are, or it does not.
    """

    role: Role
    since: date | None = None
    until: date | None = None
    serves_from: date | None = None
    serves_until: date | None = None
    matured: int = 0
    final_on: date | None = None

    @property
    def status(self) -> Literal["candidate", "provisional", "final"]:
        if self.since is None:
            return "candidate"
        return "final" if self.matured >= ENOUGH_AS_OFS else "provisional"


def find_standing(evidence: CardEvidence) -> Standing:
    """Read the movements of the champion: the newest applied one names it."""
    reign = find_reign(evidence.promotions, evidence.version.recipe)
    if reign is None:
        return Standing("challenger")
    since, matured = evidence.local_day(reign.entry.effective_at), len(evidence.served)
    goes_on = reign.exit is None and matured < ENOUGH_AS_OFS
    began, ended = find_stint(evidence.promotions, evidence.version.version)
    return Standing(
        role=_find_role(evidence, reign, began, ended),
        since=since,
        until=evidence.local_day(reign.exit.effective_at) if reign.exit else None,
        serves_from=evidence.local_day(began) if began else None,
        serves_until=evidence.local_day(ended) if ended else None,
        matured=matured,
        final_on=_find_final_day(evidence.model, since) if goes_on else None,
    )


def find_reign(promotions: tuple[Promotion, ...], recipe: int) -> Reign | None:
    """The present reign of a recipe, or else its last; None when it was never champion."""
    places = [place for place, move in enumerate(promotions) if move.recipe == recipe]
    if not places:
        return None
    first = last = places[-1]
    while first > 0 and promotions[first - 1].recipe == recipe:
        first -= 1
    return Reign(promotions[first], promotions[last + 1] if last + 1 < len(promotions) else None)


def find_stint(promotions: tuple[Promotion, ...], version: int) -> tuple[datetime | None, datetime | None]:
    """From when to when a version served last; None where it never did, or still does."""
    began = ended = None
    for move in promotions:
        if move.version == version:
            began, ended = began if began and ended is None else move.effective_at, None
        elif began and ended is None:
            ended = move.effective_at
    return began, ended


def choose_served(model: Model, days: tuple[ServedDay, ...], since: date) -> tuple[ServedDay, ...]:
    """The days that count: on the weekday of the training as_ofs, for daily as_ofs share nearly all of their label period."""
    if not days:
        return ()
    counting = set(model.training_as_ofs(since, max(day.as_of for day in days)))
    return tuple(day for day in days if day.as_of in counting)


def _find_role(evidence: CardEvidence, reign: Reign, began: datetime | None, ended: datetime | None) -> Role:
    version = evidence.version
    if began is not None:
        return "champion" if ended is None else "earlier fit" if reign.exit is None else "former champion"
    if version.origin != "refresh":
        return "challenger"
    before = [move.recipe for move in evidence.promotions if move.effective_at < version.effective_at]
    return "held fit" if before and before[-1] == version.recipe else "warm fit"


def _find_final_day(model: Model, since: date) -> date:
    as_ofs = model.grid.count_on(since, ENOUGH_AS_OFS)
    return model.matured_at(as_ofs[-1]).astimezone(model.zone).date()
