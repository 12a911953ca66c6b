"""How far a search for parameters is, wherever it runs: its trials are kept one by one in the schema `tuning`."""

from __future__ import annotations

from perennial.records import SearchProgress
from perennial.stores import queries
from perennial.stores.sessions import Session


def read_search(session: Session, model: str) -> SearchProgress | None:
    """The newest search of a model, which may be over, or killed; None when it never had one."""
    tuning = queries.load("tuning")
    if not session.execute(tuning["has_begun"]).scalar_one():
        return None
    found = session.execute(tuning["newest_search"], {"model": model}).mappings().one_or_none()
    return None if found is None else SearchProgress(**found)
