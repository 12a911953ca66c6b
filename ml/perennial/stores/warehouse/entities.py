"""The key of a model in SQL: what a query gives becomes one column, entity_id, and comes out of it again.

A key of one column is stored in its own type. Several become the text of a JSON array, such as `[3, "x-7"]`, as PostgreSQL's
json_build_array writes it: equal values give equal texts, others never do, and nothing is lost. So every table keeps one column
that names the entity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from perennial.config import ENTITY, Entity, Model
from perennial.config.entity import KeyColumn
from perennial.errors import ColumnContractBroken, ConfigError
from perennial.records import Column
from perennial.stores import queries
from perennial.stores.sessions import Session

READ_AS: Mapping[str, tuple[str, ...]] = {
    "bigint": ("bigint", "integer", "smallint", "numeric"),
    "text": ("text", "character varying", "character", "citext", "uuid"),
    "uuid": ("uuid", "text", "character varying"),
}
"""The types that a query may give, by the type that the model file says."""
HIGHEST = 2**63 - 1
MADE_OF = "JSON array of "


@dataclass(frozen=True)
class GivenKey:
    """The columns that a query gives: those that name the entity, with the type to read them as, and the others."""

    key: tuple[tuple[Column, KeyColumn], ...]
    others: tuple[Column, ...]

    @property
    def entity_id(self) -> str:
        """The key as SQL over the columns of the query; null where a part of it is."""
        if len(self.key) == 1:
            return _cast(*self.key[0])
        placed = " and ".join(f'"{given.name}" is not null' for given, _ in self.key)
        return f"case when {placed} then {_write_array([_cast(*pair) for pair in self.key])} end"


def find_key(file: str, columns: Sequence[Column], entity: Entity) -> GivenKey:
    """Tell the key from the other columns of a query: all its columns, or, of a key of one column, entity_id instead.

    Raises:
        ConfigError: a column of the key is missing, stands twice, or has a type that cannot be read as its own.
    """
    types = {column.name: column.type for column in columns}
    wanted = entity.columns
    if not entity.is_composite and ENTITY in types:
        wanted = (KeyColumn(ENTITY, wanted[0].type),)
    names = [column.name for column in wanted]
    missing = [name for name in names if name not in types]
    if missing:
        raise ConfigError(_explain_missing(file, entity, missing))
    doubled = [name for name in _list_names(entity) if name in types and name not in names]
    if doubled:
        raise ConfigError(f"{file} gives {doubled[0]} beside {' and '.join(names)}, and either names the entity: leave it out.")
    for column in wanted:
        _check_type(file, column, types[column.name])
    key = tuple((Column(column.name, types[column.name]), column) for column in wanted)
    return GivenKey(key, _list_others(columns, entity))


def find_key_of_labels(file: str, columns: Sequence[Column], entity: Entity) -> GivenKey:
    """The same of labels.sql, which may hand on the entity_id of its cohort; the columns of the key beside it say no more."""
    if not entity.is_composite or ENTITY not in {column.name for column in columns}:
        return find_key(file, columns, entity)
    given, wanted = next(column for column in columns if column.name == ENTITY), KeyColumn(ENTITY, "text")
    _check_type(file, wanted, given.type)
    return GivenKey(((given, wanted),), _list_others(columns, entity))


def read_key(entity: Entity) -> tuple[tuple[str, str], ...]:
    """The columns of the key, each with the SQL that reads it from entity_id; none where entity_id itself is the key."""
    if entity.is_composite:
        parts = enumerate(entity.columns)
        return tuple((part.name, f"cast(cast({ENTITY} as json) ->> {place} as {part.type})") for place, part in parts)
    return tuple((column.name, ENTITY) for column in entity.columns if column.name != ENTITY)


def name_entity_of_fact(entity: Entity, types: Mapping[str, str]) -> str:
    """The entity of a row of a source with these columns, as text in SQL; null where the row does not tell."""
    if any(column.name not in types for column in entity.columns):
        return "null"
    if not entity.is_composite:
        return f"cast({_show(entity.columns[0], types)} as text)"
    placed = " and ".join(f'"{column.name}" is not null' for column in entity.columns)
    return f"case when {placed} then {_write_array([_show(column, types) for column in entity.columns])} end"


def find_fault(session: Session, given: GivenKey) -> str | None:
    """What is wrong with the key in the rows of the open query, with its column and a value; None where nothing is."""
    for column, wanted in given.key:
        try:
            with session.begin_nested():
                fault = _find_fault(session, column, wanted)
        except DBAPIError:  # the query fails on something else, which whoever asks knows already
            return None
        if fault:
            return fault
    return None


def check_key(session: Session, model: Model) -> None:
    """Remember with the table what its entity_id was made of; another key would name other entities by the same values.

    Raises:
        ColumnContractBroken: the tables of the model hold entities of another type, or of other columns.
    """
    query = queries.load("warehouse")
    found = session.execute(query["read_entity_column"], {"table": f'features."{model.name}"'}).one_or_none()
    if found is None:
        return
    entity = model.entity
    made_of = describe_key(entity)
    remembered = found.comment if (found.comment or "").startswith(MADE_OF) else ""  # else it is somebody's own comment
    if found.type != entity.stored_type or remembered != made_of:
        former = f"{found.type} ({remembered})" if remembered else found.type
        raise ColumnContractBroken(
            f"{model.name}: the entities of its tables are {former}, and models/{model.name}.toml says now: "
            f"{entity.stored_type}{f' ({made_of})' if made_of else ''}. Restore entity.key and entity.type, or begin a new model."
        )


def describe_key(entity: Entity) -> str:
    """The COMMENT on features.<model>.entity_id; empty of a key of one column, which may be renamed."""
    if not entity.is_composite:
        return ""
    return f"{MADE_OF}{', '.join(f'{column.name} {column.type}' for column in entity.columns)}"


def _find_fault(session: Session, column: Column, wanted: KeyColumn) -> str | None:
    name = f'"{column.name}"'
    empty = text(f"select count(*) from pg_temp.user_query where {name} is null")  # noqa: S608 - checked identifier
    if rows := session.execute(empty).scalar_one():
        return f"null as {column.name} in {rows} rows, which names nobody: leave them out, or fill the column in the source."
    if (column.type, wanted.type) != ("numeric", "bigint"):
        return None
    strange = text(f"""
        select cast(min({name}) as text) from pg_temp.user_query
        where {name} <> trunc({name}) or {name} not between {-HIGHEST - 1} and {HIGHEST}""")  # noqa: S608 - checked identifier
    if (value := session.execute(strange).scalar_one()) is None:
        return None
    return (
        f"{value} as {column.name}, which is no whole number that a bigint holds: leave such rows out, or cast the column to "
        'text and write type = "text" under [entity].'
    )


def _cast(given: Column, wanted: KeyColumn) -> str:
    """A cast that rounds nothing: a numeric goes by its digits, so that a fraction or an overflow fails."""
    name = f'"{given.name}"'
    if given.type == wanted.type:
        return name
    return f"cast({f'cast(trim_scale({name}) as text)' if given.type == 'numeric' else name} as {wanted.type})"


def _show(column: KeyColumn, types: Mapping[str, str]) -> str:
    """The value of a fact as its entity_id would show it; never fails, whatever it holds."""
    name = f'"{column.name}"'
    if column.type != "bigint":
        return f"cast({name} as text)"
    return f"trim_scale({name})" if types[column.name] == "numeric" else name


def _write_array(parts: Sequence[str]) -> str:
    return f"cast(json_build_array({', '.join(parts)}) as text)"


def _check_type(file: str, wanted: KeyColumn, found: str) -> None:
    if found.rpartition(".")[2] not in READ_AS[wanted.type]:
        raise ConfigError(
            f"{file} must give the column {wanted.name} as {wanted.type}, or as what is read as such "
            f"({', '.join(READ_AS[wanted.type])}); found {found}: cast it, or correct entity.type in the model file."
        )


def _explain_missing(file: str, entity: Entity, missing: Sequence[str]) -> str:
    if entity.is_composite:
        return f"{file} must give every column of the key, {entity.named}; it lacks {' and '.join(missing)}."
    (column,) = entity.columns
    other = f" or {column.name}" if column.name != ENTITY else ""
    return f"{file} must give a column {ENTITY}{other} of type {column.type}; found none."


def _list_names(entity: Entity) -> tuple[str, ...]:
    """Every column by which a query can name the entity."""
    return (ENTITY, *(column.name for column in entity.columns))


def _list_others(columns: Sequence[Column], entity: Entity) -> tuple[Column, ...]:
    return tuple(column for column in columns if column.name not in _list_names(entity))
