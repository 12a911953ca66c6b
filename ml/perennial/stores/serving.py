"""What `perennial serve` reads from PostgreSQL, as role analyst: the champions, and the newest published score of an entity.

Imports no frames, no boosters and no MLflow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from perennial.errors import ConfigError, WarehouseBusy
from perennial.records import Version
from perennial.stores import queries
from perennial.stores.sessions import Database, Session, read_code

KEPT_CONNECTIONS = 2
PARAMETERS = {
    "default_transaction_read_only": "on",
    "statement_timeout": "5s",  # somebody waits
    "lock_timeout": "2s",
    "idle_session_timeout": "0",
}
NOT_OF_ITS_TYPE = (
    "22P02",
    "22003",
    "22007",
    "22008",
    "22021",
)  # PostgreSQL, appendix A: no number, too large, ...
REASONS = ("reason_1", "reason_2", "reason_3")
BESIDE = ("class", "probabilities")
"""What a task may publish beside the score; see `perennial.tasks.scores`, which loads frames."""


@dataclass(frozen=True)
class PublishedScore:
    """One row of the newest live publication.

    Attributes:
        beside: what the task publishes beside the score (of classes the likeliest and all probabilities), by column.
    """

    as_of: date
    score: float
    rank: int
    decile: int
    reasons: tuple[str, ...]
    version: int
    scored_at: datetime
    beside: Mapping[str, object]


def open_reading(url: str) -> Database:
    """The warehouse for short questions: read-only, and a few connections stay open."""
    return Database(url, "perennial serve", parameters=PARAMETERS, kept_connections=KEPT_CONNECTIONS)


def read_champions(database: Database, models: Sequence[str]) -> dict[str, Version]:
    """The champion of each model that has one.

    Raises:
        WarehouseUnavailable, WarehouseBusy: PostgreSQL does not answer, or not in time.
        ConfigError: the view is missing, or this role may not read it.
    """
    reader = TypeAdapter(Version)
    with _explained(database), database.transaction() as session:
        rows = session.execute(queries.load("serving")["champions"], {"models": list(models)}).mappings()
        return {row["model"]: reader.validate_python(dict(row)) for row in rows}


@dataclass(frozen=True)
class ServedCanary:
    """A canary in force: who is in it, and which version answers for them.

    Attributes:
        salt: as in `perennial.records.Canary`.
        started_for: the day from which it acts.
        champion_recipe: what it is compared with.
    """

    canary_id: int
    salt: str
    started_for: date
    champion_recipe: int
    version: Version


def read_canaries(database: Database, models: Sequence[str]) -> dict[str, ServedCanary]:
    """The canary in force of each model that has one.

    Raises:
        WarehouseUnavailable, WarehouseBusy, ConfigError: as `read_champions`.
    """
    reader = TypeAdapter(Version)
    with _explained(database), database.transaction() as session:
        rows = session.execute(queries.load("serving")["canaries"], {"models": list(models)}).mappings()
        return {row["model"]: _read_canary(dict(row), reader) for row in rows}


def _read_canary(row: dict[str, Any], reader: TypeAdapter[Version]) -> ServedCanary:
    own = {name: row.pop(name) for name in ("canary_id", "salt", "started_for", "champion_recipe")}
    return ServedCanary(**own, version=reader.validate_python(row))


def may_write(database: Database) -> bool:
    """Whether the role could do more than read."""
    with database.transaction() as session:
        return bool(session.execute(queries.load("serving")["can_write"]).scalar_one())


def find_score(database: Database, model: str, entity: str) -> PublishedScore | None:
    """The score of an entity in the newest live publication; None: it has none there, or the text is no key of this model.

    Args:
        entity: its entity_id as text; of a key of several columns their values as the text of a JSON array.

    Raises:
        WarehouseUnavailable, ConfigError: as `read_champions`.
    """
    if "\x00" in entity:
        return None
    with _explained(database), database.transaction() as session:
        row = _find_row(session, model, entity)
    if row is None:
        return None
    return PublishedScore(
        as_of=row["as_of"],
        score=float(row["score"]),
        rank=int(row["rank"]),
        decile=int(row["decile"]),
        reasons=tuple(row[name] for name in REASONS if row[name] is not None),
        version=int(row["version"]),
        scored_at=row["scored_at"],
        beside={name: row[name] for name in BESIDE if name in row},
    )


def _find_row(session: Session, model: str, entity: str) -> Mapping[str, Any] | None:
    """The text becomes what the column is: PostgreSQL reads a literal of no type by what it is compared with."""
    statement = text(
        f'select * from analytics."{model}_scores_history" '  # noqa: S608 - a checked name
        f'where entity_id = :entity and as_of = (select max(as_of) from analytics."{model}_scores_latest")'
    )
    try:
        found = session.execute(statement, {"entity": entity}).mappings().first()
    except DBAPIError as error:
        if read_code(error) in NOT_OF_ITS_TYPE:
            return None
        raise
    return None if found is None else {str(name): value for name, value in found.items()}


@contextmanager
def _explained(database: Database) -> Iterator[None]:
    """Say in our words what stands in the way of a role that reads views; never what was asked for."""
    try:
        yield
    except DBAPIError as error:
        match read_code(error):
            case "42P01" | "42703":  # undefined table, undefined column
                raise ConfigError(
                    f"{database.describe()} lacks a view that serving reads, or a column of one: `perennial sync` makes them, "
                    "the first refresh too."
                ) from None
            case "42501":  # insufficient privilege
                raise ConfigError(
                    f"{database.describe()} may not read schema analytics: let PERENNIAL_SERVE_URL name role analyst."
                ) from None
            case "57014":  # query canceled
                raise WarehouseBusy(f"{database.describe()} did not answer in time; try again.") from None
        raise
