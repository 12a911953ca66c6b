"""Snapshots, training sets, scores and labels as frames, by COPY out: what is wide and long as binary, the rest as CSV."""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd

from perennial.config import ENTITY, Declaration, Model
from perennial.errors import SnapshotMissing, WarehouseBusy
from perennial.records import TrainingSet, Version
from perennial.stores import queries
from perennial.stores.sessions import Session
from perennial.stores.warehouse.drawing import Draw, Drawn, draw_evenly, plan_draw
from perennial.stores.warehouse.frames import CAPPED, Frame, Selection, name_entity_dtype, read_frame
from perennial.stores.warehouse.tables import read_columns
from perennial.tasks import task_of

NULL = "\x1f"  # a control character that no text consists of, where COPY's own \N is one; an empty text stays a text


def read_snapshot(session: Session, declaration: Declaration, as_of: date) -> pd.DataFrame:
    """The snapshot of one day, indexed by entity_id and sorted; numbers and flags float64, texts category, segments plain text.

    Raises:
        SnapshotMissing: no snapshot of the day has passed its suites.
    """
    model = declaration.model
    _find_checksums(session, model.name, "features", [as_of])
    frame = read_frame(session, _select(session, model, [as_of], is_labelled=False))
    return frame.columns.set_index(frame.entities)


def read_training_set(
    session: Session, declaration: Declaration, as_ofs: Sequence[date], *, rested: Sequence[date] = (), drawn: Drawn = "all"
) -> TrainingSet:
    """Snapshots of these days joined with their labels, sorted by (as_of, entity_id).

    Args:
        rested: as_ofs that were set aside; no rows of theirs are read, and the hash names them.
        drawn: which rows, where `training.max_rows` bounds those that teach.

    Raises:
        SnapshotMissing: a day has no valid snapshot, or no labels.
        WarehouseBusy: a day was built anew, or purged, while it was read.
    """
    model = declaration.model
    checksums = _find_training_checksums(session, model.name, as_ofs)
    selection = _select(session, model, as_ofs, is_labelled=True, draw=plan_draw(session, model, as_ofs, drawn))
    frame = read_frame(session, replace(selection, may_be_narrow=drawn == "to teach"))
    inputs, index = frame.columns, _index_rows(sorted(set(as_ofs)), frame)
    inputs.index = index
    labels, beside = _label(session, selection, frame, index)
    _check_unchanged(session, model.name, checksums)
    cluster = model.entity.cluster
    return TrainingSet(
        features=inputs.drop(columns=list(model.asides)),
        labels=labels,
        segments=inputs[list(model.features.segments)],
        clusters=None if cluster is None else inputs[cluster],
        data_hash=_hash_data(declaration.query_hash, model.rulings, checksums, rested),
        checksums=checksums,
        beside=beside,
        drawn_of=None if selection.draw is None else selection.draw.rows,
    )


