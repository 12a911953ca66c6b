"""A login inside an address, as in `https://user:password@mlflow.example.com`: never shown, and handed on apart."""

from __future__ import annotations

import base64
from urllib.parse import unquote, urlsplit, urlunsplit


def hide_login(url: str) -> str:
    """The address without user and password, for people, logs and libraries."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def read_login(url: str) -> tuple[str, str] | None:
    """User and password of an address that holds them."""
    parts = urlsplit(url)
    return (unquote(parts.username), unquote(parts.password or "")) if parts.username else None


def write_header(login: tuple[str, str]) -> str:
    """The value of `Authorization` by which HTTP's basic scheme sends a login (RFC 7617)."""
    return f"Basic {base64.b64encode(':'.join(login).encode()).decode('ascii')}"
