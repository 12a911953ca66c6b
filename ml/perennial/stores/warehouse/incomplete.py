"""Facts that nobody can place: a time, or a part of the key, is null. They count for nothing, and nothing of them is lost."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text

from perennial.config import Declaration, Source
from perennial.errors import FactsIncomplete
from perennial.records import IncompleteFacts, Run
from perennial.stores import queries
from perennial.stores.sessions import Session, recall
from perennial.stores.warehouse.conditions import Bounds, window_start
from perennial.stores.warehouse.entities import name_entity_of_fact
from perennial.stores.warehouse.identifiers import quote_for_text
from perennial.stores.warehouse.relations import Relation, resolve, show_table


def bound_incomplete(relation: Relation, bounds: Bounds) -> tuple[str, dict[str, object]]:
    """The condition on rows that lack something and would lie within the bounds by what they have, with its values."""
    within, values = _bound_roughly(relation, bounds)
    lacks = " or ".join(f"{quote_for_text(column)} is null" for column in needed_columns(relation.source))
    return f"({lacks}) and {within}", values


def needed_columns(source: Source) -> tuple[str, ...]:
    """What a fact must have, in the order in which its lack is named."""
    return tuple(dict.fromkeys(column for column in (source.happened, source.learned, *source.key) if column))


def set_facts_aside(session: Session, declaration: Declaration, run: Run, bounds: Bounds) -> tuple[IncompleteFacts, ...]:
    """Keep each fact that lacks something in ledger.quarantine, whole and once, and count those within the bounds.

    Nothing is read of a table that declares its times and keys `not null`.

    Returns:
        For each source and column that is null in a fact, how many are. A fact that lacks several counts for the first.
    """
    found: list[IncompleteFacts] = []
    for name, source in declaration.model.sources.items():
        if not source.is_dated:
            continue
        relation = resolve(session, declaration.model, name)
        nullable = _find_nullable(session, relation)
        if nullable:
            counted = _count(session, relation, bounds, nullable)
            if counted:
                _keep(session, relation, run, bounds)
            found += counted
    return tuple(found)


def refuse_incomplete(declaration: Declaration, bounds: Bounds, found: Sequence[IncompleteFacts]) -> None:
    """Stop where the facts that lack something are more than `quality.max_quarantined_share` of their source.

    Raises:
        FactsIncomplete: names table, column and count.
    """
    model, limit = declaration.model, declaration.model.quality.max_quarantined_share
    for name in dict.fromkeys(part.source for part in found):
        parts = [part for part in found if part.source == name]
        if sum(part.facts for part in parts) > limit * parts[0].of:
            raise FactsIncomplete(
                f"{model.name}, as_of {bounds.as_of}: {'; '.join(map(str, parts))}. More than {limit:.2%} would make wrong "
                f"labels: fill the column in {show_table(name, model.sources[name])}, or raise quality.max_quarantined_share."
            )


def _find_nullable(session: Session, relation: Relation) -> tuple[str, ...]:
    table = {"table": relation.quoted}
    named = queries.load("warehouse")["read_nullable_columns"]
    nullable = recall(session, ("nullable", relation.quoted), lambda: set(session.execute(named, table).scalars().all()))
    return tuple(column for column in needed_columns(relation.source) if column in nullable)


def _count(session: Session, relation: Relation, bounds: Bounds, nullable: Sequence[str]) -> tuple[IncompleteFacts, ...]:
    within, values = _bound_roughly(relation, bounds)
    query = text(f"""
        select {_name_lack(nullable)} as lacking, count(*) as facts
        from {relation.table} where {within} group by 1 order by 2 desc, 1""")  # noqa: S608 - checked identifiers
    counts = {row.lacking: row.facts for row in session.execute(query, values)}
    total = sum(counts.values())
    return tuple(IncompleteFacts(relation.name, column, facts, total) for column, facts in counts.items() if column is not None)


def _keep(session: Session, relation: Relation, run: Run, bounds: Bounds) -> None:
    """Facts have no key to be known by, so their content names them, and equal ones their number."""
    model = relation.model
    condition, values = bound_incomplete(relation, bounds)
    entity = name_entity_of_fact(model.entity, relation.columns)
    statement = text(f"""
        insert into ledger.quarantine (model, as_of, source, fact, entity_id, rule, row_content, effective_at)
        select
            :model, :as_of, :source, md5(cast(content as text) || '#' || row_number() over (partition by cast(content as text))),
            entity_id, lacking || ' is null', content, :effective_at
        from (
            select to_jsonb(fact.*) as content, {entity} as entity_id, {_name_lack(needed_columns(relation.source))} as lacking
            from {relation.table} fact where {condition}
        ) as aside
        on conflict do nothing""")  # noqa: S608 - checked identifiers
    kept = {"model": model.name, "as_of": bounds.as_of, "source": relation.name, "effective_at": run.clock}
    session.execute(statement, values | kept)


def _name_lack(columns: Sequence[str]) -> str:
    """The first of these columns that is null in a row."""
    named = " ".join(f"when {quote_for_text(column)} is null then {_write(column)}" for column in columns)
    return f"case {named} end"


def _write(column: str) -> str:
    """A name as a text of SQL."""
    return "'" + column.replace("'", "''").replace(":", "\\:") + "'"


def _bound_roughly(relation: Relation, bounds: Bounds) -> tuple[str, dict[str, object]]:
    """As the facts of a day are bounded, but what is null excludes nothing: without event_at the other time must do."""
    event_at, learned, source = relation.event_at, relation.known_at, relation.source
    condition = f"({event_at} is null or {event_at} < :happened_before) and ({learned} is null or {learned} <= :known_until)"
    values = {"happened_before": bounds.happened_before, "known_until": bounds.known_until} | relation.values
    if source.lookback_days is not None:
        condition += f" and coalesce({event_at}, {learned}, :looks_back_to) >= :looks_back_to"
        values["looks_back_to"] = window_start(relation.model, source.lookback_days, bounds.as_of)
    return condition, values
