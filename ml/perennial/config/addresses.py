"""The e-mail addresses of a model file, checked by a library before a mail waits for ever on one that nobody can write to."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field


def check_address(address: str) -> str:
    """The address as mail servers write it, its domain in ASCII; a ValueError says what is wrong with it."""
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415 - 40 ms, for whoever reads a model file

    try:
        if "=?" in address:
            raise EmailNotValidError("=? begins what readers of mail take for another text")  # noqa: TRY301 - told as the others
        found = validate_email(address, check_deliverability=False, allow_smtputf8=False, globally_deliverable=False, strict=True)
    except EmailNotValidError as error:
        raise ValueError(
            f"{address!r} is no e-mail address ({str(error).rstrip('.')}): write one such as data@example.com"
        ) from error
    assert found.ascii_email is not None  # it says so of all that needs no SMTPUTF8
    return found.ascii_email


def _join_addresses(value: object) -> object:
    """One address, or a list of them, as the header of a mail names them; what is neither is left to the type's own error."""
    listed = value if isinstance(value, list) else [value]
    addresses = [each for each in listed if isinstance(each, str)]
    if len(addresses) < len(listed):
        return value
    if not addresses:
        raise ValueError("nobody would get the mail: name one address at least")
    return ", ".join(dict.fromkeys(map(check_address, addresses)))


Addresses = Annotated[
    str, BeforeValidator(_join_addresses), Field(json_schema_extra={"format": "e-mail address, or a list of them"})
]
"""Joined by commas."""
