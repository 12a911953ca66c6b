"""Snapshots: what features.sql gives for one day, built from facts that were known then, and what is set aside from it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import text

from perennial.config import Declaration
from perennial.errors import ConfigError, EmptySource
from perennial.records import Rejects, Run, Snapshot
from perennial.stores import queries
from perennial.stores.sessions import Session, take_lock
from perennial.stores.warehouse.conditions import feature_bounds
from perennial.stores.warehouse.days import Day, measure_query, measure_rows, record_rows, replace_rows
from perennial.stores.warehouse.entities import find_key
from perennial.stores.warehouse.point_in_time import check_sources, open_views
from perennial.stores.warehouse.tables import check_columns, read_columns
from perennial.stores.warehouse.user_query import feature_parameters, open_query


def build_snapshot(session: Session, declaration: Declaration, run: Run) -> Snapshot:
    """Replace features.<model> at the run's as_of by what features.sql gives, one row per cohort entity, or none.

    Idempotent; of two at once the second waits. What was quarantined from the former rows of the day is forgotten.

    Raises:
        HistoryTooShort, EmptySource: the sources do not cover the windows.
        GrainViolated: an entity stands twice, or is null.
        ColumnContractBroken: features.sql dropped or retyped a column.
        ForbiddenSource, ConfigError: the SQL or a source is wrong, or `sync` was not run.
    """
    model = declaration.model
    bounds = feature_bounds(model, run.as_of)
    file = f"sql/{model.name}/features.sql"
    take_lock(session, model.name, run.as_of)
    with (
        open_views(session, declaration, bounds),
        open_query(session, file, declaration.features_sql, feature_parameters(model, run.as_of)) as columns,
    ):
        check_sources(session, declaration, bounds)
        given = find_key(file, columns, model.entity)
        day = Day(declaration, run.as_of, "features", given.others)
        _check_synced(session, day)
        rows = replace_rows(session, day, given)
    if not (rows or model.entity.may_be_empty):
        raise EmptySource(
            f"{day} gives no entity; nothing was built and the former scores stay. Check its cohort; where a day without any is "
            f"in order, write `may_be_empty = true` under [entity] of models/{model.name}.toml."
        )
    session.execute(queries.load("warehouse")["forget_quarantine"], {"model": model.name, "as_of": run.as_of})
    return record_rows(session, day, run)


def rebuild_checksum(session: Session, declaration: Declaration, as_of: date) -> str:
    """The checksum that the snapshot of a day would have if it were built now, without the rows that its suites rejected.

    What is made for it is temporary; the caller rolls back, takes no lock of the day, and touches no row of the model.

    Raises:
        ForbiddenSource, ConfigError: the SQL or a source is wrong.
    """
    model, file = declaration.model, f"sql/{declaration.model.name}/features.sql"
    known = {"model": model.name, "as_of": as_of}
    rejected = session.execute(queries.load("warehouse")["rejected_entities"], known).scalars().all()
    stored = [column.name for column in read_columns(session, model.name)]
    with (
        open_views(session, declaration, feature_bounds(model, as_of)),
        open_query(session, file, declaration.features_sql, feature_parameters(model, as_of)) as columns,
    ):
        given = find_key(file, columns, model.entity)
        covered = (
            stored if rejected else [column.name for column in given.others]
        )  # as `remove_rejects` and `record_rows` measure
        return measure_query(session, Day(declaration, as_of, "features", given.others), given, covered, without=rejected)


def quarantine_rows(session: Session, declaration: Declaration, run: Run, rejects: Sequence[Rejects]) -> None:
    """Keep a copy of the rejected rows in ledger.quarantine, whole and once per rule, instead of what stood there for the day."""
    model, kind = declaration.model.name, declaration.model.entity.stored_type
    take_lock(session, model, run.as_of)
    session.execute(queries.load("warehouse")["forget_quarantine"], {"model": model, "as_of": run.as_of})
    statement = text(f"""
        insert into ledger.quarantine (model, as_of, entity_id, rule, row_content, effective_at)
        select :model, as_of, entity_id::text, :rule, to_jsonb(rejected.*), :effective_at
        from features."{model}" rejected
        where as_of = :as_of and entity_id = any(cast(:entities as {kind}[]))
        on conflict do nothing""")  # noqa: S608 - checked identifiers
    for reject in rejects:
        values = {"model": model, "as_of": run.as_of, "rule": reject.rule, "effective_at": run.clock}
        session.execute(statement, {**values, "entities": list(reject.entity_ids)})


def remove_rejects(session: Session, declaration: Declaration, run: Run, rejects: Sequence[Rejects]) -> int:
    """Take rejected rows out of features.<model>, and say in the ledger's row of the snapshot what is left; how many went."""
    model, kind = declaration.model.name, declaration.model.entity.stored_type
    entities = sorted({entity for reject in rejects for entity in reject.entity_ids})
    if not entities:
        return 0
    take_lock(session, model, run.as_of)
    statement = text(f"""
        delete from features."{model}"
        where as_of = :as_of and entity_id = any(cast(:entities as {kind}[]))""")  # noqa: S608 - checked identifiers
    removed = session.execute(statement, {"as_of": run.as_of, "entities": entities}).rowcount
    columns = [column.name for column in read_columns(session, model)]
    rows, checksum = measure_rows(session, f'features."{model}"', run.as_of, columns)
    left = {"model": model, "as_of": run.as_of, "rows": rows, "checksum": checksum}
    session.execute(queries.load("warehouse")["record_what_is_left"], left)
    return removed


def _check_synced(session: Session, day: Day) -> None:
    new = check_columns(day.model, read_columns(session, day.model), day.columns)
    if new:
        raise ConfigError(f"{day.table} lacks the column {new[0].name}: run `perennial sync {day.model}` first.")
