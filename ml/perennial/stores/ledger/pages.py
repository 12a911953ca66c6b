"""What the pages of drift checks share."""

from __future__ import annotations

from collections.abc import Mapping

from perennial.stores.ledger.statements import execute
from perennial.stores.sessions import Session, take_lock


def lock_parts(session: Session, *, shared: bool = False) -> None:
    """Shared by all who keep parts and say which page wants them; alone whoever deletes those that none wants."""
    take_lock(session, "parts of pages", shared=shared)


def keep_parts(session: Session, parts: Mapping[str, bytes]) -> None:
    """Keep parts of a page under their SHA-256; those that are there already stay."""
    for digest, content in parts.items():
        execute(session, "keep_page_part", digest=digest, content=content)
