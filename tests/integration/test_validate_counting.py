"""What is found by counting is what Great Expectations finds, to the letter; where it might not be, nothing is found."""

import json
from contextlib import ExitStack
from itertools import product

import pytest
from sqlalchemy import text

from perennial.config import Declaration, load_model
from perennial.stores.sessions import Database, lend_connection
from perennial.validate import load_suite, run_suite
from perennial.validate.counting import count_rules
from perennial.validate.running import judge_rules
from tests.paths import ROOT

pytestmark = pytest.mark.filterwarnings("ignore:module .sre_:DeprecationWarning")
TABLE = """
    create temporary view snapshot as
    select
        number::bigint as entity_id,
        (number % 7)::smallint as small,
        nullif(number % 10, 3)::integer as whole,
        (number % 5)::bigint * 3000000000 as large,
        (number / 8.0)::real as single,
        case number when 3 then null else number / 3.0 end::double precision as double,
        case number when 5 then 'NaN' else number::double precision end as odd,
        (number / 4.0)::numeric as exact,
        'part ' || number % 3 as word,
        case number % 2 when 0 then '2017-05-08' end::varchar(20) as dated_word,
        number % 2 = 0 as flag,
        date '2017-05-08' + number as day,
        case number % 4 when 0 then null else date '2017-05-08' + number / 2 end as former_day,
        timestamptz '2017-05-08 12:00Z' + number * interval '1 hour' as instant,
        null::double precision as nothing,
        number as "per %cent"
    from generate_series(1, :rows) as number"""
COLUMNS = (
    *(
        "entity_id",
        "small",
        "whole",
        "large",
        "single",
        "double",
        "odd",
        "exact",
        "word",
        "dated_word",
        "flag",
        "day",
        "former_day",
    ),
    *("instant", "nothing", "per %cent", "absent"),
)
BOUNDS = (
    {"min_value": 0},
    {"max_value": 10},
    {"min_value": 0, "max_value": 1e12},
    {"min_value": 0.2, "max_value": 4.5},
    {"min_value": 9, "max_value": 1},
    {"min_value": 0, "strict_min": True},
    {},
)
ABOUT_A_COLUMN = ("mean", "median", "min", "max", "stdev", "unique_value_count", "proportion_of_unique_values")
SETS = ([0, 1, 2, 3, 4, 5, 6], [0, 1.5, None], ["part 0", "part 1", "part 2"], ["2017-05-08"], [True, False], [])
PAIRS = (*product(COLUMNS[:9], ("small", "double", "nothing")), *product(("day", "former_day", "instant"), repeat=2))


def expect(type_, **kwargs):
    """An expectation; those of one type and column differ by their note only, so they stand in suites of their own."""
    return {"type": f"expect_{type_}", "kwargs": kwargs, "meta": {"note": "A note."}}


def expect_of_every_column(type_, **kwargs):
    return [expect(type_, column=column, **kwargs) for column in COLUMNS]


SUITES = {
    "not null": expect_of_every_column("column_values_to_not_be_null"),
    "mostly not null": expect_of_every_column("column_values_to_not_be_null", mostly=0.6),
    "unique": expect_of_every_column("column_values_to_be_unique"),
    "mostly unique": expect_of_every_column("column_values_to_be_unique", mostly=0.1),
    "mostly between": expect_of_every_column("column_values_to_be_between", min_value=1, max_value=30, mostly=0.7),
    "present": expect_of_every_column("column_proportion_of_non_null_values_to_be_between", min_value=0.5, max_value=1),
    "rows": [expect("table_row_count_to_be_between", min_value=1, max_value=1000)],
    "no rows": [expect("table_row_count_to_be_between", max_value=0)],
    "larger": [expect("column_pair_values_a_to_be_greater_than_b", column_A=first, column_B=second) for first, second in PAIRS],
    "as large": [
        expect("column_pair_values_a_to_be_greater_than_b", column_A=first, column_B=second, or_equal=True)
        for first, second in PAIRS
    ],
}
SUITES |= {f"between {bounds}": expect_of_every_column("column_values_to_be_between", **bounds) for bounds in BOUNDS}
SUITES |= {f"in {listed}": expect_of_every_column("column_values_to_be_in_set", value_set=listed) for listed in SETS}
FIGURES = {
    f"figures {bounds}": [
        expectation for what in ABOUT_A_COLUMN for expectation in expect_of_every_column(f"column_{what}_to_be_between", **bounds)
    ]
    for bounds in BOUNDS[:4]
}
SUITES |= FIGURES


