"""Recipes by their numbers, and what is known of their fits. SQL: sql/queries/recipes.sql."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from perennial.errors import VersionMissing
from perennial.records import Recipe, RecipeEntry, RecipeOrigin, Run, Version, dump_json
from perennial.stores.ledger.statements import execute, fetch_all, fetch_one
from perennial.stores.sessions import Session, take_lock


@dataclass(frozen=True)
class Published:
    """What became of the newest attempt to publish a day: `live`, or `blocked`; and the version that had scored it."""

    as_of: date
    status: str
    version: int


def get_recipe(session: Session, model: str, number: int) -> RecipeEntry:
    """One recipe.

    Raises:
        VersionMissing: the ledger does not know it.
    """
    found = fetch_one(RecipeEntry, session, "recipes.recipes", model=model, number=number)
    if found is None:
        raise VersionMissing(f"{model}: the ledger does not know recipe {number}.")
    return found


def enter_recipe(
    session: Session, run: Run, recipe: Recipe, *, origin: RecipeOrigin, chosen_on: date | None, because: str
) -> RecipeEntry:
    """Give a recipe its number; one that the ledger knows keeps the one that it has, with who found it first."""
    take_lock(session, "recipes", run.model)
    known = fetch_all(RecipeEntry, session, "recipes.recipes", model=run.model, number=None)
    alike = next((entry for entry in known if entry.recipe.digest == recipe.digest), None)
    if alike is not None:
        return alike
    number = execute(
        session,
        "recipes.enter_recipe",
        model=run.model,
        algorithm=recipe.algorithm,
        features=list(recipe.features),
        content=dump_json({"parameters": recipe.parameters, "rulings": recipe.rulings}),
        origin=origin,
        chosen_on=chosen_on,
        because=because,
        purpose=run.purpose,
        effective_at=run.clock,
    ).scalar_one()
    return get_recipe(session, run.model, int(number))


def newest_fit(session: Session, model: str, recipe: int, *, until: date) -> Version | None:
    """The newest version of a recipe that was fitted for a day up to the given one."""
    return fetch_one(Version, session, "recipes.newest_fit", model=model, recipe=recipe, until=until)


def chosen_fit(session: Session, model: str, recipe: int) -> Version | None:
    """The newest version of a recipe whose training chose it among others."""
    return fetch_one(Version, session, "recipes.chosen_fit", model=model, recipe=recipe)


def published_by(session: Session, model: str, recipe: int, as_ofs: Sequence[date]) -> dict[date, Published]:
    """The days among these whose newest publication, or else stopped attempt, came from a fit of the recipe."""
    found = fetch_all(Published, session, "recipes.published_by", model=model, recipe=recipe, as_ofs=list(as_ofs))
    return {each.as_of: each for each in found}
