"""A snapshot out of PostgreSQL and its scores back in, with the reader, the model and the writer at work at once.

Two passes, both over the same moment (REPEATABLE READ) and in the order of entity_id: ranks are known only when all
scores are. The first pass keeps score, rank and decile (18 bytes a row, twice that while they are ranked; where scores
are classes 8 bytes more for each); the second reads again, finds the reasons and writes. Without reasons the first keeps the
entities too, and nothing is read twice. All else is a few blocks, whatever the number of rows.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from math import sqrt
from threading import Event
from typing import cast

import numpy as np
from psycopg2.extensions import connection as DriverConnection  # noqa: N812 - named as the class it is
from sqlalchemy import text

from perennial.config import Model
from perennial.errors import SchemaMismatch
from perennial.predictor import Feature
from perennial.predictor.scoring import Reasons
from perennial.records import Run, ScoringRules, Tally
from perennial.stores.sessions import Session
from perennial.stores.warehouse.partitions import ensure_month
from perennial.stores.warehouse.publishing.arms import Arms, Mask
from perennial.stores.warehouse.publishing.attempts import FormerMean
from perennial.stores.warehouse.publishing.pipes import Pipe, run_beside
from perennial.stores.warehouse.publishing.wire import (
    HEADER,
    SCORE_COLUMNS,
    TRAILER,
    Block,
    EntityField,
    Ids,
    Matrix,
    ScoredBlock,
    WireRows,
    encode_entity_in_sql,
    encode_in_sql,
    write_rows,
)
from perennial.stores.warehouse.tables import read_columns
from perennial.tasks import Task, task_of


@dataclass(frozen=True)
class Part:
    """Rows of a snapshot in the order of entity_id: so many are passed over, and so many read (None: all that follow)."""

    passed: int
    rows: int | None


@dataclass(frozen=True)
class Reader:
    """The snapshot of a day, or a part of it, as one REPEATABLE READ transaction sees it, in the order of entity_id."""

    session: Session
    model: Model
    run: Run
    part: Part | None = None

    def read(self, features: tuple[Feature, ...]) -> Generator[Block, None, None]:
        """Stream the rows with these features, encoded, in blocks. To be closed by who reads: a thread stands behind it.

        Raises:
            SchemaMismatch: features.<model> lacks a feature, or carries it with another type.
        """
        entity = encode_entity_in_sql(self.model.entity.stored_type, self._measure_entity())
        yield from stream_rows(self.session, self._write_statement(features, entity), WireRows(entity, len(features)))

    def _measure_entity(self) -> int:
        """Bytes of the longest text entity, 0 for other types."""
        if self.model.entity.stored_type != "text":
            return 0
        longest = f"select max(length(convert_to(entity_id, 'UTF8'))) from {self._table} where as_of = :as_of"  # noqa: S608 - checked
        return self.session.execute(text(longest), {"as_of": self.run.as_of}).scalar_one() or 1

    def _write_statement(self, features: tuple[Feature, ...], entity: EntityField) -> bytes:
        types = {column.name: column.type for column in read_columns(self.session, self.model.name)}
        missing = [feature.name for feature in features if feature.name not in types]
        if missing:
            raise SchemaMismatch(f"{self.run}: {self._table} lacks {', '.join(missing)}, which the champion was trained with.")
        encoded = [encode_in_sql(feature, types[feature.name]) for feature in features]
        listed = ", ".join([entity.expression, *(expression for expression, _ in encoded)])
        values = [value for _, bound in encoded for value in bound]
        query = f"select {listed} from {self._table} where as_of = %s order by entity_id"  # noqa: S608 - checked identifiers
        values.append(self.run.as_of)
        if self.part is not None:  # within: of rows that are passed over nothing is computed
            within = f"select * from {self._table} where as_of = %s order by entity_id offset %s limit %s"  # noqa: S608 - as above
            query = f"select {listed} from ({within}) as part order by entity_id"  # noqa: S608 - as above
            values += [self.part.passed, self.part.rows]
        with _driver(self.session).cursor() as cursor:
            bound = cursor.mogrify(query, values)
        return b"copy (" + bound + b") to stdout (format binary)"

    @property
    def _table(self) -> str:
        return f'features."{self.model.name}"'


def stream_rows(session: Session, statement: bytes | str, rows: WireRows) -> Generator[Block, None, None]:
    """What a COPY gives, in blocks; to be closed by who reads."""
    connection, stop = _driver(session), Event()
    pipe = Pipe(stop)

    def copy_out() -> None:
        with connection.cursor() as cursor:
            cursor.copy_expert(statement, pipe)
        pipe.close()

    with run_beside(copy_out, stop, connection.cancel):
        while block := pipe.get():
            yield rows.take(block)
        rows.check_end()


@dataclass(frozen=True)
class Scored:
    """What the first pass found, in the order of the entities.

    Attributes:
        scores: what is published as score; where scores are classes, the probability of the likeliest.
        doubles: how many entities came twice.
        entities: block by block, where no reasons are asked for, so that nothing has to be read again; else none.
        classes: their names; none where a score is one number.
        probabilities: then of all of them, a column each.
        members: which rows are the canary's; None where there is none.
    """

    scores: Matrix
    doubles: int
    entities: tuple[Ids, ...] = ()
    classes: tuple[str, ...] = ()
    probabilities: Matrix | None = None
    members: Mask | None = None


def score_streamed(reader: Reader, arms: Arms) -> Scored:
    """First pass: the scores of all rows."""
    classes = arms.classes
    scores: list[Matrix] = [np.empty((0, len(classes)) if classes else 0)]
    doubles, last = 0, None
    kept: list[Ids] = []
    members: list[Mask] = [np.empty(0, dtype=np.bool_)]
    with closing(reader.read(arms.features)) as blocks:
        for block in blocks:
            scores.append(arms.score(block))
            members += [] if (found := arms.find_members(block.entities)) is None else [found]
            kept += [] if reader.model.scoring.reasons else [block.entities]
            doubles += count_doubles(block.entities, last)
            last = block.entities[-1] if len(block.entities) else last
    given = np.concatenate(scores)
    inside = None if arms.canary is None else np.concatenate(members)
    if classes:
        return Scored(given.max(axis=1), doubles, tuple(kept), classes, given, inside)
    return Scored(given, doubles, tuple(kept), members=inside)


def count_scores(scores: Matrix, doubles: int, *, task: Task, expected_rows: int, former: FormerMean | None) -> Tally:
    """What the first pass found, for the checks."""
    missing = int(np.isnan(scores).sum())
    low, high = task.score_range
    is_inside = (
        np.isfinite(scores) & (scores >= (-np.inf if low is None else low)) & (scores <= (np.inf if high is None else high))
    )
    error = float(scores.std()) / sqrt(len(scores)) if len(scores) else float("nan")
    return Tally(
        rows=len(scores),
        expected_rows=expected_rows,
        doubles=doubles,
        missing=missing,
        outside=int((~is_inside).sum()) - missing,
        mean=float(scores.mean()) if len(scores) else float("nan"),
        former_mean=None if former is None else former.mean,
        error=error,
        former_error=error if former is None or former.error is None else former.error,
    )


def list_columns(model: Model) -> tuple[str, ...]:
    """The columns of scores.<model>, in the order in which they are copied in."""
    return (*SCORE_COLUMNS, *task_of(model).published)


@dataclass(frozen=True)
class Writer:
    """Writes the scores of a publication into scores.<model>, inside the publishing transaction."""

    session: Session
    model: Model
    run: Run
    publication_id: int

    def replace_rows(self, blocks: Generator[ScoredBlock, None, None]) -> int:
        """Second pass: delete the day and copy the blocks in while they are made; the number of rows written."""
        table = self.empty_day()
        return self.copy_rows(table, list_columns(self.model), blocks)

    def empty_day(self) -> str:
        """Delete the day's scores; the table they stood in."""
        table = f'scores."{self.model.name}"'
        ensure_month(self.session, "scores", self.model.name, self.run.as_of)
        self.session.execute(text(f"delete from {table} where as_of = :as_of"), {"as_of": self.run.as_of})  # noqa: S608 - checked
        return table

    def copy_rows(self, table: str, columns: tuple[str, ...], blocks: Generator[ScoredBlock, None, None]) -> int:
        """Copy blocks into a table while they are made; the number of rows written."""
        statement = f"copy {table} ({', '.join(columns)}) from stdin (format binary)"
        connection, stop, copied = _driver(self.session), Event(), [0]
        pipe = Pipe(stop)

        def copy_in() -> None:
            with connection.cursor() as cursor:
                cursor.copy_expert(statement, pipe, size=1 << 16)
                copied[0] = cursor.rowcount

        # Not cancelled: a stopped pipe makes COPY fail by itself, and a cancel would race with the rollback.
        with run_beside(copy_in, stop, _do_nothing):
            pipe.put(HEADER)
            with closing(blocks):
                for block in blocks:
                    if rows := write_rows(block, self.run.as_of, self.publication_id):
                        pipe.put(rows)
            pipe.put(TRAILER)
            pipe.put(b"")
        return copied[0]


