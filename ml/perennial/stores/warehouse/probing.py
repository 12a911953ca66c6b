"""What drafted queries give on days of the past, before there is any table of their model: a dry run that leaves nothing."""

from __future__ import annotations

from datetime import date

import pandas as pd
from sqlalchemy import text

from perennial.config import Declaration
from perennial.errors import GrainViolated
from perennial.records.profiles import ProbedDay
from perennial.stores.sessions import Session
from perennial.stores.warehouse.conditions import feature_bounds, label_bounds
from perennial.stores.warehouse.entities import find_key
from perennial.stores.warehouse.point_in_time import open_views
from perennial.stores.warehouse.user_query import feature_parameters, open_query
from perennial.tasks import task_of

SAMPLE_ROWS = 4000


def probe_day(session: Session, declaration: Declaration, as_of: date) -> ProbedDay:
    """Run both queries for one day through the views of the platform, and read a sample; the caller rolls back.

    Raises:
        ForbiddenSource, ConfigError: a query or a source is wrong.
        GrainViolated: an entity stands twice.
    """
    model = declaration.model
    parameters = feature_parameters(model, as_of)
    folder = f"sql/{model.name}"
    with (
        open_views(session, declaration, feature_bounds(model, as_of)),
        open_query(session, f"{folder}/features.sql", declaration.features_sql, parameters) as columns,
    ):
        find_key(f"{folder}/features.sql", columns, model.entity)
        session.exec_driver_sql("create temporary table cohort on commit drop as select * from user_query")
    with (
        open_views(session, declaration, label_bounds(model, as_of)),
        open_query(session, f"{folder}/labels.sql", declaration.labels_sql, parameters),
    ):
        cast = task_of(model).label_cast
        session.exec_driver_sql(
            f"create temporary table labelled on commit drop as select entity_id, label::{cast} as label from user_query"  # noqa: S608 - a type of ours
        )
    found = _read(session, as_of)
    session.exec_driver_sql("drop table pg_temp.cohort, pg_temp.labelled")
    return found


def _read(session: Session, as_of: date) -> ProbedDay:
    counted = session.exec_driver_sql("""
        select
            count(*) as rows,
            count(distinct entity_id) as entities,
            count(*) filter (where cast(label as text) <> '0') as positives
        from pg_temp.cohort left join pg_temp.labelled using (entity_id)""").one()
    if counted.rows != counted.entities:
        raise GrainViolated(
            f"as_of {as_of}: {counted.rows} rows for {counted.entities} entities: features.sql gives one row each."
        )
    drawn = session.execute(
        text("""
            select * from pg_temp.cohort left join pg_temp.labelled using (entity_id)
            order by md5(cast(entity_id as text)) limit :most"""),
        {"most": SAMPLE_ROWS},
    )
    sample = pd.DataFrame(drawn.all(), columns=list(drawn.keys())).set_index("entity_id")
    return ProbedDay(as_of, counted.rows, counted.positives, sample)
