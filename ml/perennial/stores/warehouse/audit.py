"""What the suites of a model look at: views that live inside the caller's transaction and are gone after it.

Great Expectations runs over the caller's own connection. So it sees rows that are not committed yet: a snapshot that
is not valid yet, and scores that are not live yet and never will be if their suite fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Literal

from sqlalchemy import Engine, TextClause, text

from perennial.config import Declaration, Model
from perennial.stores.sessions import Session, lend_connection
from perennial.stores.warehouse.conditions import feature_bounds
from perennial.stores.warehouse.point_in_time import open_views

TABLES = {"snapshot": "features", "scores": "scores"}
BEFORE_ALL_HISTORY = date(1900, 1, 1)


@contextmanager
def open_audit(
    session: Session,
    declaration: Declaration,
    as_of: date,
    which: Literal["source", "snapshot", "scores"],
    windows: Mapping[str, tuple[str, int | None]],
) -> Iterator[Engine]:
    """While the block lasts, an engine shows what a suite looks at, inside this transaction and nowhere else.

    Args:
        session: the transaction to look from.
        declaration: names the sources.
        as_of: the day to look at.
        which: `snapshot` and `scores` are a view of that name over the rows of the day, one per entity.
        windows: for `source`, each view to make: its source, and the number of local days before the as_of
            (None: all that features.sql sees). Such a view holds what was known at the as_of, with the columns of the
            source and `age_days`, from the event to the start of the as_of; facts without a time or a key are among them.
    """
    opened = (
        _open_windows(session, declaration, as_of, windows)
        if which == "source"
        else _open_day(session, declaration, as_of, which)
    )
    with session.begin_nested() as audit:
        with opened, lend_connection(session) as engine:
            yield engine
        audit.rollback()


@contextmanager
def _open_day(session: Session, declaration: Declaration, as_of: date, which: Literal["snapshot", "scores"]) -> Iterator[None]:
    statement = f"""
        create temporary view {which} as
        select * from {TABLES[which]}."{declaration.model.name}" where as_of = :as_of"""  # noqa: S608 - checked identifiers
    session.execute(text(statement), {"as_of": as_of})
    yield


@contextmanager
def _open_windows(
    session: Session, declaration: Declaration, as_of: date, windows: Mapping[str, tuple[str, int | None]]
) -> Iterator[None]:
    with open_views(session, declaration, feature_bounds(declaration.model, as_of), with_incomplete=True):
        for view, (source, days) in windows.items():
            session.execute(*_define_window(declaration.model, as_of, view, source, days))
        yield


def _define_window(model: Model, as_of: date, view: str, source: str, days: int | None) -> tuple[TextClause, dict[str, object]]:
    event_at = model.sources[source].event_at
    if event_at is None:
        return text(f'create temporary view "{view}" as select * from "{source}"'), {}  # noqa: S608 - checked identifiers
    statement = f"""
        create temporary view "{view}" as
        select *, extract(epoch from :as_of_start - "{event_at}")::double precision / 86400 as age_days
        from "{source}" where coalesce("{event_at}", :begins) >= :begins"""  # noqa: S608 - checked identifiers
    begins = model.start(as_of - timedelta(days=days) if days else BEFORE_ALL_HISTORY)
    return text(statement), {"as_of_start": model.start(as_of), "begins": begins}
