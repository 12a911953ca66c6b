"""Temporary views of the sources that hold only what was known at an instant, and a user's query over them.

A query sees each declared source under its bare name and nothing else: the search path is the temporary schema alone,
and what PostgreSQL says the query depends on is checked before it runs. Instants enter as bound values, so that the
planner knows them.

Worked example (lapse, as_of 2017-05-08 in New York): features see event_at < 2017-05-08 04:00 UTC and
known_at <= 10:00 UTC; labels (28 days, grace 2) see event_at < 2017-06-05 04:00 UTC and known_at <= 2017-06-07 04:00 UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import TextClause, text

from perennial.config import Declaration, Model, Source
from perennial.errors import EmptySource
from perennial.stores import queries
from perennial.stores.sessions import Session
from perennial.stores.warehouse.conditions import (
    Bounds,
    bound_facts,
    bound_times,
    clamp,
)
from perennial.stores.warehouse.history import check_first_fact
from perennial.stores.warehouse.incomplete import bound_incomplete
from perennial.stores.warehouse.ordering import order_facts
from perennial.stores.warehouse.relations import Relation, resolve
from perennial.stores.warehouse.user_query import CREATE, REPLACE


@contextmanager
def open_views(session: Session, declaration: Declaration, bounds: Bounds, *, with_incomplete: bool = False) -> Iterator[None]:
    """While the block lasts, every declared source is a temporary view of its name, and nothing else is on the search path.

    Args:
        with_incomplete: show also the facts that lack a time or a part of their key; no query of a user sees those.

    Raises:
        ConfigError: a declared source does not exist, lacks a column that the model file names, or has a time that is none.
    """
    model = declaration.model
    for name in model.sources:
        session.execute(*_define_view(session, resolve(session, model, name), bounds, with_incomplete=with_incomplete))
    session.execute(queries.load("warehouse")["see_temporary_schema_only"])
    yield
    session.execute(queries.load("warehouse")["see_default_schemas"])
    for name in model.sources:
        session.exec_driver_sql(f'drop view if exists pg_temp."{name}" cascade')


def define_views(session: Session, declaration: Declaration, bounds: Bounds) -> list[tuple[TextClause, dict[str, object]]]:
    """What gives the open views of all sources other bounds; queries over them stay."""
    model = declaration.model
    return [_define_view(session, resolve(session, model, name), bounds, verb=REPLACE) for name in model.sources]


def check_sources(session: Session, declaration: Declaration, bounds: Bounds) -> None:
    """Refuse a day for which a source is empty or a window reaches before the first fact that was known.

    Raises:
        EmptySource: a source holds no fact within the bounds; where the cohort may be empty, none before them either.
        HistoryTooShort: the longest window of a source begins before its first fact within the bounds.
    """
    model = declaration.model
    for name in model.sources:
        relation = resolve(session, model, name)
        check_first_fact(session, relation, bounds)
        is_quiet = model.entity.may_be_empty and relation.source.times == "versioned"  # its window may lie in a season off
        condition, values = (bound_times if is_quiet else bound_facts)(relation, bounds)
        query = text(f"select exists (select from {relation.table} where {condition})")  # noqa: S608 - checked identifiers
        if not session.execute(query, values).scalar_one():
            remedy = _propose_remedy(session, relation, bounds)
            raise EmptySource(
                f"{model.name}, as_of {bounds.as_of}: {relation} holds no fact that was known by {bounds.known_until}. "
                f"Nothing was built and the former scores stay; {remedy}, then run refresh again."
            )


def _propose_remedy(session: Session, relation: Relation, bounds: Bounds) -> str:
    """Facts of before that day which were all learned after it look like history that was loaded in bulk."""
    model, name = relation.model, relation.name
    if not relation.source.is_dated:
        return "load the table"
    learned = clamp(f"min({relation.known_at})")
    before = "true" if relation.source.is_state else f"{relation.event_at} < :happened_before"
    query = text(f"select {learned} from {relation.table} where {before}")  # noqa: S608 - checked identifiers
    values = {"happened_before": bounds.happened_before, **relation.values}
    learned_at: datetime | None = session.execute(query, values).scalar_one()
    if learned_at is None or learned_at <= bounds.known_until:
        return "load the table"
    if relation.source.times == "captured":
        return f"its history is captured since {learned_at}, and nobody knows what it held before: begin later"
    known_from = learned_at.astimezone(model.zone).date() + timedelta(days=1)
    return (
        f"it has facts of before that day, and the first of them was learned at {learned_at}: if history was loaded then, write "
        f"`known_from = {known_from}` under [sources.{name}] of models/{model.name}.toml"
    )


def describe_known_rules(model: Model) -> dict[str, dict[str, object]]:
    """Per source, how its times were read: what the ledger keeps beside a snapshot."""
    return {name: _describe_known_rule(source) for name, source in model.sources.items()}


def _describe_known_rule(source: Source) -> dict[str, object]:
    if source.is_state:
        return {"rule": source.times, "key": list(source.key)}
    if not source.is_dated:
        return {"rule": source.times}
    rule: dict[str, object] = {"rule": "newest version of a key" if source.key else "every row is a fact"}
    if source.known_from:
        rule |= {"known_from": source.known_from.isoformat(), "typical_delay_minutes": source.typical_delay_minutes}
    return rule


def _define_view(
    session: Session, relation: Relation, bounds: Bounds, *, verb: str = CREATE, with_incomplete: bool = False
) -> tuple[TextClause, dict[str, object]]:
    condition, values = bound_facts(relation, bounds)
    picked = ", ".join(relation.pick(column) for column in relation.shown)
    newest, order = order_facts(session, relation)
    facts = f"select {newest} * from {relation.table} where {condition} {order}"  # noqa: S608 - checked identifiers
    if relation.source.is_state:
        facts = f"select {picked} from ({facts}) as newest where not {relation.has_ended}"  # noqa: S608 - checked identifiers
    else:
        facts = facts.replace(" * ", f" {picked} ", 1)
    if with_incomplete and relation.source.is_dated:
        incomplete, bound = bound_incomplete(relation, bounds)
        facts = f"({facts}) union all select {picked} from {relation.table} where {incomplete}"  # noqa: S608 - checked identifiers
        values |= bound
    return text(f'{verb} "{relation.name}" as {facts}'), values
