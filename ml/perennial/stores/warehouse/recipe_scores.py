"""What the weekly fits of a recipe would have served, or did: scores of matured days by fits that had not seen them.

What was published stands in scores.<model>; what was scored for a recipe under test stands in scores.<model>$recipes until its
tests have ended. Both come as series indexed by (as_of, entity_id).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date

import pandas as pd

from perennial.config import ENTITY, Declaration
from perennial.stores.sessions import Session, take_lock
from perennial.stores.warehouse.frames import name_entity_dtype
from perennial.stores.warehouse.reading import read_rows
from perennial.stores.warehouse.tables import name_recipe_scores

INDEX = ["as_of", ENTITY]


def read_published(session: Session, declaration: Declaration, as_ofs: Sequence[date]) -> pd.Series:
    """The live scores of these days."""
    query = f"""
        select as_of, entity_id, score from scores."{declaration.model.name}"
        where as_of = any(%(as_ofs)s) order by as_of, entity_id"""  # noqa: S608 - checked identifier
    return _read(session, declaration, query, as_ofs, {})


def read_kept(session: Session, declaration: Declaration, recipe: int, as_ofs: Sequence[date]) -> pd.Series:
    """What was kept for a recipe and these days; days that were never scored for it are not there."""
    query = f"""
        select as_of, entity_id, score from {name_recipe_scores(declaration.model.name)}
        where recipe = %(recipe)s and as_of = any(%(as_ofs)s) order by as_of, entity_id"""  # noqa: S608 - checked identifier
    return _read(session, declaration, query, as_ofs, {"recipe": recipe})


def keep_scores(session: Session, declaration: Declaration, recipe: int, scores: pd.Series) -> None:
    """Keep some days of a recipe; scored twice, as by a rerun beside a survivor, a day is replaced."""
    take_lock(session, "recipe scores", declaration.model.name, recipe)
    table, days = name_recipe_scores(declaration.model.name), scores.index.get_level_values("as_of").unique()
    rows = scores.rename("score").reset_index().assign(recipe=recipe)
    cursor = session.connection.cursor()
    for day in days:
        cursor.execute(f"delete from {table} where recipe = %s and as_of = %s", (recipe, day.date()))  # noqa: S608 - as above
    content = rows[["recipe", *INDEX, "score"]].to_csv(index=False, header=False, date_format="%Y-%m-%d")
    cursor.copy_expert(f"copy {table} (recipe, as_of, entity_id, score) from stdin (format csv)", io.StringIO(content))
    cursor.close()


def forget_scores(session: Session, declaration: Declaration, *, but: Sequence[int]) -> None:
    """Delete what was kept for all recipes but these."""
    cursor = session.connection.cursor()
    table = name_recipe_scores(declaration.model.name)
    cursor.execute(f"delete from {table} where recipe <> all(%s)", (list(but),))  # noqa: S608 - checked identifier
    cursor.close()


def _read(session: Session, declaration: Declaration, query: str, as_ofs: Sequence[date], values: dict[str, object]) -> pd.Series:
    types = {"as_of": "str", ENTITY: name_entity_dtype(declaration.model), "score": "float64"}
    rows = read_rows(session, query, {**values, "as_ofs": list(as_ofs)}, types)
    rows["as_of"] = pd.to_datetime(rows["as_of"], format="%Y-%m-%d")
    return rows.set_index(INDEX)["score"]
