"""A number of members that is new and stays stops one day, and never for ever: its message names the command that lets it in.

What is no level of its own but chance among few members stops nothing, and asks for nothing.
"""

import re
import shlex

import pytest

from perennial.cli.edge import FAULT
from tests.cases.harness import MODEL

pytestmark = pytest.mark.filterwarnings("ignore:module .sre_:DeprecationWarning")
BEFORE, TAKEN_OVER, AFTER = ("2025-05-26", "2025-06-02"), "2025-06-09", "2025-06-16"
TAKEOVER = """
insert into source.visits
select visit + 1000000 * other, member || '-' || other, entered_at, known_at, minutes
from source.visits cross join generate_series(1, 2) as others (other) where entered_at >= '2025-06-02'"""


def build(case, day):
    case.do("refresh", day)
    return case.run("validate", day)


def test_a_cohort_that_triples_for_good_is_let_in_by_the_command_that_the_message_names(open_case):
    case = open_case("plain")
    case.load(TAKEOVER)
    assert [0, 0] == [build(case, day)[0] for day in BEFORE]
    code, said = build(case, TAKEN_OVER)
    assert FAULT == code
    named = re.search(r"`perennial (accept [^`]+)`", said)
    assert f"accept {MODEL} --as-of {TAKEN_OVER} --check rows" in named[1]
    code, out, err = case.shell.perennial(*shlex.split(named[1].replace('"..."', '"Another gym was bought."')))
    assert 0 == code, out + err
    assert [0, 0] == [case.run("validate", TAKEN_OVER)[0], build(case, AFTER)[0]]
    assert [(2,)] == case.ask("select count(*) from ledger.snapshots where rows > 150 and status = 'valid'")


CHECKS = f"""
    select drift_checks.as_of::text, choice, drifted_share, drift_checks.rows
    from ledger.drift_checks join ledger.decisions using (model, as_of)
    where model = '{MODEL}' order by 1"""


def test_few_members_whose_habits_stay_ask_for_no_retraining(open_case):
    case = open_case("few_members", mlflow=True)
    case.do("bootstrap", "2025-06-30")
    code, out, told = case.shell.perennial("replay", MODEL, "--from", "2025-07-07", "--to", "2025-07-21", "--json")
    assert 0 == code, told
    weeks = ["2025-07-07", "2025-07-14", "2025-07-21"]
    checks = case.ask(CHECKS)
    assert [(day, "SKIP", 0.0) for day in weeks] == [(day, choice, share) for day, choice, share, _ in checks]
    assert max(rows for *_, rows in checks) <= 60

    lines = [line for line in told.splitlines() if "scores by version" in line]
    assert weeks == [line[:10] for line in lines], "each is told as it is lived"
    assert all("SKIP" in line for line in lines)
    kept, *waiting = [row["AUC"] for row in case.shell.read(out)]
    assert "[" in kept, "what came true of the first week meanwhile, with its interval"
    assert ["from 2025-07-26", "from 2025-08-02"] == waiting, "when the labels of the others mature"
