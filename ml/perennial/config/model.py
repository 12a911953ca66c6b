"""What a model file may say, and the calendar that follows from it.

Grain of time: `as_of` is a local calendar day of the model's timezone; every instant is timezone-aware UTC.
Worked example (lapse): as_of 2017-05-08 in New York starts at 2017-05-08 04:00 UTC; with settle_hours = 6
its facts are those with event_at < 04:00 UTC and known_at <= 10:00 UTC of that day; with horizon_days = 28 and
grace_days = 2 its labels cover [05-08, 06-05) and are matured from 06-07 on.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from perennial.config.cron import Cron, find_first_firing
from perennial.config.promotion import Promotion
from perennial.config.section import Identifier, Section, Share
from perennial.config.training import Training

ModelName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WEEK_DAYS = 7
YEAR_OF_RULES = 2037  # the last for which every copy of the timezone database writes out all changes


def _check_timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"'{value}' is not an IANA timezone, such as 'Europe/Berlin'") from error
    return value


TimezoneName = Annotated[str, AfterValidator(_check_timezone)]


class Entity(Section):
    key: Identifier
    type: Literal["bigint", "text"] = "bigint"


class Source(Section):
    """One source table. `times = "static"` acknowledges a table without dates; then the other keys stay empty.

    Attributes:
        key: columns that identify a fact; of several versions the newest within bounds counts. Empty: every row is a fact.
        lookback_days: the longest window that the SQL looks back; bounds the view and refuses censored snapshots.
        known_from: rows learned before this day were loaded in bulk: their known_at becomes event_at + typical delay.
        acknowledged: `current_state` for a table that is updated in place, for features that accept it.
    """

    event_at: Identifier | None = None
    known_at: Identifier | None = None
    key: tuple[Identifier, ...] = Field(default=(), strict=False)
    lookback_days: int | None = Field(default=None, ge=1)
    known_from: date | None = None
    typical_delay_minutes: int = Field(default=0, ge=0)
    times: Literal["versioned", "static", "current_state"] = "versioned"

    @model_validator(mode="after")
    def _has_both_times_or_says_why_not(self) -> Source:
        if self.times == "versioned" and not (self.event_at and self.known_at):
            raise ValueError('give event_at and known_at, or acknowledge a table without dates with times = "static"')
        if self.times != "versioned" and (self.event_at or self.known_at):
            raise ValueError(f'times = "{self.times}" excludes event_at and known_at')
        return self


class Schedule(Section):
    refresh: Cron
    retrain: Cron
    snapshot_weekday: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] = "monday"
    settle_hours: int = Field(default=6, ge=0, le=48)


class Label(Section):
    """`absence_of` names the source whose missing facts make the label; it must have delivered the whole horizon."""

    horizon_days: int = Field(ge=1, le=730)
    grace_days: int = Field(default=2, ge=0)
    absence_of: Identifier | None = None
    min_weekly_volume: Share = 0.5


class NoDriftTrigger(Section):
    columns: tuple[Identifier, ...] = Field(default=(), strict=False)


class Features(Section):
    freshness_hours: int = Field(default=26, ge=1)
    segments: tuple[Identifier, ...] = Field(default=(), strict=False)
    no_drift_trigger: NoDriftTrigger = NoDriftTrigger()


class Quality(Section):
    """Limits of the data checks that are not a suite's: quarantine share and the band of row counts."""

    max_quarantined_share: Share = 0.01
    row_count_band: float = Field(default=0.5, gt=0, le=1)
    history_snapshots: int = Field(default=8, ge=1)


class Scoring(Section):
    threshold: Share = 0.5
    reasons: int = Field(default=3, ge=0, le=3)
    publish_max_shift: float = Field(default=0.50, gt=0)


class Monitoring(Section):
    feature_psi: float = Field(default=0.10, gt=0)
    drifted_share: Share = 0.3
    prediction_shift: float = Field(default=0.10, gt=0)
    max_auc_loss: float = Field(default=0.03, gt=0)
    max_champion_age_days: int = Field(default=180, ge=1)
    persistence: tuple[int, int] = Field(default=(2, 3), strict=False)
    cooldown_days: int = Field(default=7, ge=0)
    max_retrains_per_30_days: int = Field(default=3, ge=0)

    @model_validator(mode="after")
    def _persistence_is_k_of_n(self) -> Monitoring:
        needed, checks = self.persistence
        if not 1 <= needed <= checks:
            raise ValueError(f"persistence = [{needed}, {checks}] must read [k, n] with 1 <= k <= n")
        return self


