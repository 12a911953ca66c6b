"""Where a version stands: challenger, champion or former champion, and whether its figures are provisional or final.

A winner's own holdout flatters: of several challengers the one that was lucky there is the one that wins. What it
publishes after the promotion was not there to be chosen by, so its figures become final once four such as_ofs matured.

Worked example (lapse, horizon 28 days, grace 2): promoted on Wednesday 06-14, its as_ofs are the Mondays 06-19, 06-26,
07-03 and 07-10; the labels of the fourth mature on 08-09, and the card is final from then on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from perennial.card.evidence import CardEvidence
from perennial.config import Model
from perennial.records import Promotion
from perennial.records.cards import ServedDay

ENOUGH_AS_OFS = 4


@dataclass(frozen=True)
class Standing:
    """The place of a version among the champions of its model.

    Attributes:
        since: local day of its first promotion; until: of the movement that replaced it last, None while it serves.
        matured: as_ofs after the promotion whose labels have matured.
        final_on: the day on which the figures become final if it goes on serving; None when they are, or it does not.
    """

    role: Literal["champion", "former champion", "challenger"]
    since: date | None = None
    until: date | None = None
    matured: int = 0
    final_on: date | None = None

    @property
    def status(self) -> Literal["candidate", "provisional", "final"]:
        if self.since is None:
            return "candidate"
        return "final" if self.matured >= ENOUGH_AS_OFS else "provisional"


def find_standing(evidence: CardEvidence) -> Standing:
    """Read the movements of the champion: the newest applied one names it."""
    number = evidence.version.version
    entries = [move for move in evidence.promotions if move.version == number]
    if not entries:
        return Standing("challenger")
    since, matured = evidence.local_day(entries[0].effective_at), len(evidence.served)
    if evidence.promotions[-1].version == number:
        final_on = _find_final_day(evidence.model, since) if matured < ENOUGH_AS_OFS else None
        return Standing("champion", since, matured=matured, final_on=final_on)
    return Standing("former champion", since, evidence.local_day(_find_exit(evidence.promotions, number).effective_at), matured)


def choose_served(model: Model, days: tuple[ServedDay, ...], since: date) -> tuple[ServedDay, ...]:
    """The days that count: on the weekday of the training as_ofs, for daily as_ofs share nearly all of their label period."""
    if not days:
        return ()
    counting = set(model.training_as_ofs(since, max(day.as_of for day in days)))
    return tuple(day for day in days if day.as_of in counting)


def _find_exit(promotions: tuple[Promotion, ...], number: int) -> Promotion:
    return [move for move in promotions if move.previous_version == number][-1]


def _find_final_day(model: Model, since: date) -> date:
    as_ofs = model.training_as_ofs(since, since + timedelta(weeks=ENOUGH_AS_OFS))
    return model.matured_at(as_ofs[ENOUGH_AS_OFS - 1]).astimezone(model.zone).date()
