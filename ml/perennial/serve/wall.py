"""The wall's time: how old a served score is, for whoever asks now."""

from __future__ import annotations

from datetime import UTC, datetime


def read_wall() -> datetime:
    """Now; a server answers live, whatever clock the runs had."""
    return datetime.now(UTC)
