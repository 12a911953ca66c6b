"""What a model file may say, and the calendar that follows from it.

Grain of time: `as_of` is a local calendar day of the model's timezone; every instant is timezone-aware UTC.
Worked example (lapse): as_of 2017-05-08 in New York starts at 2017-05-08 04:00 UTC; with settle_hours = 6
its facts are those with event_at < 04:00 UTC and known_at <= 10:00 UTC of that day; with horizon_days = 28 and
grace_days = 2 its labels cover [05-08, 06-05) and are matured from 06-07 on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints, model_validator

from perennial.config.addresses import Addresses
from perennial.config.cron import find_first_firing
from perennial.config.entity import Entity
from perennial.config.firing import YEAR, check_fits, check_refresh
from perennial.config.grid import Every, Grid
from perennial.config.inputs import Features, Quality, Schedule, Source
from perennial.config.label import UNSAID, Label
from perennial.config.promotion import Promotion
from perennial.config.retention import Retention
from perennial.config.section import Identifier, Section, TimezoneName
from perennial.config.serving import Monitoring, Scoring, Serving
from perennial.config.terms import list_terms
from perennial.config.training import Training

ModelName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$"), Field(json_schema_extra={"format": "name"})]
FRESH_HOURS: Mapping[Every, int] = {"day": 26, "week": 7 * 24 + 2, "month": 31 * 24 + 2}


class Model(Section):
    """What `models/<name>.toml` declares, with the calendar that follows from it."""

    name: ModelName = Field(description="The file's name; tables, views and DAGs bear it")
    description: str = Field(min_length=1, description="One sentence: what does the score foretell?")
    owner: Addresses = Field(description="Gets the mail")
    timezone: TimezoneName = Field(description="An as_of starts at midnight here")
    entity: Entity = Field(description="What gets a score")
    sources: dict[Identifier, Source] = Field(
        min_length=1, description="Every table that the SQL reads, with its two times; the SQL sees what was known at the as_of"
    )
    schedule: Schedule = Field(description="When the DAGs wake by themselves, and what belongs to a day")
    label: Label = Field(description="The outcome, and when it is complete")
    features: Features = Field(default=Features(), description="Which snapshots are scored, and what their columns are for")
    quality: Quality = Field(default=Quality(), description="Limits of the data checks beside the suites")
    training: Training = Field(default=Training(), description="How a challenger is made")
    promotion: Promotion = Field(default=Promotion(), description="The promotion test: what a challenger must show")
    scoring: Scoring = Field(default=Scoring(), description="What is published")
    serving: Serving = Field(default=Serving(), description="Who answers requests")
    monitoring: Monitoring = Field(default=Monitoring(), description="When drift asks for a training")
    retention: Retention = Field(default=Retention(), description="How long what nobody needs any more is kept")

    @model_validator(mode="after")
    def _label_names_a_source(self) -> Model:
        absent = self.label.absence_of
        if absent is not None and absent not in self.sources:
            raise ValueError(f"label.absence_of = '{absent}' is none of the sources {sorted(self.sources)}")
        if absent is not None and (self.sources[absent].is_state or not self.sources[absent].is_dated):
            raise ValueError(
                f"label.absence_of = '{absent}' names a table with times = \"{self.sources[absent].times}\", of which nobody can "
                "tell whether it was delivered: name a source with event_at and known_at, or leave absence_of out"
            )
        return self

    @model_validator(mode="after")
    def _metric_is_of_the_task(self) -> Model:
        terms = self.label.terms
        if (judged := terms.find_example(self.metric)) is None:
            raise ValueError(
                f"training.metric = '{self.metric}' does not judge label.task = '{self.label.task}': write one of "
                f"{', '.join(f'{metric} (or another share)' if ':' in metric else metric for metric in terms.metrics)}"
            )
        if self.training.monotone and judged in terms.unbound:
            bound = next((metric for metric in terms.metrics if metric not in terms.unbound), "")
            raise ValueError(
                f"training.monotone cannot be kept under training.metric = '{self.metric}': the leaves of boosted trees are "
                "medians or quantiles there, which no library binds: leave monotone out"
                f"{f', or write another metric, such as {bound!r}' if bound else ''}{' with label.cap' * terms.has_amounts}"
            )
        if self.training.monotone and not terms.has_direction:
            raise ValueError(
                f"training.monotone cannot be kept where label.task = '{self.label.task}': what makes one class likelier makes "
                "others less likely, so that no direction is that of the score: leave monotone out"
            )
        if self.label.value is not None and self.promotion.capacity is None:
            raise ValueError(
                "label.value is what acting on a row is worth, and nothing says on how many a day: write promotion.capacity, or "
                "leave label.value out"
            )
        if self.label.cap is not None and not terms.has_amounts:
            raise ValueError(f"label.cap is for amounts: leave it out where label.task = '{self.label.task}'")
        if self.scoring.acted_on is not None and not terms.has_direction:
            raise ValueError(
                f"scoring.acted_on compares mean labels, and those of label.task = '{self.label.task}' have none: leave it out"
            )
        if not terms.has_amounts and not 0 <= self.scoring.threshold <= 1:
            raise ValueError(f"scoring.threshold = {self.scoring.threshold:g} is no probability: write one between 0 and 1")
        return self

    @model_validator(mode="after")
    def _canary_has_one_share(self) -> Model:
        """Whoever is in a canary is in it however scores are asked for: else nobody could say what acted on whom."""
        published, answered = self.scoring.canary, self.serving.canary
        if published and answered and published != answered:
            raise ValueError(
                f"scoring.canary = {published:g} and serving.canary = {answered:g} let a canary act on different shares: write "
                "the same share in both, or 0 in one of them"
            )
        return self

    @property
    def canary_share(self) -> float:
        """Share of the entities that a canary acts on, by published scores or by answers; 0: on nobody."""
        return self.scoring.canary or self.serving.canary

    @model_validator(mode="after")
    def _schedule_fires_as_it_says(self) -> Model:
        check_refresh(self.schedule)
        check_fits(self.schedule, self.refreshes)
        return self

    @model_validator(mode="after")
    def _has_room_for_a_fold(self) -> Model:
        """A fold validates as_ofs that lie at least the horizon after the oldest that trains."""
        training, horizon_days = self.training, self.label.horizon_days
        needed = -(-horizon_days // self.grid.shortest_step.days) + 1
        if training.min_as_ofs < needed:
            often = "monthly" if self.schedule.every == "month" else "weekly"
            raise ValueError(
                f"training.min_as_ofs = {training.min_as_ofs} {often} snapshots span less than label.horizon_days = "
                f"{horizon_days}, so that no fold could validate: write min_as_ofs = {needed} or more, and as_ofs no less"
            )
        if training.as_ofs < training.min_as_ofs:
            raise ValueError(
                f"training.as_ofs = {training.as_ofs} is less than min_as_ofs = {training.min_as_ofs}, so that nothing could "
                f"ever train: write as_ofs = {training.min_as_ofs} or more"
            )
        return self

    @model_validator(mode="after")
    def _refresh_does_not_fire_before_settle(self) -> Model:
        """On the day clocks go forward New York has settled an hour later by the clock on the wall, which is what cron reads."""
        fires_at = find_first_firing(self.schedule.refresh)
        unsettled = next((day for day in YEAR[:365] if datetime.combine(day, fires_at, self.zone) < self.known_until(day)), None)
        if unsettled:
            raise ValueError(
                f"schedule.refresh = '{self.schedule.refresh}' fires at {fires_at:%H:%M}, before {unsettled} has settled (at "
                f"{self.known_until(unsettled).astimezone(self.zone):%Y-%m-%d %H:%M}, with settle_hours = "
                f"{self.schedule.settle_hours}): refresh later or settle less"
            )
        return self

    @property
    def asides(self) -> tuple[str, ...]:
        """The columns of features.sql that are read and never fed to the model."""
        cluster = self.entity.cluster
        return self.features.segments if cluster is None else (*self.features.segments, cluster)

    @property
    def metric(self) -> str:
        """What decides who is better: as said, else the first of its task."""
        return self.training.metric or self.label.terms.default

    @property
    def headline(self) -> str:
        """The figure that metric decides by, as the ledger writes it."""
        return self.label.terms.name_headline(self.metric)

    @property
    def rulings(self) -> dict[str, str]:
        """What a person has ruled about inputs and labels, in words: part of what a version was made by; may be empty."""
        cap, judged = self.label.cap, self.metric
        labels = {
            "metric": judged if judged not in list_terms()[UNSAID].metrics else "",
            "cap": f"{cap:g}" if cap is not None else "",
            "weight": self.label.weight or "",
        }
        return self.training.rulings | {key: text for key, text in labels.items() if text}

    # The calendar
    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def horizon(self) -> timedelta:
        return timedelta(days=self.label.horizon_days)

    @property
    def embargo(self) -> timedelta:
        """Smallest distance between a training as_of and a holdout as_of: the horizon."""
        return self.horizon

    @property
    def grid(self) -> Grid:
        """The days that are as_ofs, and those among them that teach."""
        return self.schedule.grid

    @property
    def refreshes(self) -> Literal["weekly", "4 weeks", "monthly", "never"]:
        """How often the champion's recipe is fitted anew: as said, else with every as_of that teaches."""
        return self.training.refresh or ("monthly" if self.schedule.every == "month" else "weekly")

    @property
    def freshness(self) -> timedelta:
        """A snapshot that knows nothing of so long a time is not scored."""
        return timedelta(hours=self.features.freshness_hours or FRESH_HOURS[self.schedule.every])

    def rests_until(self, looked_on: date) -> date:
        """So long an as_of rests at most: until labels that do not overlap show whether the world has changed for good."""
        return self.grid.add(looked_on, -(-self.label.horizon_days // self.grid.longest_step.days))

    def start(self, as_of: date) -> datetime:
        """The instant at which `as_of` begins: local midnight, in UTC."""
        return datetime.combine(as_of, time(), tzinfo=self.zone).astimezone(UTC)

    def known_until(self, as_of: date) -> datetime:
        """The last instant at which a fact of a snapshot may have been learned: start(as_of) + settle."""
        return self.start(as_of) + timedelta(hours=self.schedule.settle_hours)

    def label_end(self, as_of: date) -> datetime:
        """First instant after the label period (exclusive)."""
        return self.start(as_of + self.horizon)

    def matured_at(self, as_of: date) -> datetime:
        """From here on the labels of `as_of` may be used; no fact learned later counts for them."""
        return self.label_end(as_of) + timedelta(days=self.label.grace_days)

    def matured_on(self, as_of: date) -> date:
        """The local day of that instant."""
        return self.matured_at(as_of).astimezone(self.zone).date()

    def latest_matured(self, clock: datetime) -> date:
        """The newest as_of that teaches and whose labels have matured at `clock`: the cutoff."""
        last = clock.astimezone(self.zone).date() - self.horizon - timedelta(days=self.label.grace_days)
        newest = self.grid.newest_teaching(last)
        return newest if self.matured_at(newest) <= clock else self.grid.add(newest, -1)

    def next_matured_on(self, as_of: date) -> date:
        """The local day on which the labels of the as_of that teaches next after this one mature."""
        return self.matured_at(self.grid.next_teaching(as_of)).astimezone(self.zone).date()

    def training_as_ofs(self, first: date, last: date) -> tuple[date, ...]:
        """Every as_of in [first, last] that teaches, oldest first."""
        return self.grid.teaching(first, last)

    def bootstrap_as_ofs(self, covered: date, newest: date, as_of: date) -> tuple[date, ...]:
        """The days that the first training on `as_of` builds, oldest first: those before it that it or a later one will want.

        Args:
            covered: the first day whose windows lie within history.
            newest: the newest as_of that teaches and has matured.
        """
        steps = self.training.as_ofs + self.training.holdout_as_ofs + self.horizon // self.grid.shortest_step
        steps *= 2 if self.entity.may_be_empty else 1  # a season off holds nothing to learn from
        return self.training_as_ofs(max(self.grid.add(newest, -steps), covered), as_of - timedelta(days=1))

    @property
    def config_hash(self) -> str:
        """SHA-256 over every key but retention, which changes no row, defaults included: the same declaration, the same hash."""
        return hashlib.sha256(self.model_dump_json(exclude={"retention"}).encode()).hexdigest()
