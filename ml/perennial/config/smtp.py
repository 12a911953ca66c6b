"""The mail server: from `PERENNIAL_SMTP_*`, or from an Airflow connection."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from perennial.errors import ConfigError

CONNECTION = "AIRFLOW_CONN_SMTP_DEFAULT"
IMPLICIT_PORT = 25
TLS_PORT = 465
"""Encrypted from the first byte (RFC 8314)."""


@dataclass(frozen=True)
class Smtp:
    """The mail server; no user means no login.

    Attributes:
        sender: the From address.
        starttls: encrypt once the server has greeted, as on port 587.
        tls: encrypt from the first byte, as on port 465.
    """

    host: str = "127.0.0.1"
    port: int = IMPLICIT_PORT
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    sender: str = "perennial@example.com"
    starttls: bool = False
    tls: bool = False
    timeout_seconds: float = 10.0

    @classmethod
    def of_connection(
        cls, host: str | None, port: int | None, *, user: str | None, password: str | None, extras: Mapping[str, object]
    ) -> Smtp:
        """What Airflow's connection `smtp_default` means."""
        tls = _is_tls(port, extras)
        return cls(
            host=host or cls.host,
            port=port or IMPLICIT_PORT,
            user=user or None,
            password=password or None,
            sender=str(extras.get("from_email") or cls.sender),
            starttls=not tls and not _is_true(extras.get("disable_tls", False)),
            tls=tls,
        )


def read_smtp(environment: Mapping[str, str] = os.environ) -> Smtp:
    """PERENNIAL_SMTP_*; without any of them the connection that Airflow's services find in the environment; else this machine."""
    is_told = any(value for name, value in environment.items() if name.startswith("PERENNIAL_SMTP_"))
    if environment.get(CONNECTION) and not is_told:
        return _read_connection(environment[CONNECTION].strip())
    port = environment.get("PERENNIAL_SMTP_PORT") or str(IMPLICIT_PORT)
    if not port.isdigit():
        raise ConfigError(f"PERENNIAL_SMTP_PORT is '{port}': give a number such as 587.")
    return Smtp(
        host=environment.get("PERENNIAL_SMTP_HOST") or Smtp.host,
        port=int(port),
        user=environment.get("PERENNIAL_SMTP_USER") or None,
        password=environment.get("PERENNIAL_SMTP_PASSWORD") or None,
        sender=environment.get("PERENNIAL_SMTP_SENDER") or Smtp.sender,
        starttls=environment.get("PERENNIAL_SMTP_STARTTLS", "") == "1",
        tls=environment.get("PERENNIAL_SMTP_TLS", "") == "1",
    )


def _read_connection(value: str) -> Smtp:
    """Airflow takes an address, its extras as parameters or as one JSON parameter `__extra__`, or a JSON object."""
    try:
        return _read_json(value) if value.startswith("{") else _read_address(value)
    except (ValueError, TypeError, AttributeError):
        raise ConfigError(
            f"{CONNECTION} is no connection: give an address such as smtp://user:password@mail.example.com:587/, "
            "special characters in user and password percent-encoded, or a JSON object."
        ) from None  # it may quote the password


def _read_address(value: str) -> Smtp:
    parts = urlsplit(value)
    extras: dict[str, object] = dict(parse_qsl(parts.query))
    if "__extra__" in extras:
        extras = dict(json.loads(str(extras["__extra__"])))
    host, user, password = (unquote(part or "") for part in (parts.hostname, parts.username, parts.password))
    return Smtp.of_connection(host, parts.port, user=user, password=password, extras=extras)


def _read_json(value: str) -> Smtp:
    parts = json.loads(value)
    extras = parts.get("extra") or {}
    return Smtp.of_connection(
        parts.get("host"),
        int(parts["port"]) if parts.get("port") else None,
        user=parts.get("login"),
        password=parts.get("password"),
        extras=json.loads(extras) if isinstance(extras, str) else extras,
    )


def _is_tls(port: int | None, extras: Mapping[str, object]) -> bool:
    """Is it encrypted from the first byte?

    In Airflow `disable_ssl` forbids just this, and `disable_tls` forbids STARTTLS. A connection that forbids neither would
    ask for both, one inside the other, which no server offers: its port says which of them is meant.
    """
    if _is_true(extras.get("disable_ssl", False)):
        return False
    return _is_true(extras.get("disable_tls", False)) or port == TLS_PORT


def _is_true(value: object) -> bool:
    return str(value).lower() in ("1", "true", "yes")
