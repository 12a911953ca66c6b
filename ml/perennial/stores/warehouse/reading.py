"""Snapshots, training sets, scores and labels as frames, by COPY out: several times faster than fetching rows."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from datetime import date

import pandas as pd

from perennial.config import ENTITY, Declaration, Model
from perennial.errors import SnapshotMissing
from perennial.records import Column, TrainingSet, Version
from perennial.stores import queries
from perennial.stores.sessions import Session
from perennial.stores.warehouse.identifiers import quote_for_driver
from perennial.stores.warehouse.tables import read_columns
from perennial.tasks import task_of

NULL = "\x1f"  # a control character that no text consists of, where COPY's own \N is one; an empty text stays a text
CAPPED = "least(labels.label, %(cap)s)"
"""What a label counts as, in training, judging and watching alike; without a cap (null) itself. What is stored stays raw."""


def read_snapshot(session: Session, declaration: Declaration, as_of: date) -> pd.DataFrame:
    """The snapshot of one day, indexed by entity_id and sorted; numbers and flags float64, texts category, segments plain text.

    Raises:
        SnapshotMissing: no snapshot of the day has passed its suites.
    """
    model = declaration.model
    _find_checksums(session, model.name, "features", [as_of])
    columns = read_columns(session, model.name)
    listed = "".join(f", {quote_for_driver(column.name)}" for column in columns)
    query = f'select entity_id{listed} from features."{model.name}" where as_of = %(as_of)s order by entity_id'  # noqa: S608 - checked
    types = {ENTITY: name_entity_dtype(model)} | _pandas_types(columns, model.asides)
    return read_rows(session, query, {"as_of": as_of}, types).set_index(ENTITY)


def read_training_set(
    session: Session, declaration: Declaration, as_ofs: Sequence[date], *, rested: Sequence[date] = ()
) -> TrainingSet:
    """Snapshots of these days joined with their labels, sorted by (as_of, entity_id).

    Args:
        rested: as_ofs that were set aside; no rows of theirs are read, and the hash names them.

    Raises:
        SnapshotMissing: a day has no valid snapshot, or no labels.
    """
    model = declaration.model
    checksums = _find_training_checksums(session, model.name, as_ofs)
    columns = read_columns(session, model.name)
    # Numbered inside, so that a feature may be called label.
    numbered = {f"f{number}": column for number, column in enumerate(columns)}
    listed = "".join(f", features.{quote_for_driver(column.name)} as {short}" for short, column in numbered.items())
    query = f"""
        select as_of, entity_id, {CAPPED} as label{_list_beside(model)}{listed}
        from features."{model.name}" features join labels."{model.name}" labels using (as_of, entity_id)
        where as_of = any(%(as_ofs)s) order by as_of, entity_id"""  # noqa: S608 - checked identifiers
    types = {"as_of": "str", ENTITY: name_entity_dtype(model), "label": task_of(model).label_dtype}
    types |= dict.fromkeys(model.label.beside, "float64")
    types |= {short: _pandas_type(column, model.asides) for short, column in numbered.items()}
    rows = read_rows(session, query, {"as_ofs": list(as_ofs), "cap": model.label.cap}, types)
    rows["as_of"] = pd.to_datetime(rows["as_of"], format="%Y-%m-%d")
    rows = rows.set_index(["as_of", ENTITY])
    inputs = rows.drop(columns=["label", *model.label.beside]).rename(
        columns={short: column.name for short, column in numbered.items()}
    )
    cluster = model.entity.cluster
    return TrainingSet(
        features=inputs.drop(columns=list(model.asides)),
        labels=rows["label"],
        segments=inputs[list(model.features.segments)],
        clusters=None if cluster is None else inputs[cluster],
        data_hash=_hash_data(declaration.query_hash, model.rulings, checksums, rested),
        beside={name: rows[name] for name in model.label.beside},
    )


def measure_training_set(
    session: Session, declaration: Declaration, as_ofs: Sequence[date], *, rested: Sequence[date] = ()
) -> tuple[int, str]:
    """Rows and `data_hash` of that training set as the ledger knows them: no row is read, for each label has its snapshot's row.

    Raises:
        SnapshotMissing: a day has no valid snapshot, or no labels.
    """
    model = declaration.model
    checksums = _find_training_checksums(session, model.name, as_ofs)
    values = {"model": model.name, "kind": "labels", "as_ofs": list(as_ofs)}
    rows = sum(row.rows for row in session.execute(queries.load("warehouse")["find_days"], values))
    return rows, _hash_data(declaration.query_hash, model.rulings, checksums, rested)


def is_restated(session: Session, version: Version) -> bool:
    """Do its training days hold other rows now than those it was trained on? Later queries and rulings alone do not count,
    nor does it that entities were erased since.

    Raises:
        SnapshotMissing: a day has no valid snapshot, or no labels.
    """
    key = {"model": version.model, "version": version.version}
    without = session.execute(queries.load("erasures")["data_hashes_without"], key).scalars()
    return hash_training_days(session, version) not in {version.data_hash, *without}


def hash_training_days(session: Session, version: Version) -> str:
    """What `data_hash` of a version would be, had it learned from its training days as they stand.

    Raises:
        SnapshotMissing: a day has no valid snapshot, or no labels.
    """
    checksums = _find_training_checksums(session, version.model, version.training_as_ofs)
    return _hash_data(version.query_hash, version.rulings, checksums, version.rested)


def read_scores(session: Session, model: Model, as_of: date) -> pd.DataFrame:
    """The scores that stand for one day, indexed by entity_id and sorted; no rows if none were published."""
    columns = "entity_id, score, rank, decile, reason_1, reason_2, reason_3, publication_id"
    query = f'select {columns} from scores."{model.name}" where as_of = %(as_of)s order by entity_id'  # noqa: S608 - checked
    types = {ENTITY: name_entity_dtype(model), "score": "float64", "rank": "int64", "decile": "int64", "publication_id": "int64"}
    reasons = dict.fromkeys(("reason_1", "reason_2", "reason_3"), "str")
    return read_rows(session, query, {"as_of": as_of}, types | reasons).set_index(ENTITY)


def read_labels(session: Session, model: Model, as_of: date) -> pd.Series:
    """The labels that stand for one day, no higher than the cap, by entity_id and sorted; none if they have not been built."""
    query = f'select entity_id, {CAPPED} as label from labels."{model.name}" labels where as_of = %(as_of)s order by entity_id'  # noqa: S608 - checked identifiers
    types = {ENTITY: name_entity_dtype(model), "label": task_of(model).label_dtype}
    return read_rows(session, query, {"as_of": as_of, "cap": model.label.cap}, types).set_index(ENTITY)["label"]


def read_beside(session: Session, model: Model, as_of: date) -> dict[str, pd.Series]:
    """Weights and values of the labels of one day, by entity_id; nothing where the model names none."""
    if not model.label.beside:
        return {}
    query = f'select entity_id{_list_beside(model)} from labels."{model.name}" labels where as_of = %(as_of)s order by entity_id'  # noqa: S608 - checked identifiers
    types = {ENTITY: name_entity_dtype(model)} | dict.fromkeys(model.label.beside, "float64")
    rows = read_rows(session, query, {"as_of": as_of}, types).set_index(ENTITY)
    return {name: rows[name] for name in model.label.beside}


def _list_beside(model: Model) -> str:
    return "".join(f", labels.{name}" for name in model.label.beside)


def read_rows(session: Session, query: str, values: Mapping[str, object], types: Mapping[str, str]) -> pd.DataFrame:
    """What a query gives, by COPY out; `types` names the columns with their dtypes."""
    cursor = session.connection.cursor()
    bound = cursor.mogrify(query, dict(values)).decode()
    out = io.StringIO()
    cursor.copy_expert(f"copy ({bound}) to stdout (format csv, header, null '{NULL}')", out)
    cursor.close()
    out.seek(0)
    missing = {name: [NULL] if kind in ("str", "category") else [NULL, "NaN"] for name, kind in types.items()}
    flags = [name for name, kind in types.items() if kind == "boolean"]
    rows = pd.read_csv(
        out,
        dtype=dict(types),
        na_values=missing,
        keep_default_na=False,
        float_precision="round_trip",
        true_values=["t"],
        false_values=["f"],
    )
    return rows.astype(dict.fromkeys(flags, "float64"))


def _find_checksums(session: Session, model: str, kind: str, as_ofs: Sequence[date]) -> dict[date, str]:
    values = {"model": model, "kind": kind, "as_ofs": list(as_ofs)}
    found = {row.as_of: row.checksum for row in session.execute(queries.load("warehouse")["find_days"], values)}
    missing = sorted(set(as_ofs) - set(found))
    if missing:
        what = "snapshot that passed its suites" if kind == "features" else "labels"
        raise SnapshotMissing(
            f"{model}: no {what} for {', '.join(str(day) for day in missing)}; run `perennial backfill {model} "
            f"--from {missing[0]} --to {missing[-1]}`."
        )
    return found


def _find_training_checksums(session: Session, model: str, as_ofs: Sequence[date]) -> dict[str, dict[date, str]]:
    return {kind: _find_checksums(session, model, kind, as_ofs) for kind in ("features", "labels")}


def _hash_data(
    query_hash: str, rulings: Mapping[str, str], checksums: Mapping[str, Mapping[date, str]], rested: Sequence[date]
) -> str:
    """SHA-256 over the checksums of snapshots and labels, day by day, the hash of the queries, rulings, and what rested."""
    ruled = [f"{key} {text}" for key, text in sorted(rulings.items())]
    parts = [f"{kind} {day} {checksum}" for kind, days in sorted(checksums.items()) for day, checksum in sorted(days.items())]
    set_aside = [f"rested {day}" for day in sorted(rested)]
    return hashlib.sha256("\n".join([query_hash, *ruled, *parts, *set_aside]).encode()).hexdigest()


def _pandas_types(columns: Sequence[Column], asides: Sequence[str]) -> dict[str, str]:
    return {column.name: _pandas_type(column, asides) for column in columns}


def _pandas_type(column: Column, asides: Sequence[str]) -> str:
    if column.type == "boolean":
        return "boolean"
    if column.type != "text":
        return "float64"
    return "str" if column.name in asides else "category"


def name_entity_dtype(model: Model) -> str:
    """How pandas holds an entity_id; `007` is a text, and another one than `7`."""
    return "int64" if model.entity.stored_type == "bigint" else "str"
