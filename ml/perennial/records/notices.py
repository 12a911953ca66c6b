"""A mail to write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True)
class Notice:
    """A mail to write: the facts, not the layout. One per (model, as_of, event).

    Attributes:
        event: decision, verdict, blocked, rest_<day>, release_<day>, or failure_<dag>.
        headline: the subject after the model's name.
        moved: rows (name, before, after, remark) of the table of what moved.
        system_did, you_must: sentences; an empty `you_must` is printed as "Nothing."
        chart: series for the picture, name -> (x labels, values), or empty.
        links: (text, address).
    """

    model: str
    as_of: date
    event: str
    headline: str
    summary: str
    moved: tuple[tuple[str, str, str, str], ...]
    system_did: tuple[str, ...]
    you_must: tuple[str, ...]
    chart: Mapping[str, float] = field(default_factory=dict)
    chart_limit: float | None = None
    chart_title: str = ""
    links: tuple[tuple[str, str], ...] = ()
