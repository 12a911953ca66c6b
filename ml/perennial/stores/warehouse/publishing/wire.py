"""PostgreSQL's binary COPY format, laid out so that numpy reads and writes whole blocks of rows at once.

Reading: every field has a fixed width, because the query turns each feature into a float8 that is never null, and a
text entity_id into bytes padded with zeros (a text cannot hold one); a bigint and a uuid have theirs by nature. Source of the
format: PostgreSQL, COPY, Binary Format.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from perennial.config import ENTITY
from perennial.errors import SchemaMismatch
from perennial.predictor import Feature
from perennial.stores.warehouse.identifiers import quote_for_driver

SIGNATURE = b"PGCOPY\n\xff\r\n\x00"
HEADER = SIGNATURE + bytes(8)  # no flags, no extension
TRAILER = b"\xff\xff"
NULL_FIELD = b"\xff\xff\xff\xff"
EPOCH = date(2000, 1, 1)
SCORE_COLUMNS = ("as_of", "score", "rank", "decile", "publication_id", "entity_id", "reason_1", "reason_2", "reason_3")
CLASSES = ("class", "probabilities")  # what follows them where scores are classes
JSONB = b"\x01"  # the version of its binary format
REASONS = 3
Ids = NDArray[np.generic]
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Block:
    """Rows as they came: entities (int64, the 16 bytes of a uuid, or bytes of UTF-8 text) and the encoded features."""

    entities: Ids
    matrix: Matrix


def encode_in_sql(feature: Feature, column_type: str) -> tuple[str, list[object]]:
    """A feature as float8 that is never null, the same number that `perennial.predictor.encode` gives; with its bound values.

    Raises:
        SchemaMismatch: the column has another type than in the training.
    """
    is_text = column_type == "text"
    if is_text != (feature.kind == "category"):
        raise SchemaMismatch(f"the column {feature.name} was {feature.kind} in the training and is {column_type} now")
    name = quote_for_driver(feature.name)
    if is_text:
        known = f"(array_position(%s::text[], {name}) - 1)::float8"
        pool = f"case when {name} is not null then {len(feature.categories)}::float8 end, " if feature.pooled else ""
        return f"coalesce({known}, {pool}'NaN')", [list(feature.categories)]
    number = f"{name}::integer" if column_type == "boolean" else name
    return f"coalesce({number}::float8, 'NaN')", []


@dataclass(frozen=True)
class EntityField:
    """An entity_id as a field of fixed width: the SQL that makes it, and how numpy reads it."""

    expression: str
    dtype: str


def encode_entity_in_sql(kind: str, longest: int) -> EntityField:
    """A bigint or uuid as it is, a text padded with zeros up to the `longest`, in bytes."""
    if kind == "text":
        text = f"convert_to({ENTITY}, 'UTF8')"
        return EntityField(f"{text} || decode(repeat('00', {longest} - length({text})), 'hex')", f"S{longest}")
    return EntityField(ENTITY, {"bigint": ">i8", "uuid": "V16"}[kind])


class WireRows:
    """Cuts the bytes of a COPY TO into blocks of whole rows."""

    def __init__(self, entity: EntityField, features: int) -> None:
        fields = [("fields", ">i2"), ("entity_length", ">i4"), ("entity", entity.dtype)]
        fields += [field for place in range(features) for field in ((f"length_{place}", ">i4"), (f"value_{place}", ">f8"))]
        self._row = np.dtype(fields)
        self._features = features
        self._rest = b""
        self._is_open = False

    def take(self, block: bytes | bytearray) -> Block:
        """The whole rows that are there by now; nobody writes to the block any more."""
        data, begin = self._rest + block if self._rest else block, 0
        if not self._is_open:
            assert data.startswith(HEADER), "PostgreSQL's COPY speaks another format"
            begin, self._is_open = len(HEADER), True
        whole = (len(data) - begin) // self._row.itemsize
        self._rest = bytes(data[begin + whole * self._row.itemsize :])
        rows = np.frombuffer(data, dtype=self._row, count=whole, offset=begin)
        assert (rows["fields"] == self._features + 1).all(), "a row of the COPY has another width than was asked for"
        matrix = np.empty((whole, self._features), dtype=np.float64)
        for place in range(self._features):
            matrix[:, place] = rows[f"value_{place}"]
        return Block(rows["entity"].astype(rows["entity"].dtype.newbyteorder("=")), matrix)

    def check_end(self) -> None:
        """The stream must end with PostgreSQL's trailer: nothing was cut off."""
        assert self._rest == TRAILER, f"the COPY ended in the middle of a row ({len(self._rest)} bytes left)"


