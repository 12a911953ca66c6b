"""What the weekly fits of a recipe would have served, or did: scores of matured days by fits that had not seen them.

What was published stands in scores.<model>; what was scored for a recipe under test stands in scores.<model>$recipes until its
tests have ended. Both come indexed by (as_of, entity_id).
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
from perennial.tasks import Scores, task_of
from perennial.tasks.scores import parse_classes, write_classes

INDEX = ["as_of", ENTITY]
SAID = {"score": "float64", "probabilities": "str"}


def read_published(session: Session, declaration: Declaration, as_ofs: Sequence[date]) -> Scores:
    """The live scores of these days by the version of their publication: those of a canary are another's."""
    query = f"""
        select as_of, entity_id, {_name_column(declaration)}
        from scores."{declaration.model.name}" as scores
        left join ledger.publications using (publication_id, as_of)
        left join ledger.canaries using (canary_id)
        where as_of = any(%(as_ofs)s)
            and (canary_id is null or ledger.place_entity(entity_id::text, salt) >= canary_share)
        order by as_of, entity_id"""  # noqa: S608 - checked identifier
    return _read(session, declaration, query, as_ofs, {})


def read_arms(session: Session, declaration: Declaration, canary_id: int, as_ofs: Sequence[date]) -> tuple[Scores, Scores]:
    """What the champion's and the canary's arm of these days were served; days without a live publication of it are not there."""
    ours, theirs = (
        _read(session, declaration, _write_arms(declaration, condition), as_ofs, {"canary_id": canary_id})
        for condition in ("not", "")
    )
    return ours, theirs


def _write_arms(declaration: Declaration, negated: str) -> str:
    return f"""
        select as_of, entity_id, {_name_column(declaration)}
        from scores."{declaration.model.name}" as scores
        join ledger.publications using (publication_id, as_of)
        join ledger.canaries using (canary_id)
        where as_of = any(%(as_ofs)s) and status = 'live' and canary_id = %(canary_id)s
            and {negated} ledger.place_entity(entity_id::text, salt) < canary_share
        order by as_of, entity_id"""  # noqa: S608 - checked identifiers


def read_day(session: Session, declaration: Declaration, as_of: date) -> Scores:
    """The live scores of one day, indexed by entity_id; no rows if none were published."""
    return read_published(session, declaration, [as_of]).droplevel("as_of")


def read_kept(session: Session, declaration: Declaration, recipe: int, as_ofs: Sequence[date]) -> Scores:
    """What was kept for a recipe and these days; days that were never scored for it are not there."""
    query = f"""
        select as_of, entity_id, {_name_column(declaration)} from {name_recipe_scores(declaration.model.name)}
        where recipe = %(recipe)s and as_of = any(%(as_ofs)s) order by as_of, entity_id"""  # noqa: S608 - checked identifier
    return _read(session, declaration, query, as_ofs, {"recipe": recipe})


def keep_scores(session: Session, declaration: Declaration, recipe: int, scores: Scores) -> None:
    """Keep some days of a recipe; scored twice, as by a rerun beside a survivor, a day is replaced."""
    take_lock(session, "recipe scores", declaration.model.name, recipe)
    table, days = name_recipe_scores(declaration.model.name), scores.index.get_level_values("as_of").unique()
    column = _name_column(declaration)
    said = write_classes(scores) if isinstance(scores, pd.DataFrame) else scores
    rows = said.rename(column).reset_index().assign(recipe=recipe)
    cursor = session.connection.cursor()
    for day in days:
        cursor.execute(f"delete from {table} where recipe = %s and as_of = %s", (recipe, day.date()))  # noqa: S608 - as above
    content = rows[["recipe", *INDEX, column]].to_csv(index=False, header=False, date_format="%Y-%m-%d")
    cursor.copy_expert(f"copy {table} (recipe, as_of, entity_id, {column}) from stdin (format csv)", io.StringIO(content))
    cursor.close()


def forget_scores(session: Session, declaration: Declaration, *, but: Sequence[int]) -> None:
    """Delete what was kept for all recipes but these."""
    cursor = session.connection.cursor()
    table = name_recipe_scores(declaration.model.name)
    cursor.execute(f"delete from {table} where recipe <> all(%s)", (list(but),))  # noqa: S608 - checked identifier
    cursor.close()


def _read(session: Session, declaration: Declaration, query: str, as_ofs: Sequence[date], values: dict[str, object]) -> Scores:
    column = _name_column(declaration)
    types = {"as_of": "str", ENTITY: name_entity_dtype(declaration.model), column: SAID[column]}
    rows = read_rows(session, query, {**values, "as_ofs": list(as_ofs)}, types)
    rows["as_of"] = pd.to_datetime(rows["as_of"], format="%Y-%m-%d")
    said = rows.set_index(INDEX)[column]
    return parse_classes(said) if column == "probabilities" else said


def _name_column(declaration: Declaration) -> str:
    """Where a score stands as the fit gave it."""
    return task_of(declaration.model).kept_as[0]
