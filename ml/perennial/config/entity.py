"""The table `entity` of a model file: what gets a score, and the columns that identify it."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from pydantic import Discriminator, Field, Tag, model_validator

from perennial.config.section import Identifier, Section

KeyType = Literal["bigint", "text", "uuid"]
ENTITY = "entity_id"
FORMS = ONE_VALUE, A_LIST = ("one value", "a list")
"""Of a key that may be either; pydantic names the form beside the key that is wrong."""
OURS = frozenset(
    {
        *("as_of", ENTITY, "score", "rank", "decile", "reason_1", "reason_2", "reason_3", "version", "scored_at", "purpose"),
        *("publication_id", "label"),
    }
)
"""Columns of the views of scores, and of labels.sql: the columns of a key stand beside them."""


def _tell(value: object) -> str:
    return A_LIST if isinstance(value, list | tuple) else ONE_VALUE


KeyNames = Annotated[
    Annotated[Identifier, Tag(ONE_VALUE)] | Annotated[tuple[Identifier, ...], Field(min_length=1, strict=False), Tag(A_LIST)],
    Discriminator(_tell),
]
KeyTypes = Annotated[
    Annotated[KeyType, Tag(ONE_VALUE)] | Annotated[tuple[KeyType, ...], Field(strict=False), Tag(A_LIST)],
    Discriminator(_tell),
]


class KeyColumn(NamedTuple):
    """One column of a key; `type` is what it is read as, whatever a query gives."""

    name: str
    type: KeyType


class Entity(Section):
    key: KeyNames = Field(
        description="What gets a score: the column that identifies it in the sources, or the list of those that do together",
        json_schema_extra={"format": "name, or list of names"},
    )
    type: KeyTypes = Field(
        default="bigint",
        description="The type of that column, or of each; or a list with one for each",
        json_schema_extra={"format": '"bigint", "text" or "uuid", or list of them'},
    )
    may_be_empty: bool = Field(
        default=False,
        description="A day without any entity, such as a weekend or a season off, is quiet: it publishes and teaches nothing. "
        "Without it such a day is an error",
    )
    cluster: Identifier | None = Field(
        default=None,
        description="Text column of features.sql, never fed to the model: entities that share its value, as rooms of one "
        "booking do, are copies of each other and one piece of evidence in the promotion test",
    )

    @model_validator(mode="after")
    def _columns_are_told_apart(self) -> Entity:
        names = self._names
        if isinstance(self.type, tuple) and len(self.type) != len(names):
            raise ValueError(f"type lists {len(self.type)} types for a key of {len(names)} columns: write one for each")
        if len(set(names)) < len(names):
            raise ValueError("key names a column twice: write each once")
        taken = [name for name in names if name in OURS and names != (ENTITY,)]
        if taken:
            raise ValueError(
                f"key names {taken[0]}, and Perennial writes a column of that name beside the key, into the views of scores or "
                f"the table of labels: rename it where features.sql and labels.sql give it, such as `{taken[0]} as "
                f'customer_{taken[0]}`, and write key = "customer_{taken[0]}"'
            )
        if self.cluster in names:
            raise ValueError(
                f"cluster names {self.cluster}, a column of the key: give it a second time in features.sql, such as "
                f'`{self.cluster}::text as of_{self.cluster}`, and write cluster = "of_{self.cluster}"'
            )
        return self

    @property
    def _names(self) -> tuple[str, ...]:
        return (self.key,) if isinstance(self.key, str) else self.key

    @property
    def columns(self) -> tuple[KeyColumn, ...]:
        """The columns of the key in their order, each with its type."""
        types = self.type if isinstance(self.type, tuple) else (self.type,) * len(self._names)
        return tuple(KeyColumn(name, kind) for name, kind in zip(self._names, types, strict=True))

    @property
    def is_composite(self) -> bool:
        """Several columns identify it; its entity_id is then the text of a JSON array of their values."""
        return len(self._names) > 1

    @property
    def stored_type(self) -> str:
        """The type of entity_id in PostgreSQL."""
        return "text" if self.is_composite else self.columns[0].type

    @property
    def named(self) -> str:
        """The columns of the key as people read them."""
        return " and ".join(self._names)
