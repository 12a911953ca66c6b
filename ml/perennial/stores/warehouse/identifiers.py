"""Names of columns as SQL writes them: PostgreSQL lets people call one `spend%`, `kb:size` or `the "good" ones`."""

from __future__ import annotations


def quote(name: str) -> str:
    """The name for a statement that goes to PostgreSQL as it stands."""
    return '"' + name.replace('"', '""') + '"'


def quote_for_text(name: str) -> str:
    """The name inside SQLAlchemy's `text()`, where a colon would begin a parameter."""
    return quote(name).replace(":", "\\:")


def quote_for_driver(name: str) -> str:
    """The name inside a statement with parameters of the driver, where a percent sign would begin one."""
    return quote(name).replace("%", "%%")
