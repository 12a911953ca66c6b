"""The model `bench`: people with drawn features, which the benchmarks of reading and of scoring share."""

from __future__ import annotations

from pathlib import Path

from perennial.config import Declaration, Model


def declare(names: str, **scoring: object) -> Declaration:
    """Its declaration with these columns; `scoring` are keys of the table [scoring]."""
    model = Model.model_validate(
        {
            "name": "bench",
            "description": "A benchmark",
            "owner": "bench@example.com",
            "timezone": "UTC",
            "entity": {"key": "person_id"},
            "sources": {"people": {"times": "static"}},
            "schedule": {"refresh": "30 6 * * *", "retrain": "0 8 * * 3"},
            "label": {"horizon_days": 28},
            "scoring": scoring,
        }
    )
    sql = f"select entity_id, {names} from people"
    return Declaration(model=model, features_sql=sql, labels_sql="select 1", expectations=Path())


class Sink:
    """Where a COPY goes when nobody wants it."""

    def write(self, row: bytes) -> int:
        return len(row)
