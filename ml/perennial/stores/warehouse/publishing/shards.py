"""Shards: parts of a day that several processes score at the same time, each into a table of its own, until one commits them all.

A shard is named by its attempt and its number. Its table is made, filled and committed in one transaction, so that a shard whose
table exists is whole; killed, it has left nothing, and run twice it is written once. A table bears the number of its publication:
who works for an attempt that was overtaken can write into no other's, and fails at the fence.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager

import numpy as np
from sqlalchemy import text

from perennial.config import ENTITY, Model
from perennial.errors import Superseded
from perennial.records import Run, ScoringRules
from perennial.stores import queries
from perennial.stores.sessions import Database, Session, take_lock
from perennial.stores.warehouse.publishing.arms import Arms, Mask
from perennial.stores.warehouse.publishing.attempts import Attempt, ScoringJob, find_snapshot
from perennial.stores.warehouse.publishing.streams import (
    Part,
    Reader,
    Scored,
    Writer,
    count_doubles,
    explain_rows,
    list_columns,
    rank_rows,
    score_streamed,
    stream_rows,
    without_reasons,
)
from perennial.stores.warehouse.publishing.wire import (
    SCORE_COLUMNS,
    Block,
    Ids,
    Matrix,
    ScoredBlock,
    WireRows,
    encode_entity_in_sql,
)

RANKED = ("as_of", "score", "rank", "decile", "publication_id")
"""What is known of a row only when all shards are there."""


def name_shard(attempt: Attempt, number: int) -> str:
    """The table of a shard; no model can be called like it."""
    return f'scores."shard${attempt.publication_id}_{number}"'


def cut_part(rows: int, shards: int, number: int) -> Part:
    """The rows of a shard; the last one reads to the end, so that rows which nobody counted on are seen."""
    first, after = (rows * place // shards for place in (number, number + 1))
    return Part(first, None if number == shards - 1 else after - first)


def is_staged(session: Session, attempt: Attempt, number: int) -> bool:
    """Has the shard been scored?"""
    return bool(session.execute(queries.load("warehouse")["relation_exists"], {"name": name_shard(attempt, number)}).scalar_one())


def stage_shard(database: Database, attempt: Attempt, job: ScoringJob, number: int) -> None:
    """Score one shard, with its reasons, into its table; nothing where that was done.

    Raises:
        Superseded: the attempt may not publish any more, or its snapshot was built anew; nothing was written.
    """
    with database.transaction() as glance:  # one of its own: a later attempt does not wait while this one works
        pass_shard_fence(glance, attempt)
    with database.transaction() as session:
        take_lock(session, "shard", attempt.publication_id, number)
        if is_staged(session, attempt, number):
            return
        model = job.declaration.model
        with open_reader(database, model, attempt.run) as whole:
            rows, _ = find_snapshot(whole.session, attempt.run)
            reader = Reader(whole.session, model, attempt.run, cut_part(rows, attempt.shards, number))
            scored = score_streamed(reader, job.arms)
            _copy_shard(session, attempt, name_shard(attempt, number), explain_rows(reader, job.arms, scored, job.rules), model)
        pass_shard_fence(session, attempt)


def pass_shard_fence(session: Session, attempt: Attempt) -> None:
    """Go on only for an attempt that may publish the snapshot it was opened for; so it stays until the end of the transaction.

    Raises:
        Superseded: it may not.
    """
    values = {"publication_id": attempt.publication_id}
    if session.execute(queries.load("publishing")["pass_shard_fence"], values).one_or_none() is None:
        raise Superseded(
            f"{attempt.run}: attempt {attempt.attempt} has ended, or its snapshot was built anew; this shard has written nothing."
        )


def read_shards(session: Session, attempt: Attempt, model: Model, arms: Arms) -> Scored:
    """The scores of all shards, in the order of the entities."""
    scores: list[Matrix] = [np.empty(0)]
    entities: list[Ids] = []
    members: list[Mask] = [np.empty(0, dtype=np.bool_)]
    doubles, last = 0, None
    for number in range(attempt.shards):
        with closing(_read_shard(session, name_shard(attempt, number), model)) as blocks:
            for block in blocks:
                scores.append(block.matrix[:, 0])
                entities.append(block.entities)
                members += [] if (found := arms.find_members(block.entities)) is None else [found]
                doubles += count_doubles(block.entities, last)
                last = block.entities[-1] if len(block.entities) else last
    inside = None if arms.canary is None else np.concatenate(members)
    return Scored(np.concatenate(scores), doubles, tuple(entities), members=inside)


def merge_shards(session: Session, attempt: Attempt, model: Model, scored: Scored, rules: ScoringRules) -> int:
    """Put the rows of all shards, with their ranks among all, in the place of the day's; the number of rows written.

    They are written in the order of the entities, as one shard writes them: sums over them come to the same.
    """
    writer = Writer(session, model, attempt.run, attempt.publication_id)
    day = writer.empty_day()
    columns = list_columns(model)
    empty = f"select {', '.join(SCORE_COLUMNS)} from {day} limit 0"  # noqa: S608 - checked identifiers
    session.exec_driver_sql(f"create temporary table ranked on commit drop as {empty}")
    writer.copy_rows("ranked", SCORE_COLUMNS, rank_rows(scored, rules, without_reasons(scored)))
    staged = " union all ".join(f"select * from {name_shard(attempt, number)}" for number in range(attempt.shards))  # noqa: S608 - as above
    chosen = ", ".join(f"{'ranked' if name in RANKED else 'staged'}.{name}" for name in columns)
    merged = f"select {chosen} from ranked join ({staged}) as staged using ({ENTITY}) order by {ENTITY}"  # noqa: S608 - as above
    return session.exec_driver_sql(f"insert into {day} ({', '.join(columns)}) {merged}").rowcount


@contextmanager
def open_reader(database: Database, model: Model, run: Run) -> Generator[Reader, None, None]:
    """The snapshot of a day, in a transaction of its own that sees one moment."""
    with database.transaction() as session:
        session.execute(queries.load("publishing")["read_isolated"])
        yield Reader(session, model, run)


def _copy_shard(session: Session, attempt: Attempt, table: str, blocks: Generator[ScoredBlock, None, None], model: Model) -> None:
    columns = list_columns(model)
    session.exec_driver_sql(f'create table {table} as select {", ".join(columns)} from scores."{model.name}" limit 0')  # noqa: S608 - checked identifiers
    Writer(session, model, attempt.run, attempt.publication_id).copy_rows(table, columns, blocks)


def _read_shard(session: Session, table: str, model: Model) -> Generator[Block, None, None]:
    longest = 0
    if model.entity.stored_type == "text":
        query = f"select coalesce(max(length(convert_to({ENTITY}, 'UTF8'))), 1) from {table}"  # noqa: S608 - checked identifiers
        longest = session.execute(text(query)).scalar_one()
    entity = encode_entity_in_sql(model.entity.stored_type, longest)
    query = f"select {entity.expression}, score from {table} order by {ENTITY}"  # noqa: S608 - checked identifiers
    return stream_rows(session, f"copy ({query}) to stdout (format binary)", WireRows(entity, 1))
