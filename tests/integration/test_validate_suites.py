"""Suites against real rows: what Great Expectations finds inside our own transaction, without leaving a trace."""

import json

import pytest
from sqlalchemy import text

from perennial.config import Declaration, load_model
from perennial.errors import ConfigError
from perennial.stores.sessions import Database, lend_connection
from perennial.validate import load_suite, run_suite
from tests.paths import ROOT

pytestmark = pytest.mark.filterwarnings("ignore:module .sre_:DeprecationWarning")


@pytest.fixture
def session(warehouse_urls):
    """A transaction with a view `snapshot` over 20,000 uncommitted rows: every 50th spend is null, entity 7 spends NaN."""
    database = Database(warehouse_urls.pipeline)
    with database.transaction() as session:
        session.execute(text("create table features.spending (entity_id bigint, spend double precision, label text)"))
        session.execute(
            text("""
                insert into features.spending
                select entity, case when entity % 50 = 0 then null when entity = 7 then 'NaN'::float8 else entity end, 'a'
                from generate_series(1, 20000) as entity
            """)
        )
        session.execute(text("create temporary view snapshot as select * from features.spending"))
        yield session
    database.dispose()


@pytest.fixture
def run(session, tmp_path):
    def run(*expectations):
        document = {"name": "lapse.snapshot", "expectations": list(expectations), "meta": {}}
        (tmp_path / "snapshot.json").write_text(json.dumps(document))
        model = load_model(ROOT / "models" / "lapse.toml")
        declaration = Declaration(model=model, features_sql="", labels_sql="", expectations=tmp_path)
        with lend_connection(session) as engine:
            return run_suite(engine, load_suite(declaration, "snapshot"))

    return run


def expect(type_, action="stop", **kwargs):
    return {"type": f"expect_{type_}", "kwargs": kwargs, "meta": {"note": "A note.", "action": action}}


@pytest.mark.mltest("D1")
def test_every_failing_row_is_named_and_not_a_sample(run):
    _, rejects = run(expect("column_values_to_not_be_null", "quarantine", column="spend"))
    assert rejects[0].entity_ids == tuple(range(50, 20001, 50))


def test_not_a_number_is_outside_every_range(run):
    _, rejects = run(expect("column_values_to_be_between", "quarantine", column="spend", min_value=0, max_value=20000))
    assert rejects[0].entity_ids == (7,)


def test_a_result_counts_and_says_what_was_found(run):
    results, _ = run(expect("column_values_to_not_be_null", "quarantine", column="spend"))
    assert (results[0].passed, results[0].failing, results[0].rows) == (False, 400, 20000)
    assert results[0].sentence == "A note. Found: 400 of 20000 rows fail."


def test_a_rule_about_the_table_names_no_rows(run):
    results, rejects = run(expect("table_row_count_to_be_between", max_value=10))
    assert (results[0].passed, results[0].sentence, rejects) == (False, "A note. Found: 20000.", ())


def test_results_stand_in_the_order_of_the_suite(run):
    results, _ = run(
        expect("column_mean_to_be_between", column="absent", min_value=0),
        expect("column_values_to_be_unique", column="entity_id"),
        expect("column_values_to_not_be_null", column="label"),
    )
    assert [result.column for result in results] == ["absent", "entity_id", "label"]


def test_a_rule_that_cannot_be_checked_fails_and_the_others_are_still_checked(run):
    results, rejects = run(
        expect("column_values_to_not_be_null", "quarantine", column="absent"),
        expect("column_values_to_be_between", column="label", min_value=1),
        expect("column_values_to_be_unique", column="entity_id"),
    )
    assert [result.passed for result in results] == [False, False, True]
    assert "could not be checked" in results[0].sentence
    assert "could not be checked" in results[1].sentence
    assert rejects == ()


def test_an_expectation_that_does_not_exist_is_refused(run):
    with pytest.raises(ConfigError, match=r"snapshot\.json, 'expect_column_values_to_be_nice: spend'"):
        run(expect("column_values_to_be_nice", column="spend"))


def test_an_argument_that_does_not_exist_is_refused(run):
    with pytest.raises(ConfigError, match="minimum"):
        run(expect("column_values_to_be_between", column="spend", minimum=1))


def test_the_transaction_goes_on_as_if_nothing_had_been_lent(run, session):
    run(expect("column_values_to_be_between", column="label", min_value=1))
    assert session.execute(text("select count(*) from features.spending")).scalar_one() == 20000


def test_what_a_borrower_writes_is_undone(session):
    with lend_connection(session) as engine, engine.connect() as borrowed:
        borrowed.execute(text("delete from features.spending"))
        borrowed.commit()
    assert session.execute(text("select count(*) from features.spending")).scalar_one() == 20000
