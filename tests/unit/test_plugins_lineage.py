"""A lineage in OpenLineage's words."""

from pathlib import Path

import attr
import pytest

from perennial.airflow.lineage import Names, translate
from perennial.config import Settings
from perennial.records import ColumnOrigin, ColumnOrigins, Dataset, Lineage, RuleResult

NAMES = Names(("db.example.com", 5432, "warehouse"), "mlflow.example.com:5000")


def settings(mlflow_uri):
    return Settings(warehouse_url="", owner_url="", mlflow_uri=mlflow_uri, home=Path(), artifacts=Path())


def tell(*inputs, outputs=()):
    return translate(Lineage(inputs, outputs), NAMES, {"model": "lapse"})


@pytest.mark.parametrize(
    ("place", "named"),
    [
        (("source", "Orders"), {"namespace": "postgres://db.example.com:5432", "name": "warehouse.source.Orders"}),
        (("history", "sales.orders"), {"namespace": "postgres://db.example.com:5432", "name": "warehouse.history.sales.orders"}),
        (("lapse/7",), {"namespace": "mlflow://mlflow.example.com:5000", "name": "lapse/7"}),
    ],
)
def test_tables_are_named_as_openlineage_has_it_and_versions_as_mlflow(place, named):
    assert named == NAMES.find(place)


@pytest.mark.parametrize(
    ("uri", "registry"),
    [
        ("http://somebody:secret@mlflow.example.com:5000", "mlflow.example.com:5000"),
        ("https://mlflow.example.com/tracking", "mlflow.example.com"),
    ],
)
def test_no_login_is_part_of_a_name(uri, registry):
    assert registry == Names.of(settings(uri), NAMES.place).registry


def test_a_column_that_bears_in_two_ways_is_named_once():
    made = (ColumnOrigin("source", "orders", "paid", "window"), ColumnOrigin("source", "orders", "paid", "aggregation"))
    (snapshot,) = tell(outputs=(Dataset(("features", "lapse"), origins=ColumnOrigins({"spend": made}, ())),)).outputs
    (field,) = snapshot.facets["columnLineage"].fields["spend"].inputFields
    assert ("warehouse.source.orders", "paid") == (field.name, field.field)
    assert [("DIRECT", "AGGREGATION"), ("INDIRECT", "WINDOW")] == [(each.type, each.subtype) for each in field.transformations]


def test_what_a_rule_found_is_told_in_counts_and_never_by_its_sentence():
    finding = RuleResult("snapshot", "expect_column_values_to_be_between: spend", "spend", False, 3, 90, "Somebody's -7")
    (snapshot,) = tell(Dataset(("features", "lapse"), findings=(finding,))).inputs
    (told,) = snapshot.inputFacets["dataQualityAssertions"].assertions
    assert ("expect_column_values_to_be_between", False, {"suite": "snapshot", "failing": 3, "rows": 90}) == (
        told.assertion,
        told.success,
        told.params,
    )
    assert "Somebody" not in str(attr.asdict(told))


def test_of_nothing_that_ended_only_the_model_is_told():
    told = tell()
    assert ([], [], {}, ["perennial_model"]) == (told.inputs, told.outputs, told.run_facets, list(told.job_facets))
