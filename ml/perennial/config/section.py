"""What every table of a model file shares.

Every key says in `description` what it means: the one text behind the reference page, `perennial keys` and the comments in
models/lapse.toml. `format` names a type whose pattern says little to people.
"""

from __future__ import annotations

from math import inf
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]{0,62}$"), Field(json_schema_extra={"format": "name"})]
ColumnName = Annotated[str, StringConstraints(pattern=r"^.{1,63}$"), Field(json_schema_extra={"format": "column name"})]

Share = Annotated[float, Field(ge=0, le=1)]
AboveZero = Annotated[float, Field(gt=0)]
Band = Annotated[
    AboveZero | Annotated[tuple[AboveZero, AboveZero], Field(strict=False)] | Literal["off"],
    Field(json_schema_extra={"format": 'share, [share below, share above] or "off"'}),
]
"""By how much a value may differ from what it is compared with."""


def check_timezone(value: str) -> str:
    """The name as it is; a ValueError says that it names no timezone."""
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"'{value}' is not an IANA timezone, such as 'Europe/Berlin'") from error
    return value


TimezoneName = Annotated[str, AfterValidator(check_timezone), Field(json_schema_extra={"format": "IANA timezone"})]


class Section(BaseModel):
    """A frozen table of the TOML file; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def read_band(band: Band) -> tuple[float, float]:
    """Shares by which a value may lie below and above; infinite where the check is off."""
    if isinstance(band, tuple):
        return band
    return (inf, inf) if band == "off" else (float(band), float(band))


def say_band(band: Band) -> str:
    """A band in words: `50%`, or `50% below and 300% above`."""
    below, above = read_band(band)
    return f"{below:.0%}" if below == above else f"{below:.0%} below and {above:.0%} above"
