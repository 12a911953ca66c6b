"""The tables of a model file about its inputs: sources, schedule, features and their quality."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from perennial.config.cron import Cron
from perennial.config.grid import WEEKDAYS, Every, Grid
from perennial.config.section import Band, ColumnName, Identifier, Section, Share, TimezoneName

PART = r'(?:"(?:[^"]|"")+"|[^."]+)'
TableName = Annotated[
    str, StringConstraints(pattern=rf"^(?:{PART}\.)?{PART}$"), Field(json_schema_extra={"format": "table, or schema.table"})
]
TIMES_OF: dict[str, tuple[set[str], set[str]]] = {
    "versioned": ({"event_at", "known_at"}, set()),
    "validity": ({"valid_from", "valid_to"}, {"known_at"}),
    "captured": (set(), set()),
    "static": (set(), set()),
    "current_state": (set(), set()),
}
"""Of each way to tell the time, the columns that it needs and those that it allows beside them."""
CAPTURED_AT = "perennial_captured_at"
"""The column of a captured source that says when a version of a row was first seen."""


class Source(Section):
    """One source table. `times` says how its rows tell the time; which other keys it needs follows from that."""

    table: TableName | None = Field(
        default=None,
        description="Table, view or materialized view, as schema.table; capitals count, a dot in a name needs double quotes; "
        "empty: the table of the schema source that bears the source's name",
    )
    event_at: ColumnName | None = Field(
        default=None, description="Column: when a fact happened; needed unless times acknowledges a table without"
    )
    known_at: ColumnName | None = Field(
        default=None, description="Column: when the warehouse learned of this version of the fact; needed as event_at is"
    )
    valid_from: ColumnName | None = Field(
        default=None, description='Column, with times = "validity": since when a version of the row holds'
    )
    valid_to: ColumnName | None = Field(
        default=None,
        description='Column, with times = "validity": until when; a date is its last day; null, or in the future: it holds',
    )
    zone: TimezoneName | None = Field(
        default=None,
        description="What the clock showed that wrote a time without a zone; a date is a day here, else in the model's timezone",
    )
    key: tuple[ColumnName, ...] = Field(
        default=(),
        strict=False,
        description="Columns that identify a fact: of its versions the newest known one counts; empty: every row is a fact",
    )
    lookback_days: int | None = Field(
        default=None, ge=1, description="Longest window of the SQL; a snapshot that reaches before history is refused"
    )
    history_from: date | None = Field(
        default=None,
        description="From this day on the table holds all facts; empty: where they begin to be delivered without a long silence",
    )
    known_from: date | None = Field(
        default=None,
        description="Rows learned before this day were loaded in bulk: they count as known at event_at + typical_delay_minutes",
    )
    typical_delay_minutes: int = Field(
        default=0, ge=0, description="How long after event_at the rows from before known_from count as known"
    )
    times: Literal["versioned", "validity", "captured", "static", "current_state"] = Field(
        default="versioned",
        description="How its rows tell the time. versioned: facts with two times; validity: rows with valid_from and valid_to; "
        "captured: updated in place, its history kept by perennial capture; static acknowledges a table without dates, "
        "current_state one that is updated in place",
    )

    @model_validator(mode="after")
    def _has_the_times_that_it_says(self) -> Source:
        given = {name for name in ("event_at", "known_at", "valid_from", "valid_to") if getattr(self, name)}
        needed, allowed = TIMES_OF[self.times]
        if self.times == "versioned" and needed - given:
            raise ValueError(
                'give event_at and known_at; or say otherwise how its rows tell the time: times = "validity" (valid_from, '
                'valid_to), "captured" (updated in place: its history is kept from now on) or "static" (it carries no dates)'
            )
        if needed - given:
            raise ValueError(f'times = "{self.times}" needs {" and ".join(sorted(needed - given))}')
        if given - needed - allowed:
            raise ValueError(f'times = "{self.times}" excludes {" and ".join(sorted(given - needed - allowed))}')
        return self

    @model_validator(mode="after")
    def _a_state_has_a_key_and_no_window(self) -> Source:
        if not self.is_state:
            return self
        if not self.key:
            raise ValueError(f'times = "{self.times}" needs key: the columns of which each value has one row at a time')
        beside = [name for name in ("lookback_days", "history_from", "known_from") if getattr(self, name)]
        if beside:
            raise ValueError(f'times = "{self.times}" excludes {beside[0]}: at each as_of exactly the rows count that held then')
        return self

    @property
    def is_dated(self) -> bool:
        """Do its rows say when they happened?"""
        return self.happened is not None

    @property
    def is_state(self) -> bool:
        """Does it say what held at an instant, instead of what happened before?"""
        return self.times in ("validity", "captured")

    @property
    def happened(self) -> str | None:
        """The column that says when a row happened."""
        return {"versioned": self.event_at, "validity": self.valid_from, "captured": CAPTURED_AT}.get(self.times)

    @property
    def learned(self) -> str | None:
        """The column that says when it was learned; of a state, since when it holds, unless there is another."""
        return self.known_at or self.happened

    def locate(self, name: str) -> tuple[str, str]:
        """Schema and name of the table, without quotes, of a source that bears a name."""
        parts = re.findall(PART, self.table or name)
        bare = [part[1:-1].replace('""', '"') if part.startswith('"') else part for part in parts]
        return ("source" if len(bare) == 1 else bare[0], bare[-1])


class Schedule(Section):
    every: Every = Field(
        default="day",
        description="How often there is an as_of: each day, each snapshot_weekday, or each month when refresh fires",
    )
    refresh: Cron = Field(
        description="As often, in the model's timezone; not before settle, on the day the clocks go forward too",
    )
    retrain: Cron = Field(description="Weekly, or monthly in a monthly model, in the model's timezone")
    snapshot_weekday: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] = Field(
        default="monday", description="The weekday whose snapshots train; a monthly model has none"
    )
    settle_hours: int = Field(
        default=6, ge=0, le=48, description="Facts learned until so many hours after midnight belong to the day before"
    )

    @property
    def grid(self) -> Grid:
        return Grid(self.every, self.refresh, WEEKDAYS.index(self.snapshot_weekday))


class NoDriftTrigger(Section):
    columns: tuple[ColumnName, ...] = Field(
        default=(), strict=False, description="Columns that drift by construction: reported, never a reason to retrain"
    )


class Features(Section):
    freshness_hours: int | None = Field(
        default=None,
        ge=1,
        description="An older snapshot is not scored; empty: 26, in a weekly model 170, in a monthly one 746",
    )
    segments: tuple[Identifier, ...] = Field(
        default=(), strict=False, description="Columns of features.sql for slices; never fed to the model"
    )
    no_drift_trigger: NoDriftTrigger = Field(default=NoDriftTrigger(), description="Columns whose drift asks for nothing")


class Quality(Section):
    """Limits of the data checks that are not a suite's: quarantine share and the band of row counts."""

    max_quarantined_share: Share = Field(
        default=0.01,
        description="A larger share of rejected rows, or of facts of a source without a time or key, stops the day",
    )
    row_count_band: Band = Field(
        default=0.5, description="Share by which the number of rows may differ from the median of the snapshots before"
    )
    history_snapshots: int = Field(default=8, ge=1, description="Snapshots in the median of the number of rows")
