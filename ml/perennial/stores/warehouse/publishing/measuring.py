"""What published scores come to: rows and a checksum that no order of the rows changes, so that no sort is needed.

PostgreSQL's 64-bit hashes of the rows are added up, by the functions that hash partitions live from, which no release may change;
the columns are those that a publication writes. It finds accidents and hasty repairs; who wants to deceive can.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from sqlalchemy import text

from perennial.config import Model
from perennial.stores.sessions import Session
from perennial.stores.warehouse.publishing.streams import list_columns

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


def count_scores(session: Session, model: str, as_of: date) -> int:
    """Rows of scores.<model> for a day, whoever wrote them."""
    statement = text(f'select count(*) from scores."{model}" where as_of = :as_of')  # noqa: S608 - checked identifier
    return int(session.execute(statement, {"as_of": as_of}).scalar_one())


def read_numbers(session: Session, model: Model, as_of: date, publication_id: int) -> Mapping[str, float]:
    """The published score of every entity of a day, by its key as text."""
    statement = text(f"""
        select cast(entity_id as text) as entity, score
        from scores."{model.name}" where as_of = :as_of and publication_id = :publication_id""")  # noqa: S608 - checked identifier
    return {row.entity: row.score for row in session.execute(statement, {"as_of": as_of, "publication_id": publication_id})}
