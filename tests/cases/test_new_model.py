"""`perennial new` as a stranger meets it: a table, one command, and the commands that it prints, to published scores."""

import io
import re

import pytest

from perennial.cli.edge import REFUSED, USAGE
from tests.cases.harness import find_file

pytestmark = pytest.mark.filterwarnings("ignore:module .sre_:DeprecationWarning")
ASKED = ("--table", "visits", "--entity", "member", "--event-at", "entered_at", "--known-at", "known_at", "--days", "14")
WHO = ("--owner", "desk@example.com", "--timezone", "Europe/Berlin")


class Terminal(io.StringIO):
    """Somebody who types these lines; an empty one takes what is proposed."""

    def isatty(self):
        return True


@pytest.fixture
def case(open_case):
    return open_case("plain")


def new(case, *words):
    code, out, said = case.shell.perennial("new", "stays_away", *words)
    return code, out + said


@pytest.mark.mltest("D6")
def test_from_a_table_to_scores_by_the_commands_that_it_prints(open_case):
    case = open_case("plain", mlflow=True)
    case.load("delete from source.visits where entered_at < '2025-04-14'")  # sixteen weeks are enough to search
    code, said = new(case, *ASKED, *WHO)
    assert 0 == code, said
    drawn = case.home / "tests" / "models" / "stays_away.sql"
    drawn.parent.mkdir(parents=True)
    drawn.write_text("-- as_of: 2025-06-30\n" + find_file("plain", "tables.sql").read_text(encoding="utf-8"), encoding="utf-8")
    commands = [line.split()[1:] for line in said.splitlines() if line.startswith("  perennial ")]
    assert ["sync", "check", "bootstrap", "refresh", "validate", "score", "scores"] == [words[0] for words in commands]
    ask_a_person(case)
    do(case, *commands[0])
    do(case, *commands[1])
    counted = re.search(r"bootstrap builds (\d+) such days", do(case, "check", "stays_away", "--tables", "real"))
    assert "`perennial bootstrap stays_away --as-of" in do(case, "scores", "stays_away")
    built = do(case, *commands[2])
    assert int(counted[1]) == len(re.findall(r"(?m)^as of \S+  rows \d+$", built))
    answer_what_waits(case, built, commands[5])
    for words in commands[3:6]:
        assert f"ext: `perennial {' '.join(words)}`." in do(case, "scores", "stays_away")
        do(case, *words)
    assert "because" in do(case, *commands[6])
    ((scored, cohort),) = case.ask(
        "select count(score), (select count(distinct member) from source.visits) from scores.stays_away"
    )
    assert cohort // 2 < scored <= cohort
    assert REFUSED == new(case, *ASKED, *WHO)[0]


def test_a_column_named_alone_becomes_a_model_of_its_sum(open_case):
    case = open_case("plain", mlflow=True)
    case.load("delete from source.visits where entered_at < '2025-04-14'")
    code, said = new(case, *ASKED, *WHO, "--predict", "minutes")
    assert 0 == code, said
    commands = [line.split()[1:] for line in said.splitlines() if line.startswith("  perennial ")]
    for words in commands:
        do(case, *words)
    ((rows, mean),) = case.ask("select count(*), avg(score) from scores.stays_away")
    assert rows > 40
    assert 60 < mean < 900, "minutes, not probabilities"


def test_a_column_of_texts_named_alone_becomes_a_model_of_classes(open_case):
    """Members keep to their courses; rare ones share a name, and who does not come is a class."""
    case = open_case("plain", mlflow=True)
    case.load("delete from source.visits where entered_at < '2025-04-14'")
    case.load("""
        alter table source.visits add course text;
        update source.visits set course = (array['it''s yoga', 'row', 'swim', 'spin', null])
            [1 + (substr(member, 2)::integer / 7 + visit % 7 / 5) % 5]""")
    code, said = new(case, *ASKED, *WHO, "--predict", "course")
    assert 0 == code, said
    assert "classes came, " in said
    for words in [line.split()[1:] for line in said.splitlines() if line.startswith("  perennial ")]:
        if words[0] != "check":  # as above
            do(case, *words)
    rows = case.ask("select class, score, probabilities from analytics.stays_away_scores_latest")
    assert len(rows) > 40
    assert len({name for name, *_ in rows}) > 2
    assert all(score == max(told.values()) == told[name] for name, score, told in rows)
    assert {"it's yoga", "no visits"} <= set(rows[0][2])


def do(case, *words):
    """What a command said that must end well."""
    code, out, said = case.shell.perennial(*words)
    assert 0 == code, (words, out[-3000:], said)
    return out


def ask_a_person(case):
    file = case.home / "models" / "stays_away.toml"
    file.write_text(file.read_text(encoding="utf-8") + '\n[promotion]\napproval = "manual"\n', encoding="utf-8")


def answer_what_waits(case, built, scoring):
    """Bootstrap ends with the command that answers; scoring and scores name it; it is typed as it was named."""
    assert built.endswith("answered: `perennial approve stays_away 1` or `perennial reject stays_away 1`.\n")
    assert built.count("because") == 2  # the verdict, and why a person is asked
    assert "`perennial approve stays_away 1`" in do(case, "scores", "stays_away")
    code, _, said = case.shell.perennial("card", "stays_away")
    assert (REFUSED, True) == (code, "answer: `perennial approve stays_away 1` or" in said), said
    code, _, said = case.shell.perennial(*scoring)
    assert (REFUSED, True) == (code, "answer: `perennial approve stays_away 1` or" in said)
    do(case, "approve", "stays_away", "1")


def test_without_a_terminal_it_says_what_is_missing(case):
    code, said = new(case, "--table", "source.visits")
    assert USAGE == code
    assert "--entity is missing: Which column says whom a row is about? Here perhaps: visit, member." in said
    assert "--event-at is missing: Which column says when it happened? Here perhaps: entered_at, known_at." in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--owner", "desk", "--timezone", "UTC"), "--owner: 'desk' is no e-mail address (An email address must have an @-sign)"),
        (("--owner", "a@example.com", "--timezone", "Mars"), "--timezone: 'Mars' is not an IANA timezone"),
        ((*WHO, "--predict", "minutes >"), "--predict 'minutes >' is no condition on a row of visits"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(case, words, says):
    code, said = new(case, *ASKED, *words)
    assert USAGE == code
    assert says in said
    assert not (case.home / "models" / "stays_away.toml").exists()


def test_on_a_terminal_it_asks_and_takes_what_it_proposes(case, monkeypatch):
    monkeypatch.setattr("sys.stdin", Terminal("source.visits\nmember\n\n\n\n\n\ndesk@example.com\n"))
    code, said = new(case)
    assert 0 == code, said
    text = (case.home / "models" / "stays_away.toml").read_text(encoding="utf-8")
    for line in ('event_at = "entered_at"', 'known_at = "known_at"', 'owner = "desk@example.com"', "horizon_days = 30"):
        assert line in text
