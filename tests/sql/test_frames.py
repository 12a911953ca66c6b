"""Snapshots and training sets read as binary are, to the bit, the frames that CSV gave."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import text

from perennial.config import Declaration, Model
from perennial.errors import WarehouseBusy
from perennial.pipeline.fitting import Material, find_rows
from perennial.records import SplitPlan
from perennial.stores.sessions import run_script
from perennial.stores.warehouse import columns, frames, read_snapshot, read_training_sample, read_training_set
from perennial.stores.warehouse.frames import name_entity_dtype
from perennial.stores.warehouse.reading import read_rows
from tests.drawn import declare

DAYS = (date(2020, 1, 6), date(2020, 1, 13), date(2020, 1, 20))
COLUMNS = {
    "count": "bigint",
    "small": "integer",
    "income": "text",
    "label": "double precision",
    "flag": "boolean",
    "spend%": "double precision",
    "colour": "text",
    "nothing": "text",
    "shop": "text",
}
VALUES = (
    "9007199254740993, -1, 'high', '-0'::float8, true, 0.1::float8, 'ä', null, 's1'",
    "null, null, null, 'NaN'::float8, null, '5e-324'::float8, '', null, null",
    "-7, 2147483647, 'NA', 'Infinity'::float8, false, null, null, null, 's2'",
    "0, 0, 'low', 1e300, true, 3::float8, E'a\"b,\\\\N\\n', null, 's1'",
    "1, 1, 'odd', 1, true, 1, 'of nobody with a label', null, 's3'",
)
KEYS = {
    "bigint": ("-5", "0", "7", "9007199254740993", "4611686018427387904"),
    "text": ("''", "'007'", "'7'", "'é'", "'zz'"),
    "uuid": tuple(f"'00000000-0000-0000-0000-00000000000{place}'" for place in range(5)),
}
LABELS = {"binary": ("1", "0", "1", "0"), "regression": ("1.5", "-0.25", "800", "5e-324")}


def declare_wide(kind: str = "bigint", task: str = "binary", cap: float | None = None) -> Declaration:
    keys = {
        "name": "wide",
        "description": "Every type of column",
        "owner": "wide@example.com",
        "timezone": "UTC",
        "entity": {"key": "person_id", "type": kind, "cluster": "shop"},
        "sources": {"people": {"times": "static"}},
        "features": {"segments": ["income"]},
        "schedule": {"refresh": "30 6 * * *", "retrain": "0 8 * * 3"},
        "label": {"horizon_days": 28, "task": task, "cap": cap},
    }
    keys |= {"training": {"metric": "mae"}} if task == "regression" else {}
    return declare("lapse").model_copy(update={"model": Model.model_validate(keys)})


def fill(session, declaration: Declaration) -> Declaration:
    """Three as_ofs: all rows, all but the first, and none with a label; the last entity never has one."""
    model = declaration.model
    kind, label = model.entity.stored_type, "smallint" if model.label.task == "binary" else "double precision"
    listed = ", ".join(f'"{name}" {of}' for name, of in COLUMNS.items())
    made = [f"create table features.wide (as_of date, entity_id {kind}, {listed}, primary key (as_of, entity_id))"]
    made += [f"create table labels.wide (as_of date, entity_id {kind}, label {label}, primary key (as_of, entity_id))"]
    for number, day in enumerate(DAYS):
        rows = list(zip(KEYS[kind], VALUES, strict=True))[min(number, 1) :]
        made += [f"insert into features.wide values ('{day}', {key}, {values})" for key, values in reversed(rows)]
        known = list(zip(KEYS[kind], LABELS[model.label.task], strict=False))[min(number, 1) :] if number < 2 else []
        made += [f"insert into labels.wide values ('{day}', {key}, {value})" for key, value in known]
        made += [
            "insert into ledger.snapshots (model, as_of, kind, rows, checksum, query_hash, config_hash, status, purpose, "
            f"effective_at) values ('wide', '{day}', '{what}', 1, 'c', 'q', 'c', 'valid', 'simulation', '2020-01-01')"
            for what in ("features", "labels")
        ]
    run_script(session, ";\n".join(made))
    return declaration


def read_as_csv(session, declaration: Declaration, *, labelled: bool) -> pd.DataFrame:
    """What reading was before: one query of everything, as text."""
    model, cap = declaration.model, declaration.model.label.cap
    asides = {"income", "shop"}
    dtypes = {"text": "category", "boolean": "boolean"}
    types = {name: "str" if name in asides else dtypes.get(of, "float64") for name, of in COLUMNS.items()}
    numbered = {f"f{place}": name for place, name in enumerate(COLUMNS)}
    listed = ", ".join(f'features."{name.replace("%", "%%")}" as {short}' for short, name in numbered.items())
    label = "least(labels.label, %(cap)s)" if labelled else "0"
    joined = "join labels.wide labels using (as_of, entity_id)" if labelled else ""
    query = f"select as_of, entity_id, {label} as label, {listed} from features.wide features {joined} order by as_of, entity_id"
    kinds = {
        "as_of": "str",
        "entity_id": name_entity_dtype(model),
        "label": "int64" if model.label.task == "binary" else "float64",
    }
    rows = read_rows(session, query, {"cap": cap}, kinds | {short: types[name] for short, name in numbered.items()})
    rows["as_of"] = pd.to_datetime(rows["as_of"], format="%Y-%m-%d")
    return rows.set_index(["as_of", "entity_id"])


def assert_same(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(found, wanted, check_exact=True, check_index_type="exact", check_column_type="exact")
    for name in wanted.select_dtypes("number"):
        assert found[name].to_numpy().tobytes() == wanted[name].to_numpy().tobytes(), name


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize(("task", "cap"), [("binary", None), ("regression", None), ("regression", 700.0)])
def test_a_training_set_is_that_of_csv_to_the_bit(warehouse, kind, task, cap):
    declaration = fill(warehouse.session, declare_wide(kind, task, cap))
    wanted = read_as_csv(warehouse.session, declaration, labelled=True)
    found = read_training_set(warehouse.session, declaration, DAYS)
    inputs = wanted.drop(columns="label").set_axis(list(COLUMNS), axis="columns")
    assert_same(found.features, inputs.drop(columns=["income", "shop"]))
    assert_same(found.segments, inputs[["income"]])
    assert_same(found.labels.to_frame(), wanted[["label"]])
    pd.testing.assert_series_equal(found.clusters, inputs["shop"])
    assert [level.dtype for level in found.labels.index.levels] == [level.dtype for level in wanted.index.levels]
    assert [code.dtype for code in found.labels.index.codes] == [code.dtype for code in wanted.index.codes]


@pytest.mark.parametrize("kind", KEYS)
def test_a_snapshot_is_that_of_csv_to_the_bit(warehouse, kind):
    declaration = fill(warehouse.session, declare_wide(kind))
    wanted = (
        read_as_csv(warehouse.session, declaration, labelled=False).drop(columns="label").set_axis(list(COLUMNS), axis="columns")
    )
    assert_same(read_snapshot(warehouse.session, declaration, DAYS[0]), wanted.loc[pd.Timestamp(DAYS[0])])


def test_days_without_a_labelled_row_make_an_empty_set_of_the_same_types(warehouse):
    declaration = fill(warehouse.session, declare_wide())
    full, none = (read_training_set(warehouse.session, declaration, days) for days in (DAYS, DAYS[2:]))
    assert (len(none.features), list(none.features.columns)) == (0, list(full.features.columns))
    assert none.features.select_dtypes("number").dtypes.equals(full.features.select_dtypes("number").dtypes)


MEANWHILE = {
    "built anew": "update ledger.snapshots set checksum = 'd' where kind = 'features' and as_of = '2020-01-13'",
    "being built": "update ledger.snapshots set status = 'built' where kind = 'features' and as_of = '2020-01-13'",
    "purged": "update ledger.snapshots set status = 'purged' where as_of = '2020-01-13'",
}


@pytest.mark.parametrize("what", MEANWHILE)
def test_a_training_set_of_two_moments_is_none(warehouse, monkeypatch, what):
    """What somebody commits between the first day and the last is seen by the later statements: here it is done in between."""
    declaration, copy = fill(warehouse.session, declare_wide()), frames._copy

    def copy_beside(session, *given):
        copy(session, *given)
        session.exec_driver_sql(MEANWHILE[what])

    monkeypatch.setattr(frames, "_copy", copy_beside)
    with pytest.raises(WarehouseBusy, match=r"wide: the features of 2020-01-13 were built anew, or purged, while they were read"):
        read_training_set(warehouse.session, declaration, DAYS)


def test_a_part_bears_the_hash_of_what_was_read_and_not_of_what_came_later(warehouse):
    declaration = fill(warehouse.session, declare_wide())
    whole = read_training_set(warehouse.session, declaration, DAYS)
    meant = read_training_set(warehouse.session, declaration, DAYS[:2], rested=DAYS[2:]).data_hash
    warehouse.session.execute(text(MEANWHILE["built anew"]))
    material = Material(None, declaration, None, None, whole, DAYS)
    part = find_rows(material, SplitPlan(DAYS[:2], (), 0, rested=DAYS[2:]))
    assert (DAYS[:2], meant) == (part.as_ofs, part.data_hash)


def test_texts_that_share_a_hash_are_told_apart(warehouse, monkeypatch):
    declaration = fill(warehouse.session, declare_wide())
    wanted = read_training_set(warehouse.session, declaration, DAYS)
    monkeypatch.setattr(frames, "HASH_MASK", 7)
    found = read_training_set(warehouse.session, declaration, DAYS)
    assert_same(found.features, wanted.features)
    assert_same(found.segments, wanted.segments)


def test_the_frame_stands_around_the_memory_that_was_read_into(warehouse):
    declaration = fill(warehouse.session, declare_wide())
    features = read_training_set(warehouse.session, declaration, DAYS).features
    assert np.shares_memory(features["count"].to_numpy(), features["spend%"].to_numpy().base)


def test_rows_beyond_those_the_ledger_knows_are_read_too(warehouse):
    declaration = fill(warehouse.session, declare_wide())
    known = warehouse.session.execute(text("select sum(rows) from ledger.snapshots where kind = 'labels'")).scalar_one()
    assert len(read_training_set(warehouse.session, declaration, DAYS).labels) == 7 > known


CROWD = """
    insert into features.wide (as_of, entity_id, small, colour, income)
    select day, {entity}, n, 'colour ' || n % 3, 'high' from generate_series({rows}) n, unnest(array{days}::date[]) day;
    insert into labels.wide select day, {entity}, n % 2 from generate_series({rows}) n, unnest(array{days}::date[]) day;
    update ledger.snapshots set rows = (select count(*) from labels.wide where as_of = snapshots.as_of)
