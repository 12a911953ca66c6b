"""Which labelled rows teach where `training.max_rows` bounds them: all of the rarer labels, and a seeded share of the commonest.

A row is in when a hash of its as_of, its entity and the model's seed falls below the share, so that PostgreSQL draws, the same
rows every time, and those of a smaller share are among those of a larger one. A drawn row weighs 1 / share: fits, calibrators and
metrics see weights, so that mean probabilities are those of all rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import pandas as pd

from perennial.config import Model
from perennial.records import TrainingSet
from perennial.stores import queries
from perennial.stores.sessions import Session
from perennial.tasks import task_of

Drawn = Literal["all", "to teach", "evenly"]
"""All rows; those that teach; or an even share of all, of which profiles are made: `EVEN_ROWS` at most."""
EVEN_ROWS = 500_000
"""Bins and counts of so many rows say what those of more do."""
HASH_BITS = 53
"""A float8 holds them exactly."""
HASHED = "hashtextextended(to_char(features.as_of, 'YYYY-MM-DD ') || features.entity_id, %(seed)s)"
IS_DRAWN = f"({HASHED} & {(1 << HASH_BITS) - 1})::float8 < %(share)s * {1 << HASH_BITS}::float8"


@dataclass(frozen=True)
class Draw:
    """How rows are drawn.

    Attributes:
        share: the chance of a row to be in, where it may be left out.
        label: the commonest, whose rows may be left out; None: those of any label may.
        rows: of how many.
        worth: what all rows weigh, by as_of and label; None where none of them weighs more for being drawn.
        expected: about so many are left.
        seed: the model's.
    """

    share: float
    label: str | None
    rows: int
    worth: pd.Series | None
    expected: int
    seed: int

    @property
    def condition(self) -> str:
        """In SQL, over `features` and `labels`."""
        return IS_DRAWN if self.label is None else f"(labels.label::text <> %(drawn_label)s or {IS_DRAWN})"

    @property
    def bound(self) -> dict[str, object]:
        return {"share": self.share, "seed": self.seed, "drawn_label": self.label}

    def weigh(self, labels: pd.Series, beside: Mapping[str, pd.Series]) -> dict[str, pd.Series]:
        """Weights and values of the rows that were drawn: those of a label weigh as much as all of it did, as_of by as_of.

        Rows of an even share weigh alike.
        """
        if self.label is None or self.worth is None:
            return dict(beside)
        is_drawn = labels.astype("str") == self.label
        given = beside["weight"] if "weight" in beside else pd.Series(1.0, index=labels.index)
        left = given.where(is_drawn, 0.0).groupby(level="as_of").sum()
        worth = (self.worth.xs(self.label, level="label").reindex(left.index) / left).where(left > 0, 1.0)
        days = pd.Series(labels.index.get_level_values("as_of").map(worth.to_dict()), index=labels.index)
        return {**beside, "weight": (days.where(is_drawn, 1.0) * given).rename("weight")}


def plan_draw(session: Session, model: Model, as_ofs: Sequence[date], drawn: Drawn) -> Draw | None:
    """How the rows of these as_ofs are drawn; None: all are in.

    Amounts have no rarer labels; nor is a label rare that fills half of `max_rows`. Then an even share of all is drawn.
    """
    most = model.training.max_rows
    if drawn == "evenly":
        return draw_evenly(session, model, as_ofs, min(most or EVEN_ROWS, EVEN_ROWS))
    if most is None or drawn == "all" or _count_all(session, model, as_ofs) <= most:
        return None
    counted = _count_labels(session, model, as_ofs)
    rows, seed = int(counted["rows"].sum()), model.training.seed
    by_label = counted["rows"].groupby(level="label").sum()  # sorted, so that of equals the first is the commonest
    commonest = str(by_label.idxmax())
    rest = rows - int(by_label[commonest])
    if task_of(model).label_dtype == "float64" or rest > most / 2:
        return Draw(most / rows, None, rows, None, most, seed)
    return Draw((most - rest) / int(by_label[commonest]), commonest, rows, counted["worth"], most, seed)


def draw_evenly(session: Session, model: Model, as_ofs: Sequence[date], most: int) -> Draw | None:
    """About so many rows of these as_ofs, whatever their labels; None: there are no more."""
    known = _count_all(session, model, as_ofs)
    return None if known <= most else Draw(most / known, None, known, None, most, model.training.seed)


def are_even(training: TrainingSet) -> bool:
    """Would they be read so for a profile?"""
    return training.drawn_of is None and len(training.labels) <= EVEN_ROWS


def _count_all(session: Session, model: Model, as_ofs: Sequence[date]) -> int:
    """Rows as the ledger knows them: nothing is counted where all are in."""
    values = {"model": model.name, "kind": "labels", "as_ofs": list(as_ofs)}
    return sum(row.rows for row in session.execute(queries.load("warehouse")["find_days"], values))


def _count_labels(session: Session, model: Model, as_ofs: Sequence[date]) -> pd.DataFrame:
    """Rows, and what they weigh, by as_of and label; of amounts all under one name.

    What is no weight is for the training to refuse. Sums are exact, for those of float8 follow the order of the rows on disk.
    """
    label = "''" if task_of(model).label_dtype == "float64" else "label::text"
    is_weight = "weight > 0 and weight < 'Infinity'"
    worth = f"coalesce(sum(weight::numeric) filter (where {is_weight}), 0)" if model.label.weight else "count(*)"
    query = f"""select as_of, {label} as label, count(*) as rows, {worth} as worth from labels."{model.name}"
        where as_of = any(%(as_ofs)s) group by 1, 2"""  # noqa: S608 - checked identifiers
    found = session.exec_driver_sql(query, {"as_ofs": list(as_ofs)}).all()
    days = pd.to_datetime(pd.Series([str(row.as_of) for row in found], dtype="str"), format="%Y-%m-%d")
    index = pd.MultiIndex.from_arrays([days, [row.label for row in found]], names=["as_of", "label"])
    columns = {"rows": [row.rows for row in found], "worth": [float(row.worth) for row in found]}
    return pd.DataFrame(columns, index=index)
