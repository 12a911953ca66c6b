"""What published scores come to: rows and a checksum that no order of the rows changes, so that no sort is needed.

PostgreSQL's 64-bit hashes of the rows are added up, by the functions that hash partitions live from, which no release may change;
the columns are those that a publication writes. It finds accidents and hasty repairs; who wants to deceive can.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date

from sqlalchemy import text

from perennial.config import Model
from perennial.errors import SchemaMismatch
from perennial.predictor import Feature
from perennial.stores import queries
from perennial.stores.sessions import Session
from perennial.stores.warehouse.publishing.arms import count_arms
from perennial.stores.warehouse.publishing.attempts import Attempt, ScoringJob
from perennial.stores.warehouse.publishing.streams import Scored, list_columns
from perennial.stores.warehouse.publishing.wire import encode_in_sql
from perennial.stores.warehouse.tables import read_columns

OF_THE_PUBLICATION = ("as_of", "publication_id")


def measure_scores(session: Session, model: Model, as_of: date, publication_id: int) -> tuple[int, str]:
    """Rows and checksum of what stands in scores.<model> for a day under one publication."""
    listed = ", ".join(column for column in list_columns(model) if column not in OF_THE_PUBLICATION)
    statement = text(f"""
        select count(*) as rows,
            coalesce(sum(hash_record_extended(row({listed}), 0)::numeric), 0)::text as checksum
        from scores."{model.name}" where as_of = :as_of and publication_id = :publication_id""")  # noqa: S608 - checked identifiers
    found = session.execute(statement, {"as_of": as_of, "publication_id": publication_id}).one()
    return found.rows, found.checksum


def record_arms(session: Session, attempt: Attempt, job: ScoringJob, scored: Scored) -> tuple[str, ...]:
    """Keep what each arm was given; why that must not be published, in sentences: PostgreSQL finds others in the canary."""
    if job.canary is None or scored.members is None:
        return ()
    share = job.canary.share
    arms = count_arms(scored.scores, scored.members, job.version.version, share.version)
    found = measure_arms(session, job.model, attempt.run.as_of, attempt.publication_id, (share.canary.salt, share.share))
    for arm in arms:
        values = {"publication_id": attempt.publication_id, **asdict(arm)}
        session.execute(queries.load("publishing")["record_arm"], values)
    counted = {arm.arm: arm.rows for arm in arms if arm.rows}
    stored = {arm: rows for arm, (rows, _) in found.items()}
    return () if counted == stored else (f"the arms of the canary hold {counted}, and by PostgreSQL {stored}",)


def measure_arms(
    session: Session, model: str, as_of: date, publication_id: int, canary: tuple[str, float]
) -> Mapping[str, tuple[int, float]]:
    """Rows and mean score of each arm of a published day, as PostgreSQL finds its members; an arm without a row is not there.

    Args:
        canary: its salt and its share.
    """
    statement = text(f"""
        select case when ledger.place_entity(entity_id::text, :salt) < :share then 'canary' else 'champion' end as arm,
            count(*) as rows, avg(score) as mean_score
        from scores."{model}" where as_of = :as_of and publication_id = :publication_id group by 1""")  # noqa: S608 - checked identifier
    values = {"as_of": as_of, "publication_id": publication_id, "salt": canary[0], "share": canary[1]}
    return {row.arm: (row.rows, row.mean_score) for row in session.execute(statement, values)}


def measure_missing(
    session: Session, model: str, as_of: date, features: Sequence[Feature], canary: tuple[str, float] | None = None
) -> float:
    """Share of a version's inputs that are missing in a snapshot, a text that it does not know among them.

    Args:
        canary: of its members only: its salt and its share.

    Raises:
        SchemaMismatch: features.<model> lacks a feature, or carries it with another type.
    """
    types = {column.name: column.type for column in read_columns(session, model)}
    missing = [feature.name for feature in features if feature.name not in types]
    if missing:
        raise SchemaMismatch(f"{model}: features.{model} lacks {', '.join(missing)}, which the recipe under test reads.")
    encoded = [encode_in_sql(feature, types[feature.name]) for feature in features]
    counted = " + ".join(f"(({expression}) = 'NaN')::integer" for expression, _ in encoded)
    values = [value for _, bound in encoded for value in bound]
    within = "" if canary is None else " and ledger.place_entity(entity_id::text, %s) < %s"
    query = f'select coalesce(avg({counted}), 0)::float8 from features."{model}" where as_of = %s{within}'  # noqa: S608 - checked identifiers
    cursor = session.connection.cursor()
    cursor.execute(query, (*values, as_of, *(canary or ())))
    ((total,),) = cursor.fetchall()
    cursor.close()
    return float(total) / max(len(features), 1)


def count_scores(session: Session, model: str, as_of: date) -> int:
    """Rows of scores.<model> for a day, whoever wrote them."""
    statement = text(f'select count(*) from scores."{model}" where as_of = :as_of')  # noqa: S608 - checked identifier
    return int(session.execute(statement, {"as_of": as_of}).scalar_one())


def list_scored_days(session: Session, model: str) -> list[date]:
    """Every as_of of which rows stand in scores.<model>, by one look into the index for each; none where there is no table."""
    if session.execute(text("select to_regclass(:name) is null"), {"name": f'scores."{model}"'}).scalar_one():
        return []
    statement = text(f"""
        with recursive days (as_of) as (
            select min(as_of) from scores."{model}"
            union all
            select (select min(as_of) from scores."{model}" where as_of > days.as_of) from days where days.as_of is not null
        )
        select as_of from days where as_of is not null""")  # noqa: S608 - checked identifier
    return list(session.execute(statement).scalars())


def read_numbers(session: Session, model: Model, as_of: date, publication_id: int) -> Mapping[str, float]:
    """The published score of every entity of a day, by its key as text."""
    statement = text(f"""
        select cast(entity_id as text) as entity, score
        from scores."{model.name}" where as_of = :as_of and publication_id = :publication_id""")  # noqa: S608 - checked identifier
    return {row.entity: row.score for row in session.execute(statement, {"as_of": as_of, "publication_id": publication_id})}