"""
ENTITIES = {"bigint": "n", "text": "'p' || n", "uuid": "md5(n::text)::uuid"}
MOST = 500


def crowd(session, kind: str, *, rows: str = "100, 2099") -> Declaration:
    """Two thousand people more on each of the first two days."""
    declaration = fill(session, declare_wide(kind))
    days = [str(day) for day in DAYS[:2]]
    run_script(session, CROWD.format(entity=ENTITIES[kind], rows=rows, days=days))
    return declaration


@pytest.mark.parametrize("kind", KEYS)
def test_of_more_rows_than_the_bound_the_same_ones_are_drawn_from_every_day(warehouse, kind):
    declaration = crowd(warehouse.session, kind)
    whole = read_training_set(warehouse.session, declaration, DAYS).features
    drawn = read_training_sample(warehouse.session, declaration, DAYS, most=MOST)
    spread = 4 * MOST**0.5  # of a count of independent draws the standard error is its root
    assert len(whole) > 8 * MOST - 1 > MOST + spread > len(drawn) > MOST - spread
    assert (abs(drawn.groupby(level="as_of").size() - MOST / 2) < spread).all()
    assert_same(drawn.astype({"colour": "str"}), whole.loc[drawn.index].astype({"colour": "str"}))
    assert_same(drawn, read_training_sample(warehouse.session, declaration, DAYS, most=MOST))


def test_what_is_drawn_follows_the_key_and_the_seed_and_not_the_place_on_disk(warehouse):
    declaration = crowd(warehouse.session, "bigint", rows="100, 2099")
    drawn = read_training_sample(warehouse.session, declaration, DAYS, most=MOST)
    warehouse.session.execute(text("delete from features.wide where entity_id between 100 and 2099"))
    warehouse.session.execute(text("delete from labels.wide where entity_id between 100 and 2099"))
    run_script(warehouse.session, CROWD.format(entity="n", rows="2099, 100, -1", days=[str(day) for day in DAYS[:2]]))
    assert_same(drawn, read_training_sample(warehouse.session, declaration, DAYS, most=MOST))
    training = declaration.model.training.model_copy(update={"seed": 8})
    reseeded = declaration.model_copy(update={"model": declaration.model.model_copy(update={"training": training})})
    others = read_training_sample(warehouse.session, reseeded, DAYS, most=MOST)
    assert len(drawn.index.intersection(others.index)) < MOST / 2


def test_no_more_rows_than_the_bound_all_come_as_they_are_trained_on(warehouse):
    declaration = fill(warehouse.session, declare_wide())
    whole = read_training_set(warehouse.session, declaration, DAYS).features
    assert_same(read_training_sample(warehouse.session, declaration, DAYS, most=MOST), whole)
    some = read_training_sample(warehouse.session, declaration, DAYS, most=MOST, columns=["colour", "count"])
    assert_same(some, whole[["count", "colour"]])


def test_of_many_rows_that_teach_a_number_is_narrow_where_that_is_the_same(warehouse, monkeypatch):
    declaration = fill(warehouse.session, declare_wide())
    wanted = read_training_set(warehouse.session, declaration, DAYS)
    monkeypatch.setattr(columns, "NARROW_CELLS", 0)
    found = read_training_set(warehouse.session, declaration, DAYS, drawn="to teach")
    numbers = found.features.select_dtypes("number")
    assert {"count": "float32", "small": "float64", "label": "float64", "flag": "float32", "spend%": "float64"} == {
        str(name): str(kind) for name, kind in numbers.dtypes.items()
    }
    assert list(wanted.features.columns) == list(found.features.columns)
    assert_same(found.features.astype(dict.fromkeys(numbers, "float64")), wanted.features)
    assert_same(found.segments, wanted.segments)


def test_a_narrow_column_keeps_what_it_held_when_it_becomes_wide():
    narrow = columns.open_columns(2, 4, may_be_narrow=True)
    assert isinstance(narrow, columns.Wide)
    narrow = columns.Narrow(2, 4)
    narrow.put(slice(0, 2), np.array([[1.0, np.nan], [7.0, -0.0]]))
    narrow.put(slice(2, 4), np.array([[0.1, 2.0], [np.inf, 16777216.0]]))
    frame = narrow.join(["a", "b"], {}, 4)
    assert ["float64", "float32"] == [str(kind) for kind in frame.dtypes]
    np.testing.assert_array_equal([[1.0, 7.0], [np.nan, -0.0], [0.1, np.inf], [2.0, 16777216.0]], frame.to_numpy())


def test_more_narrow_columns_than_pandas_likes_to_insert_come_without_a_warning():
    narrow = columns.Narrow(150, 2)
    narrow.put(slice(0, 2), np.ones((150, 2)))
    names = [f"c{place}" for place in range(150)]
    frame = narrow.join(["kind", *names], {"kind": pd.Series(["a", "b"])}, 2)
    assert (["kind", *names], 2) == (list(frame.columns), len(frame))