@pytest.fixture(scope="module")
def database(postgres):
    database = Database(postgres.url("counting", "pipeline"))
    yield database
    database.dispose()


@pytest.fixture
def load(tmp_path):
    def load(*expectations):
        (tmp_path / "snapshot.json").write_text(json.dumps({"name": "s", "expectations": list(expectations), "meta": {}}))
        model = load_model(ROOT / "models" / "lapse.toml")
        return load_suite(Declaration(model=model, features_sql="", labels_sql="", expectations=tmp_path), "snapshot")

    return load


@pytest.fixture
def show(database):
    """Opens an engine that shows so many rows."""
    with ExitStack() as stack:

        def show(rows):
            session = stack.enter_context(database.transaction())
            session.execute(text(TABLE), {"rows": rows})
            return stack.enter_context(lend_connection(session))

        yield show


@pytest.mark.parametrize(("name", "rows"), [*product(SUITES, (41, 0)), *product(FIGURES, (40, 1))])
def test_counting_finds_what_great_expectations_finds(show, load, name, rows):
    suite, engine = load(*SUITES[name]), show(rows)
    counted = count_rules(engine, "snapshot", suite.rules, suite)
    held = tuple(rule for rule in suite.rules if rule.name in counted)
    judged = {name: result for name, (result, _) in judge_rules(engine, "snapshot", held, suite).items()}
    assert judged == counted


def test_rules_that_hold_need_nothing_else(show, load):
    suite = load(
        expect("table_row_count_to_be_between", min_value=1, max_value=1000),
        expect("column_values_to_be_unique", column="entity_id"),
        expect("column_values_to_be_unique", column="instant"),
        expect("column_values_to_not_be_null", column="double", mostly=0.9),
        expect("column_values_to_be_between", column="small", min_value=0, max_value=6),
        expect("column_values_to_be_in_set", column="word", value_set=["part 0", "part 1", "part 2"]),
        expect("column_pair_values_a_to_be_greater_than_b", column_A="entity_id", column_B="small", or_equal=True),
        expect("column_pair_values_a_to_be_greater_than_b", column_A="day", column_B="former_day", or_equal=True),
        expect("column_median_to_be_between", column="single", min_value=2, max_value=3),
        expect("column_mean_to_be_between", column="exact", min_value=5, max_value=6),
        expect("column_proportion_of_non_null_values_to_be_between", column="whole", min_value=0.5),
    )
    assert [rule.name for rule in suite.rules] == list(count_rules(show(41), "snapshot", suite.rules, suite))


def test_a_rule_that_fails_is_left_to_great_expectations(show, load):
    suite = load(expect("column_values_to_be_between", column="small", min_value=0, max_value=5))
    assert {} == count_rules(show(41), "snapshot", suite.rules, suite)


def test_where_a_sum_overflows_great_expectations_says_of_which_rule(database, load):
    suite = load(expect("column_mean_to_be_between", column="huge", min_value=0))
    huge = "select 1.7e308::double precision as huge from generate_series(1, 9)"
    with database.transaction() as session:
        session.execute(text(f"create temporary view snapshot as {huge}"))
        with lend_connection(session) as engine:
            results, _ = run_suite(engine, suite)
    assert "could not be checked" in results[0].sentence