def read_training_sample(
    session: Session, declaration: Declaration, as_ofs: Sequence[date], *, most: int, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Features of the rows of a training set, or of about `most` that are drawn of more: the same rows every time.

    PostgreSQL draws, so that memory does not grow with the rows. Indexed and sorted as those of `read_training_set`.

    Args:
        columns: those that are wanted; None: all features.

    Raises:
        SnapshotMissing: a day has no valid snapshot, or no labels.
    """
    model = declaration.model
    _find_training_checksums(session, model.name, as_ofs)
    whole = _select(session, model, as_ofs, is_labelled=True, draw=draw_evenly(session, model, as_ofs, most))
    wanted = [column for column in whole.columns if column.name not in model.asides]
    wanted = [column for column in wanted if columns is None or column.name in columns]
    frame = read_frame(session, replace(whole, columns=tuple(wanted)))
    return frame.columns.set_index(_index_rows(sorted(set(as_ofs)), frame))


def _label(session: Session, selection: Selection, frame: Frame, index: pd.MultiIndex) -> tuple[pd.Series, dict[str, pd.Series]]:
    """Labels with what stands beside them; numbers came with the rows, names of classes, weights and values are asked for."""
    model, draw = selection.model, selection.draw
    dtype, names = task_of(model).label_dtype, model.label.beside
    if dtype != "str" and not names:
        labels = pd.Series(frame.labels.astype(dtype, copy=False), index=index, name="label", copy=False)
        return labels, {} if draw is None else draw.weigh(labels, {})
    drawn = "" if draw is None else f"and {draw.condition}"
    query = f"""
        select {CAPPED} as label{_list_beside(model)}
        from features."{model.name}" features join labels."{model.name}" labels using (as_of, entity_id)
        where as_of = any(%(as_ofs)s) {drawn} order by as_of, entity_id"""  # noqa: S608 - checked identifiers
    types = {"label": dtype} | dict.fromkeys(names, "float64")
    rows = read_rows(session, query, selection.bound, types)
    if len(rows) != len(index):
        raise WarehouseBusy(f"{model.name}: labels were built anew while they were read. Nothing was changed; try again.")
    rows = rows.set_index(index)
    beside = {name: rows[name] for name in names}
    return rows["label"], beside if draw is None else draw.weigh(rows["label"], beside)


def measure_training_set(
    session: Session, declaration: Declaration, as_ofs: Sequence[date], *, rested: Sequence[date] = ()
) -> tuple[int, str]:
    """Rows (about those that teach) and `data_hash` of that training set as the ledger knows them.

    No row is read, for each label has its snapshot's row.

    Raises:
        SnapshotMissing: a day has no valid snapshot, or no labels.
    """
    model = declaration.model
    checksums = _find_training_checksums(session, model.name, as_ofs)
    rows = min(_count_rows(session, model.name, "labels", as_ofs), model.training.max_rows or sys.maxsize)
    return rows, _hash_data(declaration.query_hash, model.rulings, checksums, rested)


def hash_part(declaration: Declaration, training: TrainingSet, as_ofs: Sequence[date], *, rested: Sequence[date] = ()) -> str:
    """`data_hash` of some days of a training set as it was read, whatever stands in the warehouse by now."""
    checksums = {kind: {day: known[day] for day in as_ofs} for kind, known in training.checksums.items()}
    return _hash_data(declaration.query_hash, declaration.model.rulings, checksums, rested)


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
    found = _list_checksums(session, model, kind, as_ofs)
    missing = sorted(set(as_ofs) - set(found))
    if missing:
        what = "snapshot that passed its suites" if kind == "features" else "labels"
        raise SnapshotMissing(
            f"{model}: no {what} for {', '.join(str(day) for day in missing)}; run `perennial backfill {model} "
            f"--from {missing[0]} --to {missing[-1]}`."
        )
    return found


def _list_checksums(session: Session, model: str, kind: str, as_ofs: Sequence[date]) -> dict[date, str]:
    values = {"model": model, "kind": kind, "as_ofs": list(as_ofs)}
    return {row.as_of: row.checksum for row in session.execute(queries.load("warehouse")["find_days"], values)}


def _check_unchanged(session: Session, model: str, checksums: Mapping[str, Mapping[date, str]]) -> None:
    """Each day was read by a statement of its own, which sees what others have committed until then: rows of another moment would
    bear a hash that is not theirs.

    Raises:
        WarehouseBusy: a day is not what it was.
    """
    for kind, known in checksums.items():
        now = _list_checksums(session, model, kind, list(known))
        changed = ", ".join(str(day) for day in sorted(known) if now.get(day) != known[day])
        if changed:
            raise WarehouseBusy(
                f"{model}: the {kind} of {changed} were built anew, or purged, while they were read. Nothing was changed; try "
                "again once that has ended."
            )


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


def _count_rows(session: Session, model: str, kind: str, as_ofs: Sequence[date]) -> int:
    values = {"model": model, "kind": kind, "as_ofs": list(as_ofs)}
    return sum(row.rows for row in session.execute(queries.load("warehouse")["find_days"], values))


def _select(session: Session, model: Model, as_ofs: Sequence[date], *, is_labelled: bool, draw: Draw | None = None) -> Selection:
    known = _count_rows(session, model.name, "labels" if is_labelled else "features", as_ofs)
    expected = known if draw is None else draw.expected
    return Selection(model, tuple(sorted(set(as_ofs))), read_columns(session, model.name), is_labelled, expected, draw)


def _index_rows(as_ofs: Sequence[date], frame: Frame) -> pd.MultiIndex:
    """(as_of, entity_id) of each row, from the counts: an as_of is not written down once a row."""
    counts = [(as_of, count) for as_of, count in zip(as_ofs, frame.counts, strict=True) if count]
    days = pd.DatetimeIndex(pd.to_datetime(pd.Series([str(as_of) for as_of, _ in counts], dtype="str"), format="%Y-%m-%d"))
    places = np.repeat(np.arange(len(counts), dtype=np.int32), [count for _, count in counts])
    entities = pd.Categorical(frame.entities)
    return pd.MultiIndex(
        levels=[days, entities.categories],  # type: ignore[list-item]  # pandas takes an Index, its stubs do not say so
        codes=[places, entities.codes],  # type: ignore[list-item]  # likewise an array
        names=["as_of", ENTITY],
        verify_integrity=False,
    )
