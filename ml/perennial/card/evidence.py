"""All that a model card is written from; it reads nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from perennial.card.measured import Measured, Served
from perennial.config import Declaration, Model
from perennial.records import AdmissionEntry, Contest, Decision, DriftCheck, Promotion, Version
from perennial.records.cards import Asked, BuiltDay, DatedVerdict, LoggedTraining, ServedDay


@dataclass(frozen=True, eq=False)
class CardEvidence:
    """One version with everything that the ledger, the registry and the warehouse know of it.

    Attributes:
        declaration: as it stands now; the version's hashes tell whether it has changed since the training.
        training, holdout: the snapshots that it learned from and was held to, oldest first.
        verdicts: on it as challenger; verdicts_against: in which it was the champion; both oldest first.
        questions: what people were asked about it, oldest first.
        promotions: every applied movement of the model's champion, oldest first.
        served: its matured publications on the weekday of the training as_ofs since its first promotion, oldest first.
        first_served: the oldest four of them pooled; newest_served: the newest four, once there are more.
        checks: the newest drift checks of what it scored, newest first.
        asked: the decision that holds for the day it was trained for.
        rested: why each as_of that it may not learn from was set aside, oldest first.
        links: (text, address).
    """

    declaration: Declaration
    version: Version
    logged: LoggedTraining
    measured: Measured
    training: tuple[BuiltDay, ...] = ()
    holdout: tuple[BuiltDay, ...] = ()
    verdicts: tuple[DatedVerdict, ...] = ()
    verdicts_against: tuple[DatedVerdict, ...] = ()
    contests: tuple[Contest, ...] = ()
    questions: tuple[Asked, ...] = ()
    promotions: tuple[Promotion, ...] = ()
    served: tuple[ServedDay, ...] = ()
    first_served: Served | None = None
    newest_served: Served | None = None
    checks: tuple[DriftCheck, ...] = ()
    asked: Decision | None = None
    rested: tuple[AdmissionEntry, ...] = ()
    links: tuple[tuple[str, str], ...] = field(default=())

    @property
    def model(self) -> Model:
        return self.declaration.model

    @property
    def verdict(self) -> DatedVerdict | None:
        """The newest comparison of it as challenger."""
        return self.verdicts[-1] if self.verdicts else None

    @property
    def known_on(self) -> date:
        """The local day of the newest fact in here."""
        version = self.version.version
        instants = [
            self.version.effective_at,
            *(each.effective_at for each in (*self.verdicts, *self.verdicts_against)),
            *(each.answered_effective_at or each.effective_at for each in self.questions),
            *(each.effective_at for each in self.promotions if version in (each.version, each.previous_version)),
        ]
        days = [self.local_day(max(instants)), *(check.as_of for check in self.checks)]
        days += [self.local_day(self.model.matured_at(day.as_of)) for day in self.served]
        return max(days)

    def local_day(self, instant: datetime) -> date:
        return instant.astimezone(self.model.zone).date()