class Model(Section):
    """What `models/<name>.toml` declares, with the calendar that follows from it."""

    name: ModelName
    description: str = Field(min_length=1)
    owner: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")
    timezone: TimezoneName
    entity: Entity
    sources: dict[Identifier, Source] = Field(min_length=1)
    schedule: Schedule
    label: Label
    features: Features = Features()
    quality: Quality = Quality()
    training: Training = Training()
    promotion: Promotion = Promotion()
    scoring: Scoring = Scoring()
    monitoring: Monitoring = Monitoring()

    @model_validator(mode="after")
    def _label_names_a_source(self) -> Model:
        absent = self.label.absence_of
        if absent is not None and absent not in self.sources:
            raise ValueError(f"label.absence_of = '{absent}' is none of the sources {sorted(self.sources)}")
        if absent is not None and self.sources[absent].times != "versioned":
            raise ValueError(
                f"label.absence_of = '{absent}' names a table with times = \"{self.sources[absent].times}\", of which nobody can "
                "tell whether it was delivered: name a source with event_at and known_at, or leave absence_of out"
            )
        return self

    @model_validator(mode="after")
    def _has_room_for_a_fold(self) -> Model:
        """A fold validates as_ofs that lie at least the horizon after the oldest that trains; they come once a week."""
        training, horizon_days = self.training, self.label.horizon_days
        needed = -(-horizon_days // WEEK_DAYS) + 1
        if training.min_as_ofs < needed:
            raise ValueError(
                f"training.min_as_ofs = {training.min_as_ofs} weekly snapshots span less than label.horizon_days = "
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
        days = (date(YEAR_OF_RULES, 1, 1) + timedelta(days=number) for number in range(365))
        unsettled = next((day for day in days if datetime.combine(day, fires_at, self.zone) < self.known_until(day)), None)
        if unsettled:
            raise ValueError(
                f"schedule.refresh = '{self.schedule.refresh}' fires at {fires_at:%H:%M}, before {unsettled} has settled (at "
                f"{self.known_until(unsettled).astimezone(self.zone):%Y-%m-%d %H:%M}, with settle_hours = "
                f"{self.schedule.settle_hours}): refresh later or settle less"
            )
        return self

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
    def fewest_as_ofs(self) -> int:
        """So many, one a week, must have matured before anything can train: training, embargo and holdout."""
        return self.training.min_as_ofs - 1 + -(-self.label.horizon_days // WEEK_DAYS) + self.training.holdout_as_ofs

    @property
    def longest_lookback_days(self) -> int:
        return max((source.lookback_days or 0 for source in self.sources.values()), default=0)

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

    def latest_matured(self, clock: datetime) -> date:
        """The newest training as_of (a snapshot weekday) whose labels have matured at `clock`: the cutoff."""
        newest = clock.astimezone(self.zone).date() - self.horizon - timedelta(days=self.label.grace_days)
        newest -= timedelta(days=(newest.weekday() - WEEKDAYS.index(self.schedule.snapshot_weekday)) % 7)
        return newest if self.matured_at(newest) <= clock else newest - timedelta(days=7)

    def training_as_ofs(self, first: date, last: date) -> tuple[date, ...]:
        """Every snapshot weekday in [first, last], oldest first."""
        day = first + timedelta(days=(WEEKDAYS.index(self.schedule.snapshot_weekday) - first.weekday()) % 7)
        return tuple(day + timedelta(days=7 * week) for week in range(max(0, (last - day).days // 7 + 1)))

    @property
    def config_hash(self) -> str:
        """SHA-256 over every key, defaults included; the same declaration gives the same hash."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


class Declaration(BaseModel):
    """A model with the files that belong to it: its SQL texts and the folder of its suites."""

    model_config = ConfigDict(frozen=True)

    model: Model
    features_sql: str
    labels_sql: str
    expectations: Path

    @property
    def query_hash(self) -> str:
        """SHA-256 over both queries."""
        return hashlib.sha256(f"{self.features_sql}\0{self.labels_sql}".encode()).hexdigest()

    def definition_hash(self, kind: Literal["features", "labels"]) -> str:
        """SHA-256 over what decides the rows of a snapshot, or of labels: what was built under another is built anew.

        Lines of comment do not, nor do keys that the queries and their views do not read, such as the owner's address.
        """
        sql = {"features": self.features_sql, "labels": self.labels_sql}[kind]
        code = [line for line in sql.splitlines() if not line.lstrip().startswith("--")]
        reads_label = kind == "labels" or any(re.search(r":(?:horizon_days|label_end)\b", line) for line in code)
        keys = {"timezone", "entity", "sources", *(["label"] if reads_label else [])}
        stated = self.model.model_dump(mode="json", include=keys) | {"settle_hours": self.model.schedule.settle_hours}
        return hashlib.sha256("\n".join([json.dumps(stated, sort_keys=True), *code]).encode()).hexdigest()