@dataclass(frozen=True)
class ScoredBlock:
    """Rows to write, in the order of their entities; `reasons` has a text per row and reason (at most three).

    Attributes:
        classes: of scores that are classes the names, in the order of the columns of `probabilities`; none where a score is
            one number.
    """

    entities: Ids
    scores: Matrix
    ranks: NDArray[np.int64]
    deciles: NDArray[np.int16]
    reasons: NDArray[np.object_]
    classes: tuple[str, ...] = ()
    probabilities: Matrix | None = None


def write_rows(block: ScoredBlock, as_of: date, publication_id: int) -> bytes:
    """The block as rows of COPY FROM into SCORE_COLUMNS, and CLASSES where there are any, without header and trailer."""
    heads = _write_heads(block, as_of, publication_id)
    if block.entities.dtype.kind != "S" and block.reasons.shape[1] == 0 and block.probabilities is None:
        entities = _write_fixed(block.entities)
        fields = [("head", heads.dtype), ("entity", entities.dtype), ("nulls", f"V{len(NULL_FIELD) * REASONS}")]
        rows = np.empty(len(heads), dtype=fields)
        rows["head"], rows["entity"] = heads, entities
        rows["nulls"] = np.void(NULL_FIELD * REASONS)
        return rows.tobytes()
    columns = [_split(heads), _write_entities(block.entities)]
    columns += [[NULL_FIELD if text is None else _write_text(text.encode()) for text in reasons] for reasons in block.reasons.T]
    columns += [[NULL_FIELD] * len(heads)] * (REASONS - block.reasons.shape[1])
    if block.probabilities is not None:
        columns += _write_classes(block.classes, block.probabilities)
    return b"".join(b"".join(row) for row in zip(*columns, strict=True))


def _write_heads(block: ScoredBlock, as_of: date, publication_id: int) -> NDArray[np.void]:
    values: Sequence[tuple[str, str, object]] = (
        ("as_of", ">i4", (as_of - EPOCH).days),
        ("score", ">f8", block.scores),
        ("rank", ">i8", block.ranks),
        ("decile", ">i2", block.deciles),
        ("publication_id", ">i8", publication_id),
    )
    kinds = [field for name, kind, _ in values for field in ((f"{name}_length", ">i4"), (name, kind))]
    heads = np.empty(len(block.scores), dtype=[("fields", ">i2"), *kinds])
    heads["fields"] = len(SCORE_COLUMNS) + (0 if block.probabilities is None else len(CLASSES))
    for name, kind, value in values:
        heads[f"{name}_length"] = np.dtype(kind).itemsize
        heads[name] = value
    return heads


def _write_classes(classes: tuple[str, ...], probabilities: Matrix) -> list[list[bytes]]:
    """The name of each row's class, and the probabilities of all by name; of equal ones the first leads."""
    names = [_write_text(name.encode()) for name in classes]
    chosen = [names[place] for place in probabilities.argmax(axis=1).tolist()]
    named = (json.dumps(dict(zip(classes, row, strict=True)), ensure_ascii=False) for row in probabilities.tolist())
    return [chosen, [_write_text(JSONB + text.encode()) for text in named]]


def _write_entities(entities: Ids) -> list[bytes]:
    if entities.dtype.kind == "S":
        return [_write_text(entity) for entity in entities.tolist()]
    return _split(_write_fixed(entities))


def _write_fixed(entities: Ids) -> NDArray[np.void]:
    """Length and value of each bigint or uuid."""
    fields = np.empty(len(entities), dtype=[("length", ">i4"), ("value", entities.dtype.newbyteorder(">"))])
    fields["length"], fields["value"] = entities.dtype.itemsize, entities
    return fields


def _split(rows: NDArray[np.void]) -> list[bytes]:
    data, width = rows.tobytes(), rows.dtype.itemsize
    return [data[start : start + width] for start in range(0, len(data), width)]


def _write_text(text: bytes) -> bytes:
    return len(text).to_bytes(4, "big") + text
