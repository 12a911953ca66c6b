"""All that a model card is written from; it reads nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from perennial.card.measured import Measured, Served
from perennial.config import Declaration, Model
from perennial.records import AdmissionEntry, Contest, Decision, DriftCheck, Promotion, RecipeEntry, Version
from perennial.records.cards import Asked, BuiltDay, DatedVerdict, KnownFit, LoggedTraining, PublishedDay, ServedDay
from perennial.tasks import Task, task_of


@dataclass(frozen=True, eq=False)
class CardEvidence:
    """One version with everything that the ledger, the registry and the warehouse know of it.

    Attributes:
        declaration: as it stands now; the version's hashes tell whether it has changed since the training.
        training, holdout: the snapshots that it learned from and was held to, oldest first.
        recipe: what it is a fit of; fits: every fit of that, oldest first.
        published: what this very fit has published, oldest first.
        verdicts: on its recipe as challenger; verdicts_against: in which its recipe was the champion; both oldest first.
        questions: what people were asked about its recipe, oldest first.
        promotions: every applied movement of the model's champion, oldest first.
        promised_by: the fit by which its recipe became champion; promised: its figures. None before that.
        served: matured publications of all fits of the recipe on the weekday of the training as_ofs, since it became champion.
        first_served: the oldest four of them pooled; newest_served: the newest four, once there are more.
        checks: the newest drift checks of what it scored, newest first.
        asked: the decision that holds for the day it was trained for.
        rested: why each as_of that it may not learn from was set aside, oldest first.
        links: (text, address).
    """

    declaration: Declaration
    version: Version
    recipe: RecipeEntry
    logged: LoggedTraining
    measured: Measured
    fits: tuple[KnownFit, ...] = ()
    published: tuple[PublishedDay, ...] = ()
    training: tuple[BuiltDay, ...] = ()
    holdout: tuple[BuiltDay, ...] = ()
    verdicts: tuple[DatedVerdict, ...] = ()
    verdicts_against: tuple[DatedVerdict, ...] = ()
    contests: tuple[Contest, ...] = ()
    questions: tuple[Asked, ...] = ()
    promotions: tuple[Promotion, ...] = ()
    promised_by: int | None = None
    promised: Measured | None = None
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
    def task(self) -> Task:
        return task_of(self.model)

    @property
    def metric(self) -> str:
        """The name of the headline; `title` as people read it."""
        return self.task.headline.name

    @property
    def second(self) -> str:
        """The name of the metric that is shown beside it."""
        return self.task.second

    @property
    def title(self) -> str:
        return self.task.headline.title

    @property
    def verdict(self) -> DatedVerdict | None:
        """The newest comparison of its recipe as challenger."""
        return self.verdicts[-1] if self.verdicts else None

    @property
    def promise(self) -> Measured:
        """What the recipe promised when it became champion; before that, what this fit of it does."""
        return self.promised or self.measured

    @property
    def is_judged(self) -> bool:
        """Whether it was itself held to its holdout, as versions from before recipes were kept."""
        version, embargo = self.version, self.model.embargo
        return bool(version.holdout_as_ofs) and max(version.training_as_ofs) + embargo <= min(version.holdout_as_ofs)

    @property
    def known_on(self) -> date:
        """The local day of the newest fact in here."""
        number, recipe = self.version.version, self.recipe.number
        instants = [
            self.version.effective_at,
            *(each.effective_at for each in (*self.verdicts, *self.verdicts_against)),
            *(each.answered_effective_at or each.effective_at for each in self.questions),
            *(each.effective_at for each in self.promotions if each.recipe == recipe or each.previous_version == number),
        ]
        days = [self.local_day(max(instants)), *(check.as_of for check in self.checks)]
        days += [self.local_day(self.model.matured_at(day.as_of)) for day in self.served]
        days += [day.as_of for day in self.published]
        return max(days)

    def local_day(self, instant: datetime) -> date:
        return instant.astimezone(self.model.zone).date()
