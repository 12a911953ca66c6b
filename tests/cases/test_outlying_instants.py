"""One fact of long ago is no history: it is named, it begins nothing, and nothing breaks."""

import pytest

from perennial.cli.edge import REFUSED
from tests.cases.harness import MODEL

pytestmark = pytest.mark.filterwarnings("ignore:module .sre_:DeprecationWarning")
EARLY, COVERED, LATE = "2025-02-10", "2025-03-18", "2025-06-30"  # windows of 42 days over visits since 02-03
INSTANTS = ["1970-01-01 00:00+00", "-infinity", "0044-03-15 12:00 BC", "1899-12-31 12:00+00"]


@pytest.fixture(params=INSTANTS)
def case(open_case, request):
    case = open_case("plain")
    case.load(f"insert into source.visits values (-1, 'm1', '{request.param}', '{request.param}', 1)")
    return case


def test_an_outlier_opens_no_day_before_history(case):
    code, said = case.run("refresh", EARLY)
    assert REFUSED == code
    assert "windows of 42 days begin at 2024-12-29" in said
    assert "is of 2025-02-03" in said
    (written,) = case.ask("select entered_at::text from source.visits where visit = -1")[0]
    assert f"outliers: {written}" in said


def test_days_within_history_are_built(case):
    assert [0, 0] == [case.run("refresh", day)[0] for day in (COVERED, LATE)]


def test_a_bootstrap_begins_with_history(open_case):
    case = open_case("plain", mlflow=True)
    for number, instant in enumerate(INSTANTS):
        case.load(f"insert into source.visits values (-{number}, 'm1', '{instant}', '{instant}', 1)")
    case.run("bootstrap", "2025-05-12")
    assert [("2025-03-24",)] == case.ask("select min(as_of)::text from ledger.snapshots")


def test_a_declared_beginning_is_where_history_begins(open_case):
    case = open_case("plain")
    case.edit("model.toml", "lookback_days = 42", "lookback_days = 42\nhistory_from = 2025-05-01")
    code, said = case.run("refresh", "2025-06-11")
    assert REFUSED == code
    assert "the history of source.visits on 2025-05-01, as history_from under [sources.visits] says" in said
    assert 0 == case.run("refresh", "2025-06-12")[0]


def test_a_season_without_visitors_is_no_beginning(open_case):
    case = open_case("plain")
    case.load(
        "update source.visits set entered_at = entered_at - interval '300 days', known_at = known_at - interval '300 days' "
        "where entered_at < '2025-04-01'"
    )
    assert 0 == case.run("refresh", "2025-04-10")[0]
    assert case.shell.perennial("backfill", MODEL, "--from", "2025-04-14", "--to", "2025-04-14")[0] == 0
