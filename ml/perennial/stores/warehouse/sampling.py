"""Copies of a part of each source, as temporary tables: what `perennial check` deletes, moves and adds facts in.

All facts of some entities, not some facts of all: a window over half an entity's facts would show nothing. A source without the
entity's column comes whole, as far as it is small. What was captured and what keeps its current state
alone is read where it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import text

from perennial.config import Declaration, Source
from perennial.stores import queries
from perennial.stores.sessions import Session
from perennial.stores.warehouse.conditions import bound_facts, feature_bounds, window_start
from perennial.stores.warehouse.entities import name_entity_of_fact
from perennial.stores.warehouse.identifiers import quote_for_text
from perennial.stores.warehouse.incomplete import needed_columns
from perennial.stores.warehouse.relations import Relation, resolve

MOST_ENTITIES = 200
ENTITIES_OF_A_SOURCE = 30  # so many more that have a fact in it within the day's bounds, lest a rare source be empty
MOST_ROWS = 200_000  # of each source
PREFIX = "sample$"  # no source can be called so
ENTITIES = f'pg_temp."{PREFIX}entities"'


@dataclass(frozen=True)
class Sample:
    """What was copied of one source."""

    source: str
    rows: int
    is_of_entities: bool

    @property
    def is_cut(self) -> bool:
        return self.rows >= MOST_ROWS

    def __str__(self) -> str:
        what = "facts of the sampled entities" if self.is_of_entities else "rows, whole"
        return f"{self.source}: {self.rows} {what}" + (f", cut at {MOST_ROWS} around the as_of" if self.is_cut else "")


def copy_sample(session: Session, declaration: Declaration, as_of: date) -> tuple[Declaration, tuple[Sample, ...]]:
    """Copy a part of every source whose rows can be changed on purpose; they are gone with the transaction.

    The snapshot of the day must have been built: its cohort is sampled.

    Returns:
        The model over the copies, and what they hold. Facts that lack a time or a key are left out; history that was loaded in
        bulk is known in them when it would have been, and no window of theirs reaches before history.
    """
    model = declaration.model
    relations = {name: resolve(session, model, name) for name, source in model.sources.items() if _is_copied(source)}
    _sample_entities(session, declaration, as_of, relations)
    samples = tuple(_copy(session, relation, as_of) for relation in relations.values())
    for statement in list(session.execute(queries.load("checking")["list_temporary_loosenings"]).scalars()):
        session.exec_driver_sql(statement)
    schema: str = session.execute(queries.load("checking")["read_temporary_schema"]).scalar_one()
    sources = dict(model.sources)
    for name, relation in relations.items():
        sources[name] = sources[name].model_copy(update=_redirect(relation, schema, as_of))
    copies = model.model_copy(update={"sources": sources})
    return declaration.model_copy(update={"model": copies}), samples


def _is_copied(source: Source) -> bool:
    return source.times not in ("captured", "current_state")


def _redirect(relation: Relation, schema: str, as_of: date) -> Mapping[str, object]:
    """The keys of a source that reads its copy."""
    lookback_days = relation.source.lookback_days
    begins = date.fromordinal(as_of.toordinal() - lookback_days) if lookback_days and not relation.source.is_state else None
    return {"table": f"{schema}.{PREFIX}{relation.name}", "known_from": None, "history_from": begins}


def _sample_entities(session: Session, declaration: Declaration, as_of: date, relations: Mapping[str, Relation]) -> None:
    """Some of the cohort, told by a hash so that each check draws the same, and some that each source has facts of."""
    model = declaration.model
    statement = f"""
        create temporary table {_name_in_text("entities")} as
        select cast(entity_id as text) as entity from features."{model.name}" where as_of = :as_of
        order by md5(cast(entity_id as text)) limit {MOST_ENTITIES}"""  # noqa: S608 - checked identifiers
    session.execute(text(statement), {"as_of": as_of})
    for relation in relations.values():
        if _tells_entity(relation):
            condition, values = bound_facts(relation, feature_bounds(model, as_of))
            entity = name_entity_of_fact(model.entity, relation.columns)
            query = f"select distinct {entity} from {relation.table} where {condition} limit {ENTITIES_OF_A_SOURCE}"  # noqa: S608 - checked identifiers
            session.execute(text(f"insert into {ENTITIES} {query}"), values)
    session.execute(text(f"analyze {ENTITIES}"))


def _tells_entity(relation: Relation) -> bool:
    """Does it hold every column of the model's key?"""
    return all(column.name in relation.columns for column in relation.model.entity.columns)


def _copy(session: Session, relation: Relation, as_of: date) -> Sample:
    model, source = relation.model, relation.source
    is_of_entities = _tells_entity(relation)
    conditions = [f"{quote_for_text(column)} is not null" for column in needed_columns(source)] or ["true"]
    values: dict[str, object] = {"as_of_start": model.start(as_of)} | relation.values
    if is_of_entities:
        conditions.append(f"{name_entity_of_fact(model.entity, relation.columns)} in (select entity from {ENTITIES})")  # noqa: S608 - checked identifiers
    if source.is_dated:
        conditions.append(f"isfinite({relation.event_at})")
    if source.lookback_days:
        conditions.append(f"{relation.event_at} >= :looks_back_to")
        values["looks_back_to"] = window_start(model, source.lookback_days, as_of)
    picked = ", ".join(_pick(relation, column) for column in relation.columns)
    nearest = f"order by abs(extract(epoch from {relation.event_at} - :as_of_start))" if source.is_dated else ""
    name = _name_in_text(relation.name)
    session.execute(
        text(
            f"create temporary table {name} as select {picked} from {relation.table} "  # noqa: S608 - checked identifiers
            f"where {' and '.join(conditions)} {nearest} limit {MOST_ROWS}"
        ),
        values,
    )
    session.execute(text(f"analyze pg_temp.{name}"))
    rows: int = session.execute(text(f"select count(*) from pg_temp.{name}")).scalar_one()  # noqa: S608 - checked identifiers
    return Sample(relation.name, rows, is_of_entities)


def _pick(relation: Relation, column: str) -> str:
    """As queries see it, but for the end of a state: the future is in the copies, to be taken out of them."""
    return quote_for_text(column) if column == relation.source.valid_to else relation.pick(column)


def _name_in_text(name: str) -> str:
    return quote_for_text(f"{PREFIX}{name}")
