"""Features with names that the libraries refuse, and with names of our own: both live a whole life."""

import json

import pytest

from perennial.cli.edge import USAGE
from tests.cases.harness import MODEL, PLACES

pytestmark = pytest.mark.filterwarnings("ignore:module .sre_:DeprecationWarning")
FIRST = "2025-06-30"
SPOKEN = {
    "x[0]",
    "visits <10d",
    "minutes, net",
    "kb:size",
    "share%",
    'the "good" ones',
    '{"hours": 1}',
    "$ per visit_$",
    "How oft? \\n é",
}
OURS = {"visits_42d", "label", "features", "score", "labels", "known_at", "rank", "f0"}


def live(case, algorithm, day):
    """A day with a champion by this library."""
    challenge = ("challenge", MODEL, "--as-of", FIRST, "--simulate", "--algorithm", algorithm, "--reason", "A test wants it.")
    version = str(case.shell.ask(*challenge)[0]["version"])
    forced = ("promote", MODEL, version, "--force", "--reason", "A test wants it.", "--as-of", FIRST, "--simulate")
    assert 0 == case.shell.perennial(*forced)[0]
    for stage in ("refresh", "validate", "score", "monitor", "decide"):
        case.do(stage, day)
    assert 0 == case.shell.perennial("card", MODEL, version)[0]


def named_in_reasons(case):
    rows = case.ask("select reason_1, reason_2, reason_3 from scores.quit")
    return {reason[2:].rpartition(" = ")[0] for row in rows for reason in row}


def named_in_drift(case):
    columns = "select distinct jsonb_path_query(evidence, '$.features[*].column') #>> '{}' from ledger.drift_checks"
    return {column for (column,) in case.ask(columns)}


@pytest.fixture
def begin(open_case):
    """A world with a champion; its suites reject nobody."""

    def begin(world):
        case = open_case(world, mlflow=True)
        rule = {
            "type": "expect_table_row_count_to_be_between",
            "kwargs": {"min_value": 1},
            "meta": {"note": "Somebody is there."},
        }
        suite = {"name": "quit.snapshot", "expectations": [rule]}
        (case.home / PLACES["snapshot.json"]).write_text(json.dumps(suite), encoding="utf-8")
        case.edit("model.toml", "[monitoring]", "[scoring]\npublish_max_shift = 1.0\n\n[monitoring]")  # few rows, three champions
        case.do("bootstrap", FIRST)
        return case

    return begin


@pytest.mark.parametrize(
    ("world", "names", "lives"),
    [
        ("spoken_names", SPOKEN, {"xgboost": "2025-07-07", "lightgbm": "2025-07-08"}),
        ("columns_like_ours", OURS, {"xgboost": "2025-07-07"}),
    ],
)
def test_a_feature_may_be_called_anything(begin, world, names, lives):
    case = begin(world)
    for algorithm, day in lives.items():
        live(case, algorithm, day)
    assert names >= named_in_reasons(case) > set()
    assert names == named_in_drift(case)


def test_a_column_that_perennial_writes_itself_is_refused_with_what_to_do(open_case):
    case = open_case("columns_like_ours")
    case.edit("features.sql", "count(*) % 3 as rank", "count(*) as as_of")
    code, _, said = case.shell.perennial("sync", MODEL)
    assert (USAGE, True) == (code, "leave the column as_of out" in said)