def explain_rows(reader: Reader, arms: Arms, scored: Scored, rules: ScoringRules) -> Generator[ScoredBlock, None, None]:
    """Second pass: every row with score, rank, decile and its reasons, for which it is read again."""
    return rank_rows(scored, rules, _find_reasons(reader, arms, scored))


def rank_rows(
    scored: Scored, rules: ScoringRules, explained: Iterable[tuple[Ids, Reasons]]
) -> Generator[ScoredBlock, None, None]:
    """Entities and their reasons, block by block, with score, rank and decile."""
    ranks = rules.rank(scored.scores)
    deciles = rules.cut(ranks).astype(np.int16)
    place = 0
    for entities, reasons in explained:
        part = slice(place, place + len(entities))
        place = part.stop
        probabilities = None if scored.probabilities is None else scored.probabilities[part]
        yield ScoredBlock(entities, scored.scores[part], ranks[part], deciles[part], reasons, scored.classes, probabilities)


def _find_reasons(reader: Reader, arms: Arms, scored: Scored) -> Generator[tuple[Ids, Reasons], None, None]:
    count = reader.model.scoring.reasons
    if not count:
        yield from without_reasons(scored)
        return
    with closing(reader.read(arms.features)) as blocks:
        for block in blocks:
            yield block.entities, arms.explain(block, count)


def without_reasons(scored: Scored) -> Iterable[tuple[Ids, Reasons]]:
    """The entities that the first pass kept, in blocks."""
    return ((entities, np.empty((len(entities), 0), dtype=object)) for entities in scored.entities)


def count_doubles(entities: Ids, last: object) -> int:
    """Equal neighbours: the rows come sorted."""
    if not len(entities):
        return 0
    return int(np.sum(entities[1:] == entities[:-1])) + int(last is not None and entities[0] == last)


def _driver(session: Session) -> DriverConnection:
    return cast("DriverConnection", session.connection.driver_connection)


def _do_nothing() -> None:
    """Nothing to cancel."""
