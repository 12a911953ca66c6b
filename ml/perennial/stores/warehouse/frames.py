"""Rows of snapshots as a frame, by binary COPY: each as_of streams in blocks into columns that were allocated beforehand.

Every field on the way is a float8, as in scoring. A text travels as 53 bits of its hash, which a float8 holds exactly; which text
a hash stands for is asked once. Two texts with one hash are found then, and another seed is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perennial.config import ENTITY, Model
from perennial.errors import WarehouseBusy
from perennial.records import Column
from perennial.stores.sessions import Session
from perennial.stores.warehouse.columns import open_columns
from perennial.stores.warehouse.drawing import Draw
from perennial.stores.warehouse.identifiers import quote_for_driver
from perennial.stores.warehouse.publishing.pipes import BLOCK_BYTES
from perennial.stores.warehouse.publishing.wire import Block, EntityField, Matrix, WireRows, encode_entity_in_sql
from perennial.tasks import task_of

HASH_MASK = (1 << 53) - 1
UUID_LENGTH = 36
CAPPED = "least(labels.label, %(cap)s)"
"""What a label counts as, in training, judging and watching alike; without a cap (null) itself. What is stored stays raw."""


@dataclass(frozen=True)
class Selection:
    """What is read: the rows of these as_ofs, oldest first.

    Attributes:
        columns: of features.<model>, in the order of the frame.
        is_labelled: only rows that have a label, and with it.
        draw: which of them; None: all.
        may_be_narrow: numbers may be float32, where that is the same.
        expected_rows: so many does the ledger know; room is made for more if there are.
    """

    model: Model
    as_ofs: tuple[date, ...]
    columns: tuple[Column, ...]
    is_labelled: bool
    expected_rows: int
    draw: Draw | None = None
    may_be_narrow: bool = False

    @property
    def numbers(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.type != "text")

    @property
    def texts(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.type == "text")

    @property
    def bound(self) -> dict[str, object]:
        drawn = {} if self.draw is None else self.draw.bound
        return {"as_ofs": list(self.as_ofs), "cap": self.model.label.cap, **drawn}


@dataclass(frozen=True, eq=False)
class Frame:
    """What was read, in the order of as_of and entity_id.

    Attributes:
        columns: numbers and flags float64 (or float32, where that is the same and was allowed), texts category, segments and
            clusters plain text.
        entities: int64 or text.
        labels: as float64; all 0 where none were asked for.
        counts: rows of each as_of.
    """

    columns: pd.DataFrame
    entities: pd.Index
    labels: Matrix
    counts: tuple[int, ...]


def read_frame(session: Session, selection: Selection) -> Frame:
    """Read the rows; in memory they stand once, and beside them a block of bytes.

    Raises:
        WarehouseBusy: a snapshot was built anew while it was read.
    """
    texts = [read_texts(session, selection, column) for column in selection.texts]
    entity = _describe_entity(session, selection)
    fields = _list_fields(selection, texts)
    query, gathered, counts = _write_query(selection, entity, fields), _Gathered(selection, texts), []
    session.exec_driver_sql("set local enable_nestloop = off")  # no statistics know a new day
    for as_of in selection.as_ofs:
        before = gathered.rows
        _copy(session, query, selection.bound | {"as_of": as_of}, WireRows(entity, len(fields)), gathered.take)
        counts.append(gathered.rows - before)
    session.exec_driver_sql("set local enable_nestloop to default")
    return Frame(gathered.as_columns(), gathered.join_entities(), gathered.labels[: gathered.rows], tuple(counts))


@dataclass(frozen=True, eq=False)
class Texts:
    """The texts of a column, sorted, and the hash under which each travels.

    Attributes:
        expression: the SQL that makes the hash, NaN where the text is null.
        hashes: sorted; `places` says where in `known` the text of each stands.
    """

    column: Column
    expression: str
    known: tuple[str, ...]
    hashes: Matrix
    places: NDArray[np.int32]

    def find_codes(self, hashes: Matrix) -> NDArray[np.int32]:
        """The place of each text in `known`; -1 for null.

        Raises:
            WarehouseBusy: a text came that was not there when the texts were asked for.
        """
        codes = np.full(len(hashes), -1, dtype=np.int32)
        is_text = ~np.isnan(hashes)
        if not is_text.any():
            return codes
        wanted = hashes[is_text]
        found = np.searchsorted(self.hashes, wanted).clip(max=len(self.hashes) - 1)
        if not len(self.hashes) or (self.hashes[found] != wanted).any():
            raise WarehouseBusy(
                f"the column {self.column.name} got new texts while it was read: a snapshot was built anew beside. "
                "Nothing was changed; try again once that has ended."
            )
        codes[is_text] = self.places[found]
        return codes


def read_texts(session: Session, selection: Selection, column: Column, seed: int = 0) -> Texts:
    """Ask which texts a column holds; under another seed while two of them share a hash."""
    name = f"features.{quote_for_driver(column.name)}"
    hashed = f"(hashtextextended({name}, {seed}) & {HASH_MASK})::float8"
    query = f"""select distinct {hashed} as hash, {name} as text from features."{selection.model.name}" features
        where as_of = any(%(as_ofs)s) and {name} is not null"""  # noqa: S608 - checked identifiers
    found = sorted(session.exec_driver_sql(query, selection.bound).all(), key=lambda row: row.text)
    hashes = np.array([row.hash for row in found], dtype=np.float64)
    if len(np.unique(hashes)) < len(hashes):
        return read_texts(session, selection, column, seed + 1)
    places = np.argsort(hashes).astype(np.int32)
    return Texts(column, f"coalesce({hashed}, 'NaN')", tuple(row.text for row in found), hashes[places], places)


class _Gathered:
    """The columns while they fill."""

    def __init__(self, selection: Selection, texts: Sequence[Texts]) -> None:
        self._selection, self._texts = selection, texts
        self.rows = 0
        self.labels = np.zeros(selection.expected_rows)
        narrow = selection.may_be_narrow
        self._numbers = open_columns(len(selection.numbers), selection.expected_rows, may_be_narrow=narrow)
        self._codes = np.empty((len(texts), selection.expected_rows), dtype=np.int32)
        self._entities: list[pd.Index] = []

    def take(self, block: Block) -> None:
        """Put the rows of a block below those that are there."""
        end = self.rows + len(block.entities)
        self._make_room(end)
        new, first = slice(self.rows, end), int(self._selection.is_labelled)
        if self._selection.is_labelled:
            self.labels[new] = block.matrix[:, 0]
        behind = first + len(self._selection.numbers)
        self._numbers.put(new, block.matrix[:, first:behind].T)
        for place, texts in enumerate(self._texts):
            self._codes[place, new] = texts.find_codes(block.matrix[:, behind + place])
        self._entities.append(_read_entities(block))
        self.rows = end

    def as_columns(self) -> pd.DataFrame:
        """The frame, around the very memory that the blocks were written to."""
        selection, beside = self._selection, {}
        for texts, codes in zip(self._texts, self._codes, strict=True):
            is_aside = texts.column.name in selection.model.asides
            column = _as_texts(texts, codes[: self.rows]) if is_aside else _as_categories(texts, codes[: self.rows])
            beside[texts.column.name] = pd.Series(column, copy=False)
        return self._numbers.join([column.name for column in selection.columns], beside, self.rows)

    def join_entities(self) -> pd.Index:
        """The entities of all blocks."""
        kind = name_entity_dtype(self._selection.model)
        parts = self._entities or [pd.Index([], dtype=kind)]
        return parts[0].append(parts[1:]).rename(ENTITY)

    def _make_room(self, rows: int) -> None:
        """More rows than the ledger knows of: those of a test, or of who wrote by hand."""
        lacking = rows - len(self.labels)
        if lacking > 0:
            more = max(lacking, len(self.labels))
            self.labels = np.pad(self.labels, (0, more))
            self._numbers.widen(more)
            self._codes = np.pad(self._codes, ((0, 0), (0, more)))


class _Sink:
    """A file for COPY TO, which writes row by row; hands on blocks of whole rows."""

    def __init__(self, rows: WireRows, take: Callable[[Block], None]) -> None:
        self._rows, self._take = rows, take
        self._bytes = bytearray()

    def write(self, row: bytes) -> int:
        self._bytes += row
        if len(self._bytes) >= BLOCK_BYTES:
            self.flush()
        return len(row)

    def flush(self) -> None:
        block, self._bytes = self._bytes, bytearray()
        self._take(self._rows.take(block))


def _write_query(selection: Selection, entity: EntityField, fields: Sequence[str]) -> str:
    name = selection.model.name
    joined = f'join labels."{name}" labels using (as_of, entity_id)' if selection.is_labelled else ""
    drawn = "" if selection.draw is None else f"and {selection.draw.condition}"
    return f"""select {", ".join([entity.expression, *fields])} from features."{name}" features {joined}
        where as_of = %(as_of)s {drawn} order by entity_id"""  # noqa: S608 - checked identifiers


def _list_fields(selection: Selection, texts: Sequence[Texts]) -> list[str]:
    is_number = task_of(selection.model).label_dtype != "str"  # names of classes are read by themselves
    number = f"coalesce({CAPPED}::float8, 'NaN')" if is_number else "'NaN'::float8"
    label = [number] if selection.is_labelled else []
    return [*label, *(_encode_number(column) for column in selection.numbers), *(each.expression for each in texts)]


def _copy(session: Session, query: str, bound: Mapping[str, object], rows: WireRows, take: Callable[[Block], None]) -> None:
    sink = _Sink(rows, take)
    cursor = session.connection.cursor()
    statement = cursor.mogrify(query, dict(bound)).decode()
    cursor.copy_expert(f"copy ({statement}) to stdout (format binary)", sink)
    cursor.close()
    sink.flush()
    rows.check_end()


def _encode_number(column: Column) -> str:
    name = f"features.{quote_for_driver(column.name)}"
    number = f"{name}::integer" if column.type == "boolean" else name
    return f"coalesce({number}::float8, 'NaN')"


def _describe_entity(session: Session, selection: Selection) -> EntityField:
    kind = selection.model.entity.stored_type
    if kind == "uuid":
        return EntityField(f"convert_to({ENTITY}::text, 'UTF8')", f"S{UUID_LENGTH}")
    if kind != "text":
        return encode_entity_in_sql(kind, 0)
    longest = f"""select max(length(convert_to(entity_id, 'UTF8'))) from features."{selection.model.name}"
        where as_of = any(%(as_ofs)s)"""  # noqa: S608 - checked identifiers
    return encode_entity_in_sql(kind, session.exec_driver_sql(longest, selection.bound).scalar_one() or 1)


def _read_entities(block: Block) -> pd.Index:
    if block.entities.dtype.kind == "S":
        texts: list[str] = [entity.decode() for entity in block.entities.tolist()]
        return pd.Index(texts, dtype="str")
    return pd.Index(block.entities)


def _as_texts(texts: Texts, codes: NDArray[np.int32]) -> pd.api.extensions.ExtensionArray:
    return pd.array(list(texts.known), dtype="str").take(codes, allow_fill=True)


def _as_categories(texts: Texts, codes: NDArray[np.int32]) -> pd.Categorical:
    """Only texts that the rows hold are categories: a snapshot may hold others, of entities without a label."""
    is_used = np.zeros(len(texts.known) + 1, dtype=bool)
    is_used[codes] = True
    used = np.flatnonzero(is_used[:-1])
    renumbered = np.full(len(is_used), -1, dtype=np.int32)
    renumbered[used] = np.arange(len(used))
    # Of nothing but nulls pandas makes categories of objects when it reads a CSV; so does this.
    categories = pd.Index([texts.known[place] for place in used], dtype="str" if len(used) else "object")
    return pd.Categorical.from_codes(renumbered[codes], categories)


def name_entity_dtype(model: Model) -> str:
    """How pandas holds an entity_id; `007` is a text, and another one than `7`."""
    return "int64" if model.entity.stored_type == "bigint" else "str"
