"""Facts that lack a time or a key: they are set aside where everybody can see them, and too many stop the day."""

import pytest

from perennial.cli.edge import FAULT
from tests.cases.harness import MODEL

pytestmark = pytest.mark.filterwarnings("ignore:module .sre_:DeprecationWarning")
DAY, NEXT_DAY = "2025-06-30", "2025-07-01"
QUARANTINE = "select row_content ->> 'member', rule from ledger.quarantine where source = 'visits' order by 1, 2"
WINDOW = """
    select count(*) filter (where entered_at is not null and known_at is null), count(*)
    from source.visits
    where entered_at is null or entered_at >= '2025-05-19 00:00+02' and entered_at < '2025-06-30 00:00+02'"""
ASIDE = [
    ("m1", "visit is null"),
    ("m2", "visit is null"),
    ("m3", "known_at is null"),
    ("m4", "entered_at is null"),
    ("m5", "entered_at is null"),
    ("m6", "known_at is null"),
    ("m6", "known_at is null"),
]


@pytest.fixture
def case(open_case):
    return open_case("unstamped_visits")


def validate(case, day):
    case.do("refresh", day)
    return case.run("validate", day)


def test_a_few_facts_are_set_aside_and_the_day_goes_on(case):
    assert 0 == validate(case, DAY)[0]
    assert case.ask(QUARANTINE) == ASIDE


def test_a_fact_is_kept_whole_and_with_its_entity(case):
    validate(case, DAY)
    content = {"visit": -4, "member": "m4", "entered_at": None, "known_at": "2025-06-20T09:20:00+00:00", "minutes": 64}
    assert case.ask("select entity_id, row_content from ledger.quarantine where entity_id = 'm4'") == [("m4", content)]


def test_a_fact_is_counted_once_whatever_days_meet_it(case):
    validate(case, DAY)
    validate(case, NEXT_DAY)
    validate(case, DAY)
    assert case.ask(QUARANTINE) == ASIDE
    assert case.ask("select distinct as_of::text from ledger.quarantine") == [(DAY,)]


def test_too_many_stop_the_day_with_table_column_and_count(case):
    case.load("update source.visits set known_at = null where visit % 2 = 0 and entered_at >= '2025-06-01'")
    code, said = validate(case, DAY)
    assert FAULT == code
    ((lacking, facts),) = case.ask(WINDOW)
    assert f"known_at is null in {lacking} of the {facts} facts of source.visits within the window" in said
    assert [("blocked",)] == case.ask("select event from ledger.outbox")


def test_labels_are_not_made_of_a_horizon_whose_facts_lack_their_time(case):
    assert 0 == case.shell.perennial("backfill", MODEL, "--from", "2025-04-28", "--to", "2025-06-02")[0]
    case.load("update source.visits set known_at = null where visit % 2 = 0")
    code, said = case.run("train", "2025-06-25")
    assert FAULT == code
    assert "quit, as_of 2025-06-02: known_at is null in " in said
    assert "fill the column in source.visits" in said


def test_a_suite_sees_the_facts_that_no_query_sees(case):
    meta = '"meta": {"note": "Every visit was written down.", "table": "visits"}'
    rule = f'{{"type": "expect_column_values_to_not_be_null", "kwargs": {{"column": "known_at"}}, {meta}}}'
    case.edit("source.json", '"expectations": [', f'"expectations": [{rule},')
    code, said = validate(case, DAY)
    assert FAULT == code
    assert "4 of" in said


def test_a_rejected_row_is_kept_whole_whatever_its_columns_are_called(open_case):
    case = open_case("columns_like_ours")
    validate(case, DAY)
    kept = case.ask("select row_content ->> 'features', row_content ->> 'visits_42d' from ledger.quarantine")
    assert kept == [("7", "0")]
