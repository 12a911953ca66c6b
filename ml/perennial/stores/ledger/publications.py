"""Published scores, and how good they turned out to be. `stores.warehouse` writes publications; here they are read."""

from __future__ import annotations

from datetime import date, datetime
from math import isnan

from perennial.records import MaturedRate, Publication, Realised, Run
from perennial.stores.ledger.statements import execute, fetch_all, fetch_one
from perennial.stores.sessions import Session


def live_publication(session: Session, model: str, as_of: date) -> Publication | None:
    """The live scores of the day."""
    return fetch_one(Publication, session, "live_publication", model=model, as_of=as_of)


def newest_publication(session: Session, model: str) -> Publication | None:
    """The newest live scores: what analysts see."""
    return fetch_one(Publication, session, "newest_publication", model=model)


def blocked_because(session: Session, model: str, as_of: date) -> str | None:
    """Why the day has no scores of its own: what the suites or the checks of the publication said; else None."""
    return execute(session, "blocked_because", model=model, as_of=as_of).scalar()


def outcome_of(session: Session, publication: Publication) -> Realised | None:
    """How good a publication turned out to be; None while its labels mature."""
    return fetch_one(Realised, session, "outcome_of", publication_id=publication.publication_id)


def without_outcome(session: Session, model: str, *, until: date) -> tuple[Publication, ...]:
    """Live publications up to a day (the newest whose labels have matured) without an outcome as its rows stand, oldest first.

    Those of which rows were purged have nothing left to be measured by.
    """
    return fetch_all(Publication, session, "without_outcome", model=model, until=until)


def record_outcome(session: Session, run: Run, publication: Publication, realised: Realised) -> None:
    """Keep what the matured labels say about a publication."""
    execute(
        session,
        "record_outcome",
        publication_id=publication.publication_id,
        model=realised.model,
        as_of=realised.as_of,
        version=realised.version,
        rows=realised.rows,
        positives=realised.positives,
        mean_score=realised.mean_score,
        base_rate=realised.base_rate,
        effective_at=run.clock,
    )
    for position, (metric, found) in enumerate(realised.metrics.items(), start=1):
        ends = {"low": found.low, "high": found.high, "standard_error": found.standard_error}
        execute(
            session,
            "record_outcome_metric",
            publication_id=publication.publication_id,
            metric=metric,
            position=position,
            value=found.estimate,
            **{name: None if isnan(end) else end for name, end in ends.items()},
        )


def outcomes(session: Session, model: str, *, known_by: datetime, limit: int, recipe: int | None = None) -> tuple[Realised, ...]:
    """The newest outcomes that were known at an instant (of the fits of one recipe, if asked), newest as_of first."""
    return fetch_all(Realised, session, "outcomes", model=model, known_by=known_by, limit=limit, recipe=recipe)


def matured_rates(session: Session, model: str, *, known_by: datetime, since: date, zone: str) -> tuple[MaturedRate, ...]:
    """Mean scores of live publications and what came true of them, known at an instant, oldest first."""
    return fetch_all(MaturedRate, session, "matured_rates", model=model, known_by=known_by, since=since, zone=zone)
