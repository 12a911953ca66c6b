"""What the ledger knows of one version, for its model card. All SQL: sql/queries/card.sql."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TypeVar

from perennial.records import Contest, DriftCheck
from perennial.records.cards import Asked, BuiltDay, DatedVerdict, KnownFit, PublishedDay, ServedDay
from perennial.stores import queries
from perennial.stores.ledger.statements import reader_of
from perennial.stores.sessions import Session

Record = TypeVar("Record")


def verdicts_on(session: Session, model: str, version: int) -> tuple[DatedVerdict, ...]:
    """Every comparison of the recipe of a version as challenger, oldest first."""
    return _fetch(DatedVerdict, session, "verdicts_on", model=model, version=version)


def verdicts_against(session: Session, model: str, version: int) -> tuple[DatedVerdict, ...]:
    """Every comparison in which the recipe of a version was the champion's, oldest first."""
    return _fetch(DatedVerdict, session, "verdicts_against", model=model, version=version)


def contests_of(session: Session, model: str, version: int) -> tuple[Contest, ...]:
    """Every sequential test in which the recipe of a version stood on either side, oldest first, without the looks."""
    return _fetch(Contest, session, "contests_of", model=model, version=version)


def questions_about(session: Session, model: str, version: int) -> tuple[Asked, ...]:
    """What people were asked about the recipe of a version, and what they said, oldest first."""
    return _fetch(Asked, session, "questions_about", model=model, version=version)


def fits_of(session: Session, model: str, version: int) -> tuple[KnownFit, ...]:
    """Every fit of the recipe of a version, oldest first."""
    return _fetch(KnownFit, session, "fits", model=model, version=version)


def published_days(session: Session, model: str, version: int) -> tuple[PublishedDay, ...]:
    """What a version itself has published and analysts still see, oldest first."""
    return _fetch(PublishedDay, session, "published", model=model, version=version)


def built_days(session: Session, model: str, as_ofs: Sequence[date]) -> tuple[BuiltDay, ...]:
    """The snapshots of these days, oldest first."""
    return _fetch(BuiltDay, session, "built_days", model=model, as_ofs=list(as_ofs))


def served_days(session: Session, model: str, version: int) -> tuple[ServedDay, ...]:
    """The matured outcomes of what the fits of a version's recipe published and analysts still see, oldest as_of first."""
    return _fetch(ServedDay, session, "served", model=model, version=version)


def checks_of(session: Session, model: str, version: int, *, limit: int) -> tuple[DriftCheck, ...]:
    """The newest drift checks of what a version scored, newest first."""
    values = {"model": model, "version": version, "limit": limit}
    found = session.execute(queries.load("card")["checks_of"], values).scalars()
    return tuple(reader_of(DriftCheck).validate_python(evidence) for evidence in found)


def _fetch(kind: type[Record], session: Session, name: str, /, **values: object) -> tuple[Record, ...]:
    reader = reader_of(kind)
    return tuple(reader.validate_python(dict(row)) for row in session.execute(queries.load("card")[name], values).mappings())
