"""Texts that nobody tidied up, of few members: they end in scores, and what is useless among them is named."""

import pytest

from tests.cases.harness import MODEL

pytestmark = pytest.mark.filterwarnings("ignore:module .sre_:DeprecationWarning")
FIRST, LATER = "2025-06-30", ("2025-07-07", "2025-07-14")
NAMED = "Nearly every entity has a value of its own in locker"
REASONS = """
    select distinct note, replace(substr(reason, 3), 'note = ', '')
    from features.quit
    join scores.quit using (as_of, entity_id)
    cross join lateral unnest(array[reason_1, reason_2, reason_3]) as reason
    where as_of = '2025-07-14' and reason like '%note = %'"""


@pytest.fixture
def case(open_case):
    """A world whose scores may hardly move, with a champion that nobody had to force."""
    case = open_case("odd_texts", mlflow=True)
    case.edit("model.toml", "[monitoring]", "[scoring]\npublish_max_shift = 0.001\n\n[monitoring]")
    case.do("bootstrap", FIRST)
    return case


def live(case, day):
    for stage in ("refresh", "validate", "score", "monitor", "decide"):
        case.do(stage, day)


def test_untidy_texts_of_few_members_end_in_scores_with_an_alarm(case):
    live(case, FIRST)
    live(case, LATER[0])
    ((summary,),) = case.ask("select notice::text from ledger.outbox where event = 'verdict'")
    ((first,),) = case.ask("select min(version) from ledger.versions")  # the server may know other models of that name
    card = case.shell.perennial("card", MODEL, str(first))[1]
    assert (NAMED in summary, NAMED in card) == (True, True)
    forced = ("--simulate", "--reason", "A test wants it.")
    made = case.shell.ask("challenge", MODEL, "--as-of", LATER[1], "--algorithm", "logistic", *forced)[0]
    assert 0 == case.shell.perennial("promote", MODEL, str(made["version"]), "--force", "--as-of", LATER[1], *forced)[0]
    case.edit("model.toml", "publish_max_shift = 0.001", "publish_max_shift = 1.0")  # another champion
    live(case, LATER[1])
    said = dict(case.ask(REASONS))
    assert {text: text for text in ("NA", r"\N", "", "KNEE", 'left, "right"', "<b>heart</b>")}.items() <= said.items()
    assert "back and neck" == said["back\nand neck"]
    assert (80, "…") == (len(said["wordy " * 300]), said["wordy " * 300][-1])
