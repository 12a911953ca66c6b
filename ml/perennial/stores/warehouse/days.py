"""One day in features.<model> or labels.<model>: replaced as a whole, measured, and written into the ledger.

The same as_of built again, after late and corrected rows arrived, gives the same rows and so the same checksum:
md5 over the text of the rows, ordered by entity_id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from psycopg2 import errors
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from perennial.config import Declaration
from perennial.errors import ConfigError, GrainViolated, PermanentError
from perennial.records import Column, Run, Snapshot, dump_json
from perennial.stores import queries
from perennial.stores.sessions import Session
from perennial.stores.warehouse.capturing import describe_captures
from perennial.stores.warehouse.entities import GivenKey, find_fault
from perennial.stores.warehouse.identifiers import quote_for_text
from perennial.stores.warehouse.partitions import ensure_month
from perennial.stores.warehouse.point_in_time import describe_known_rules
from perennial.tasks import task_of

REBUILT = 'pg_temp."rebuilt$"'  # no source can be called like it


@dataclass(frozen=True)
class Day:
    """The rows of one model at one as_of in one of its two tables; `columns` are those beside the entity."""

    declaration: Declaration
    as_of: date
    kind: Literal["features", "labels"]
    columns: tuple[Column, ...]

    @property
    def model(self) -> str:
        return self.declaration.model.name

    @property
    def table(self) -> str:
        return f'{self.kind}."{self.model}"'

    @property
    def listed(self) -> str:
        """The columns as SQL for `text()`, each after a comma."""
        return "".join(f", {quote_for_text(column.name)}" for column in self.columns)

    def __str__(self) -> str:
        return f"{self.model}, as_of {self.as_of}: {self.kind}.sql"


def replace_rows(session: Session, day: Day, given: GivenKey, known_at: datetime | None = None) -> int:
    """Delete the day and insert what the open query gives; returns its rows. Labels also carry `known_at`.

    Raises:
        GrainViolated: an entity stands twice or is null, a part of its key is, or a label is none of the task.
        ConfigError: the query fails on the data, as in a division by zero.
    """
    ensure_month(session, day.kind, day.model, day.as_of)
    session.execute(text(f"delete from {day.table} where as_of = :as_of"), {"as_of": day.as_of})  # noqa: S608 - checked
    try:
        with session.begin_nested():
            return _insert_rows(session, day, day.table, given, known_at)
    except DBAPIError as error:
        explained = _explain_key(session, day, given, error.orig) or _explain(day, error.orig)
        if explained is None:
            raise
        raise explained from error


def measure_query(
    session: Session,
    day: Day,
    given: GivenKey,
    columns: Sequence[str],
    *,
    known_at: datetime | None = None,
    without: Sequence[str],
) -> str:
    """The checksum that the day would have if the open query were written now: in a temporary table, so that no row is touched.

    `columns`: what the checksum covers, in its order; `without`: entities, as texts, whose rows are left out.
    """
    session.exec_driver_sql(f"drop table if exists {REBUILT}")
    session.exec_driver_sql(f"create temporary table {REBUILT} (like {day.table})")
    _insert_rows(session, day, REBUILT, given, known_at)
    left_out = text(f"delete from {REBUILT} where cast(entity_id as text) = any(:without)")  # noqa: S608 - our name
    session.execute(left_out, {"without": list(without)})
    return measure_rows(session, REBUILT, day.as_of, columns)[1]


def _insert_rows(session: Session, day: Day, table: str, given: GivenKey, known_at: datetime | None) -> int:
    targets, values = day.listed, day.listed
    parameters: dict[str, object] = {"as_of": day.as_of}
    if known_at is not None:
        label = day.declaration.model.label
        beside = "".join(f", {quote_for_text(column)}::double precision" for column in label.beside.values())
        targets = f"{''.join(f', {name}' for name in ('label', *label.beside))}, known_at"
        values = f', "label"::{task_of(day.declaration.model).label_cast}{beside}, :known_at'
        parameters["known_at"] = known_at
    statement = (
        f"insert into {table} (as_of, entity_id{targets}) "  # noqa: S608 - checked identifiers
        f"select :as_of, {given.entity_id}{values} from pg_temp.user_query"
    )
    return session.execute(text(statement), parameters).rowcount


def measure_rows(session: Session, table: str, as_of: date, columns: Sequence[str]) -> tuple[int, str]:
    """Rows and checksum of what stands in the table for one day."""
    listed = "".join(f", {quote_for_text(column)}" for column in columns)
    statement = f"""
        select count(*) as rows,
            md5(coalesce(string_agg(md5(row(entity_id{listed})::text), '' order by entity_id), '')) as checksum
        from {table} where as_of = :as_of"""  # noqa: S608 - checked identifiers
    found = session.execute(text(statement), {"as_of": as_of}).one()
    return found.rows, found.checksum


def record_rows(session: Session, day: Day, run: Run) -> Snapshot:
    """Write the ledger's row of the day; a day that is built again begins again as `built`."""
    rows, checksum = measure_rows(session, day.table, day.as_of, [column.name for column in day.columns])
    snapshot = Snapshot(
        model=day.model,
        as_of=day.as_of,
        kind=day.kind,
        rows=rows,
        checksum=checksum,
        query_hash=day.declaration.definition_hash(day.kind),
        config_hash=day.declaration.model.config_hash,
        columns=day.columns,
    )
    values = {
        **{name: getattr(snapshot, name) for name in ("model", "as_of", "kind", "rows", "checksum", "query_hash", "config_hash")},
        "columns": dump_json({"columns": [{"name": column.name, "type": column.type} for column in day.columns]}),
        "known_rule": dump_json(describe_known_rules(day.declaration.model) | describe_captures(session, day.declaration.model)),
        "purpose": run.purpose,
        "effective_at": run.clock,
    }
    session.execute(queries.load("warehouse")["record_snapshot"], values)
    return snapshot


def _explain_key(session: Session, day: Day, given: GivenKey, error: BaseException | None) -> GrainViolated | None:
    """What is wrong with a key is asked of the query once more: what failed to be written names no value of a part."""
    if not isinstance(error, errors.NotNullViolation | errors.DataError):
        return None
    fault = find_fault(session, given)
    return GrainViolated(f"{day} gives {fault}") if fault else None


def _explain(day: Day, error: BaseException | None) -> PermanentError | None:
    match error:
        case errors.UniqueViolation():
            return GrainViolated(f"{day} gives an entity twice ({error.diag.message_detail}): one row per entity.")
        case errors.NotNullViolation():
            return GrainViolated(f"{day} gives null as {error.diag.column_name}: every row needs one.")
        case errors.CheckViolation():
            return GrainViolated(f"{day} gives {task_of(day.declaration.model).wrong_label}.")
        case errors.DataError():
            return ConfigError(f"{day} fails: {str(error).strip()}")
        case _:
            return None
