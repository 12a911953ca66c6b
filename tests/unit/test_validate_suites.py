"""A suite file is checked before anything is asked of the database: what is broken in it would otherwise pass everything."""

import json

import pytest

from perennial.config import Declaration, load_model
from perennial.config.loading import model_names
from perennial.errors import ConfigError
from perennial.records import Window
from perennial.validate import load_suite
from perennial.validate.tallies import View, tally
from tests.paths import ROOT

NOT_NULL = {
    "type": "expect_column_values_to_not_be_null",
    "kwargs": {"column": "recency_days"},
    "meta": {"note": "Every household has ordered before."},
}


def declare(folder, which, *expectations, **keys):
    document = {"name": f"lapse.{which}", "expectations": list(expectations), "meta": {}} | keys
    (folder / f"{which}.json").write_text(json.dumps(document))
    model = load_model(ROOT / "models" / "lapse.toml")
    return Declaration(model=model, features_sql="", labels_sql="", expectations=folder)


def test_a_rule_is_named_after_its_expectation_and_its_column(tmp_path):
    suite = load_suite(declare(tmp_path, "snapshot", NOT_NULL), "snapshot")
    assert [rule.name for rule in suite.rules] == ["expect_column_values_to_not_be_null: recency_days"]


def test_a_rule_of_a_source_is_named_after_its_window_too(tmp_path):
    rule = NOT_NULL | {"kwargs": {"column": "amount_cents"}, "meta": {"note": "n", "table": "orders", "days": 7}}
    suite = load_suite(declare(tmp_path, "source", rule), "source")
    assert [rule.name for rule in suite.rules] == ["expect_column_values_to_not_be_null: orders.amount_cents, 7 days"]
    assert suite.windows == {"orders_7_days": Window("orders", 7, ("amount_cents",))}


def test_rows_stop_the_day_unless_the_rule_sets_them_aside(tmp_path):
    suite = load_suite(declare(tmp_path, "snapshot", NOT_NULL), "snapshot")
    assert suite.rules[0].meta.action == "stop"


@pytest.mark.parametrize("which", ["snapshot", "scores"])
def test_what_the_primary_key_keeps_is_not_counted(tmp_path, which):
    unique = {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "entity_id"}, "meta": {"note": "The key."}}
    suite = load_suite(declare(tmp_path, which, unique, changed(kwargs={"column": "entity_id"})), which)
    view = View(which, {"entity_id": "bigint"}, suite.unique)
    assert ["0", "0"] == [tally(rule, view).figures[0].sql for rule in suite.rules]


def changed(**changes):
    return NOT_NULL | changes


@pytest.mark.parametrize(
    ("which", "expectations", "message"),
    [
        ("snapshot", [], "expectations: Tuple should have at least 1 item"),
        ("snapshot", [NOT_NULL, NOT_NULL], "stands 2 times: join them"),
        ("snapshot", [changed(meta={})], r"expectations.0.meta.note: Field required"),
        ("snapshot", [changed(meta={"note": "n", "acton": "stop"})], "meta.acton: Extra inputs are not permitted"),
        ("snapshot", [changed(meta={"note": "n", "table": "orders"})], "belong in source.json only"),
        ("source", [NOT_NULL], r"meta.table must name one of the sources \['campaign_members'"),
        ("source", [changed(meta={"note": "n", "table": "products", "days": 1})], "products tells no time"),
        ("source", [changed(meta={"note": "n", "table": "orders", "action": "quarantine"})], "cannot be set aside"),
        ("scores", [changed(meta={"note": "n", "action": "quarantine"})], "published whole or not at all"),
        (
            "snapshot",
            [changed(kwargs={"column": "x", "mostly": 0.9}, meta={"note": "n", "action": "quarantine"})],
            "without `mostly`",
        ),
    ],
)
def test_a_broken_suite_is_refused_with_the_place_and_the_fix(tmp_path, which, expectations, message):
    declaration = declare(tmp_path, which, *expectations)
    with pytest.raises(ConfigError, match=rf"^expectations/lapse/{which}\.json: .*{message}"):
        load_suite(declaration, which)


def test_a_missing_suite_is_refused(tmp_path):
    declaration = declare(tmp_path, "snapshot", NOT_NULL)
    with pytest.raises(ConfigError, match="a missing suite would let everything pass"):
        load_suite(declaration, "scores")


@pytest.mark.parametrize("which", ["source", "snapshot", "scores"])
@pytest.mark.parametrize("name", model_names(ROOT))
def test_the_suites_of_every_model_are_sound(name, which):
    model = load_model(ROOT / "models" / f"{name}.toml")
    declaration = Declaration(model=model, features_sql="", labels_sql="", expectations=ROOT / "expectations" / name)
    assert len(load_suite(declaration, which).rules) > 0
