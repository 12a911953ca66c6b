"""What every table of a model file shares.

Every key says in `description` what it means: the one text behind the reference page, `perennial keys` and the comments in
models/lapse.toml. `format` names a type whose pattern says little to people.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]{0,62}$"), Field(json_schema_extra={"format": "name"})]
FeatureName = Annotated[str, StringConstraints(pattern=r"^.{1,63}$"), Field(json_schema_extra={"format": "column name"})]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A frozen table of the TOML file; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
