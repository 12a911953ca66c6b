"""`perennial forget`: every row of one entity is deleted, in the transaction of the caller, and what was counted stays true.

The ledger's row of a day says what stands there now. What the erasure took is handed back, so that beside it can be kept how
the day read before: whoever had learned from it, or looked at it, finds that nothing but erasures changed it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import text

from perennial.errors import ConfigError
from perennial.records.erasures import ErasedDay
from perennial.stores import queries
from perennial.stores.sessions import Session, take_lock
from perennial.stores.warehouse.days import measure_rows
from perennial.stores.warehouse.publishing import drop_shards
from perennial.stores.warehouse.subjects import Kind, Place, Subject, list_places
from perennial.stores.warehouse.tables import read_columns

EVER = datetime.max.replace(tzinfo=UTC)
Key = tuple[str, date, Kind]


@dataclass(frozen=True)
class Found:
    """The rows of an entity before they are deleted, each table with its rows by day.

    Attributes:
        places: tables that hold any; rows of a table without days stand under None.
        checksums: of the days that will lose rows, as they stand.
    """

    places: Mapping[Place, Mapping[date | None, int]]
    checksums: Mapping[Key, str]

    @property
    def rows(self) -> dict[str, int]:
        """Table -> rows."""
        counted: Counter[str] = Counter()
        for place, days in self.places.items():
            counted[place.name] += sum(days.values())
        return dict(counted)

    @property
    def labelled(self) -> dict[str, list[date]]:
        """Model -> the days in which the entity has a label, so that it may have taught."""
        return {place.model: [day for day in days if day] for place, days in self.places.items() if place.kind == "labels"}


def refuse_identity(session: Session, subject: Subject, said: str) -> None:
    """What is recorded says nothing of whom.

    Raises:
        ConfigError: the text names the entity.
    """
    named: bool = session.execute(queries.load("erasures")["is_named"], {"said": said, "word": subject.word}).scalar_one()
    if named:
        raise ConfigError(
            "The reason names the entity, and would be kept: give one without it, such as the number of the request."
        )


def find_rows(session: Session, subject: Subject) -> Found:
    """Wait for whoever builds or publishes a day in which the entity stands, and count its rows."""
    places = list_places(session, subject)
    days = {(place.model, day) for place in places for day in _count(session, subject, place) if day is not None}
    for model, day in sorted(days):
        take_lock(session, model, day)
    counted = {place: found for place in places if (found := _count(session, subject, place))}
    return Found(counted, dict(_read_checksums(session, counted)))


def delete_rows(session: Session, subject: Subject, found: Found) -> tuple[ErasedDay, ...]:
    """Delete what was found, and let the ledger's rows of the days say what is left.

    Scores that wait for their publication go whole: it would be refused, for its snapshot has changed.
    """
    for model in subject.models:
        drop_shards(session, model, EVER)
    for place in found.places:
        session.execute(text(f"delete from {place.table} where {place.condition}"), subject.values)  # noqa: S608 - checked identifiers
    return tuple(
        erased
        for place, days in found.places.items()
        for day, rows in days.items()
        if day is not None and (erased := _measure(session, place, day, rows, found))
    )


def _count(session: Session, subject: Subject, place: Place) -> dict[date | None, int]:
    day = "cast(null as date)" if place.kind is None else "as_of"
    query = f"select {day} as as_of, count(*) as rows from {place.table} where {place.condition} group by 1"  # noqa: S608 - checked
    return {row.as_of: row.rows for row in session.execute(text(query), subject.values)}


def _read_checksums(session: Session, places: Iterable[Place]) -> Iterator[tuple[Key, str]]:
    models = sorted({place.model for place in places})
    for row in session.execute(queries.load("erasures")["checksums"], {"models": models}):
        yield (row.model, row.as_of, row.kind), row.checksum


def _measure(session: Session, place: Place, day: date, rows: int, found: Found) -> ErasedDay | None:
    """What a day has lost; None of one that the ledger does not know, so that nothing counted it."""
    if place.kind is None or place.kind == "scores":
        return ErasedDay(place.model, day, "scores", rows) if place.kind else None
    former = found.checksums.get((place.model, day, place.kind))
    if former is None:
        return None
    columns = [column.name for column in read_columns(session, place.model)]
    if place.kind == "labels":
        known = {"model": place.model, "as_of": day}
        columns = list(session.execute(queries.load("erasures")["columns_of_labels"], known).scalars())
    left, checksum = measure_rows(session, place.table, day, columns)
    values = {"model": place.model, "as_of": day, "kind": place.kind, "rows": left, "checksum": checksum}
    session.execute(queries.load("erasures")["record_what_is_left"], values)
    return ErasedDay(place.model, day, place.kind, rows, former, checksum)
