"""Sources hold columns of types that no library has heard of; rules speak of those that they name, and of no other."""

import json

import pytest

from perennial.cli.edge import FAULT
from tests.cases.harness import PLACES

pytestmark = pytest.mark.filterwarnings("ignore:module .sre_:DeprecationWarning")
DAY = "2025-06-30"
LAST_WEEK = """
    select count(*) filter (where pulse < 62), count(*)
    from source.visits
    where entered_at >= '2025-06-23 00:00+02' and entered_at < '2025-06-30 00:00+02'"""


@pytest.fixture
def case(open_case):
    return open_case("rich_columns")


def judge(case, kind, days=7, **arguments):
    """Exit code of a validation by this rule alone, and what it says."""
    rule = {"type": kind, "kwargs": arguments, "meta": {"note": "A rule.", "table": "visits", "days": days}}
    suite = {"name": "quit.source", "expectations": [rule]}
    (case.home / PLACES["source.json"]).write_text(json.dumps(suite), encoding="utf-8")
    case.do("refresh", DAY)
    return case.run("validate", DAY)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("expect_column_values_to_not_be_null", {"column": "minutes"}),
        ("expect_table_row_count_to_be_between", {"min_value": 1}),
        ("expect_column_values_to_not_be_null", {"column": "place_in_hall"}),
        ("expect_column_values_to_be_in_set", {"column": "mood", "value_set": ["fresh", "tired"]}),
        ("expect_column_values_to_be_between", {"column": "pulse", "min_value": 61, "max_value": 90}),
        ("expect_column_values_to_be_in_set", {"column": "door", "value_set": ["north"]}),
        ("expect_column_values_to_be_between", {"column": 'heat: 100%, "indoor"', "min_value": 1}),
        ("expect_column_values_to_be_between", {"column": "age_days", "min_value": 0, "max_value": 7}),
        ("expect_column_to_exist", {"column": "receipt"}),
        ("expect_table_column_count_to_equal", {"value": 16}),
    ],
    ids=lambda value: value if isinstance(value, str) else json.dumps(value),
)
def test_a_rule_holds_beside_columns_of_any_type(case, kind, arguments):
    assert 0 == judge(case, kind, **arguments)[0]


def test_a_rule_that_does_not_hold_fails_by_what_it_found(case):
    code, said = judge(case, "expect_column_values_to_be_between", column="pulse", min_value=62)
    assert FAULT == code
    ((failing, rows),) = case.ask(LAST_WEEK)
    assert f"Found: {failing} of {rows} rows fail." in said


def test_a_column_that_is_not_there_is_named(case):
    code, said = judge(case, "expect_column_values_to_not_be_null", column="sauna")
    assert FAULT == code
    assert '"sauna"' in said


def test_a_row_condition_may_name_any_column(case):
    condition = {"type": "comparison", "column": {"name": "minutes"}, "operator": ">", "parameter": 40}
    assert 0 == judge(case, "expect_column_values_to_be_between", column="pulse", min_value=61, row_condition=condition)[0]
