"""What stands in scores.<model>, column by column, as tests look at it."""

from __future__ import annotations

from datetime import date

import pandas as pd

from perennial.config import ENTITY, Model
from perennial.stores.sessions import Session
from perennial.stores.warehouse.frames import name_entity_dtype
from perennial.stores.warehouse.reading import read_rows


def read_scores(session: Session, model: Model, as_of: date) -> pd.DataFrame:
    """The scores that stand for one day, indexed by entity_id and sorted; no rows if none were published."""
    columns = "entity_id, score, rank, decile, reason_1, reason_2, reason_3, publication_id"
    query = f'select {columns} from scores."{model.name}" where as_of = %(as_of)s order by entity_id'
    types = {ENTITY: name_entity_dtype(model), "score": "float64", "rank": "int64", "decile": "int64", "publication_id": "int64"}
    reasons = dict.fromkeys(("reason_1", "reason_2", "reason_3"), "str")
    return read_rows(session, query, {"as_of": as_of}, types | reasons).set_index(ENTITY)
