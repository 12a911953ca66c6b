"""A user's query before it reaches PostgreSQL, and what is said of PostgreSQL's answers; the answers are tested in tests/sql."""

from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest
from psycopg2 import errors
from sqlalchemy.exc import ProgrammingError

from perennial.config import load_model
from perennial.errors import ConfigError, ForbiddenSource
from perennial.records import Column
from perennial.stores.warehouse.user_query import feature_parameters, open_query
from tests.paths import ROOT
from tests.statements import Statements

MODEL = load_model(ROOT / "models" / "lapse.toml")
PARAMETERS = feature_parameters(MODEL, date(2017, 5, 8))
FOUND = {"read_query_columns": [SimpleNamespace(name="entity_id", type="bigint"), SimpleNamespace(name="spend", type="numeric")]}


def see(sql, **answers):
    """The statement that makes the view."""
    session = Statements(FOUND | answers)
    with open_query(session, "features.sql", sql, PARAMETERS):
        return session.sent[0]


def test_a_query_may_bind_its_day_and_what_follows_from_it():
    assert PARAMETERS == {
        "as_of": date(2017, 5, 8),
        "as_of_start": datetime(2017, 5, 8, 4, tzinfo=UTC),
        "horizon_days": 28,
        "label_end": datetime(2017, 6, 5, 4, tzinfo=UTC),
        "timezone": "America/New_York",
    }


def test_a_query_is_a_view_as_long_as_it_is_read():
    session = Statements(FOUND)
    with open_query(session, "features.sql", "select entity_id, spend from orders", PARAMETERS) as columns:
        assert columns == (Column("entity_id", "bigint"), Column("spend", "numeric"))
        opened = session.texts
        assert opened == [
            "create temporary view user_query as select entity_id, spend from orders",
            "read_foreign_dependencies",
            "read_trees",
            "read_functions",
            "read_types",
            "read_query_columns",
            "set local enable_sort = off",
            "set local enable_nestloop = off",
        ]
    assert session.texts[8:] == [
        "set local enable_sort to default",
        "set local enable_nestloop to default",
        "drop view pg_temp.user_query",
    ]
    assert session.sent[0][1] == PARAMETERS


@pytest.mark.parametrize(
    ("sql", "bare"),
    [
        ("select 1 ;\n", "select 1"),
        ("-- now(); :birthday\nselect 1", "select 1"),
        ("select /* current_date;\n :birthday */ 1", "select   1"),
        ("select 'it''s now(); -- 5 %' as told", "select 'it''s now(); -- 5 %%' as told"),
        ("select 'today is fine' as told", "select 'today is fine' as told"),
        ('select 1 as "now; -- current_date"', 'select 1 as "now; -- current_date"'),
        ("select currently from orders", "select currently from orders"),
        (
            "select 1 where day < :as_of_start and id > :horizon_days",
            "select 1 where day < %(as_of_start)s and id > %(horizon_days)s",
        ),
    ],
    ids=["a semicolon at the end", "a comment", "a long comment", "a text", "a word in a text", "a name", "a word", "parameters"],
)
def test_comments_are_left_out_and_texts_and_names_say_what_they_like(sql, bare):
    assert see(sql)[0] == f"create temporary view user_query as {bare}"


NOTHING_ELSE = "a query sees its sources and :as_of, and nothing else."


@pytest.mark.attack("a query of a model tells the time, throws dice, or reaches around its sources")
@pytest.mark.parametrize(
    ("sql", "clock"),
    [
        ("select CURRENT_DATE", "current_date"),
        ("select current_time", "current_time"),
        ("select current_timestamp", "current_timestamp"),
        ("select localtime", "localtime"),
        ("select localtimestamp", "localtimestamp"),
    ],
)
def test_a_query_that_asks_for_the_time_is_refused(sql, clock):
    with pytest.raises(ConfigError) as refused:
        see(sql)
    assert str(refused.value) == f"features.sql uses {clock}: {NOTHING_ELSE}"


@pytest.mark.attack("a query of a model tells the time, throws dice, or reaches around its sources")
def test_tables_that_postgresql_finds_behind_the_views_are_refused_by_name():
    with pytest.raises(ForbiddenSource) as refused:
        see("select 1 from source.orders", read_foreign_dependencies=["source.orders", "source.stores"])
    assert str(refused.value) == (
        "features.sql reads source.orders, source.stores past the point-in-time views: name declared sources without their "
        "schema."
    )


@pytest.mark.attack("a query of a model tells the time, throws dice, or reaches around its sources")
@pytest.mark.parametrize("sql", ["select 1; drop table features.lapse", "select 1;;", "select 1; -- one\nselect 2;"])
def test_more_than_one_statement_is_refused(sql):
    with pytest.raises(ConfigError, match=r"^features.sql holds more than one statement: write one query\.$"):
        see(sql)


def test_a_value_that_nobody_gives_is_refused_beside_those_there_are():
    with pytest.raises(ConfigError) as refused:
        see("select :birthday, :as_of, :age")
    assert str(refused.value) == (
        "features.sql binds :birthday; there are only :as_of, :as_of_start, :horizon_days, :label_end, :timezone. A slice of an "
        "array up to a column is written with a space: [: birthday]."
    )


def fail(error):
    """What is said when PostgreSQL answers with this."""
    failure = ProgrammingError("create temporary view", {}, error)
    with pytest.raises((ConfigError, ForbiddenSource)) as refused:
        see("select 1 from stores", **{"create temporary view": failure})
    return type(refused.value), str(refused.value)


DECLARE = "which is no declared source: declare it under [sources] in the model file, and name it without its schema."


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (errors.UndefinedTable('relation "stores" does not exist\n'), f"features.sql reads stores, {DECLARE}"),
        (errors.InvalidSchemaName('schema "missing" does not exist'), f"features.sql reads missing, {DECLARE}"),
        (errors.UndefinedTable("no such thing"), f"features.sql reads a table, {DECLARE}"),
        (
            errors.InsufficientPrivilege("permission denied for table stores\n"),
            "features.sql reaches for what it may not read: permission denied for table stores",
        ),
    ],
    ids=["a table", "a schema", "without a name", "without the right"],
)
def test_a_query_that_reaches_for_what_it_may_not_see_is_told_so(error, said):
    assert fail(error) == (ForbiddenSource, said)


def test_a_query_that_postgresql_does_not_understand_is_refused_in_its_words():
    said = 'features.sql is not a valid query: column "nonsense" does not exist'
    assert fail(errors.UndefinedColumn('column "nonsense" does not exist\n')) == (ConfigError, said)
