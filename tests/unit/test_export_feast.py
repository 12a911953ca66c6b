"""The feature_repo as it is written; `make exits` takes it to a real Feast."""

import ast
import re

import pytest
import yaml

from perennial.config import load_model
from perennial.errors import ExportRefused, SnapshotMissing
from perennial.export.feast import FILES, name_key, write_query, write_repository
from perennial.records import Column
from tests.paths import ROOT

LAPSE = load_model(ROOT / "models" / "lapse.toml")
COLUMNS = (
    Column("recency_days", "integer"),
    Column("orders", "bigint"),
    Column("spend", "double precision"),
    Column("is_new", "boolean"),
    Column("income", "text"),
)


def key_of(**entity):
    return LAPSE.model_copy(update={"entity": type(LAPSE.entity)(**entity)})


def read_calls(folder, name):
    """Keyword arguments of the calls of a name in features.py, as source."""
    tree = ast.parse((folder / "features.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name]
    return [{each.arg: ast.unparse(each.value) for each in call.keywords} for call in calls]


def test_every_column_is_a_field_of_its_own_type(tmp_path):
    write_repository(tmp_path, LAPSE, COLUMNS)
    fields = {each["name"].strip("'"): each["dtype"] for each in read_calls(tmp_path, "Field")}
    expected = {"recency_days": "Int32", "orders": "Int64", "spend": "Float64", "is_new": "Bool", "income": "String"}
    assert fields == {"snapshot_as_of": "String"} | expected
    compile((tmp_path / "features.py").read_text(encoding="utf-8"), "features.py", "exec")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)


def test_a_snapshot_has_the_instant_at_which_it_was_known_and_serves_until_the_next(tmp_path):
    write_repository(tmp_path, LAPSE, COLUMNS)
    (view,), (source,) = read_calls(tmp_path, "FeatureView"), read_calls(tmp_path, "PostgreSQLSource")
    assert (view["entities"], view["ttl"]) == ("[entity]", "timedelta(seconds=86399)")
    assert (source["timestamp_field"], source["created_timestamp_column"]) == ("'snapshot_known_at'", "'snapshot_built_at'")
    assert (
        "(features.as_of::timestamp at time zone 'America/New_York') + interval '6 hours' as snapshot_known_at"
        in ast.literal_eval(source["query"])
    )


@pytest.mark.parametrize("key", ["lapse", "class", "snapshots", "timedelta"])
def test_no_name_and_no_sentence_of_a_model_is_read_as_python(key, tmp_path):
    said = 'He said """no\\", and\nleft.'
    model = key_of(key=key).model_copy(update={"description": said})
    write_repository(tmp_path, model, COLUMNS)
    tree = ast.parse((tmp_path / "features.py").read_text(encoding="utf-8"))
    assert [node.targets[0].id for node in tree.body if isinstance(node, ast.Assign)] == ["entity", "snapshots", "view"]
    (view,), (entity,) = read_calls(tmp_path, "FeatureView"), read_calls(tmp_path, "Entity")
    assert (ast.literal_eval(entity["name"]), ast.literal_eval(view["description"])) == (key, said.rstrip("."))


def test_no_secret_and_no_address_is_written(tmp_path):
    write_repository(tmp_path, LAPSE, COLUMNS)
    text = (tmp_path / "feature_store.yaml").read_text(encoding="utf-8")
    stores = yaml.safe_load(text)
    for store in (stores["offline_store"], stores["online_store"]):
        assert store["type"] == "postgres"
        assert {store[name] for name in ("host", "port", "database", "user", "password")} <= set(
            re.findall(r"\$\{PG[A-Z]+\}", text)
        )


@pytest.mark.parametrize(
    ("entity", "key", "selected"),
    [
        ({"key": "household_id"}, "household_id", 'features.entity_id as "household_id"'),
        ({"key": "room", "type": "uuid"}, "room", 'features.entity_id::text as "room"'),
        ({"key": ["shop", "room"]}, "entity_id", 'features.entity_id as "entity_id"'),
    ],
)
def test_rows_are_joined_by_one_column(entity, key, selected):
    model = key_of(**entity)
    assert name_key(model) == key
    assert f"select {selected}, " in write_query(model, key, COLUMNS)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("x[0]", "letters, digits and underscores"),
        ("snapshot_as_of", "has a column of that name"),
        ("a" * 58, "more than 63 bytes"),
    ],
)
def test_a_column_that_feast_would_read_otherwise_is_refused(name, why, tmp_path):
    with pytest.raises(
        ExportRefused, match=rf"^lapse: {re.escape(name)} cannot be a feature of Feast: .*{why}.*under another name"
    ):
        write_repository(tmp_path, LAPSE, (*COLUMNS, Column(name, "text")))
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_a_table_is_told_to_make_one(tmp_path):
    with pytest.raises(SnapshotMissing, match="perennial sync lapse"):
        write_repository(tmp_path, LAPSE, ())
