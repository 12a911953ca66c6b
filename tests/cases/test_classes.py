"""A model of classes lives its weeks through the command line: how often will a member of the gym come?"""

import json

import pytest

from tests.cases.harness import MODEL, PLACES, find_file

pytestmark = pytest.mark.filterwarnings("ignore:module .sre_:DeprecationWarning")
FIRST, MONDAYS = "2025-06-23", ("2025-06-30", "2025-07-07", "2025-07-14")
NEVER, FEW, OFTEN = "never", "a \"few\" 'times'", "often, 100%"
LABELS = find_file("habits", "labels.sql").read_text(encoding="utf-8")


def declare(open_case, *, mlflow=True, labels=LABELS):
    case = open_case("habits", mlflow=mlflow)
    (case.home / PLACES["labels.sql"]).write_text(labels, encoding="utf-8")
    return case


def test_classes_are_learned_published_realised_and_fitted_anew(open_case):
    case = declare(open_case)
    case.do("bootstrap", FIRST)
    code, _, said = case.shell.perennial("replay", MODEL, "--from", MONDAYS[0], "--to", MONDAYS[-1])
    assert code == 0, said
    code, shown, _ = case.shell.perennial("scores", MODEL)
    assert {"class", "never", '"few"', "100%"} & set(shown.split()) > {"class"}, shown  # wherever a narrow table breaks a name
    fits = case.ask("select count(*) from ledger.promotions where kind in ('promote', 'refresh') and status = 'applied'")
    assert fits[0][0] >= 3, "a first champion, and a fit in each week that taught"
    look_at_scores(case)
    look_at_outcomes(case)
    mails = " ".join(body for (body,) in case.ask("select notice::text from ledger.outbox"))
    assert "log-loss" in mails.lower()
    assert "AUC of" not in mails.replace("macro AUC of", "")


def look_at_scores(case):
    """An analyst finds the class, its probability, and those of the others under their names."""
    rows = case.ask(f"select class, score, rank, decile, probabilities::text, reason_1 from analytics.{MODEL}_scores_latest")
    assert len(rows) > 50
    for name, score, _, _, told, reason in rows:
        probabilities = json.loads(told)
        assert set(probabilities) == {NEVER, FEW, OFTEN}
        assert sum(probabilities.values()) == pytest.approx(1)
        assert score == max(probabilities.values()) == probabilities[name]
        assert " = " in reason
    assert len({name for name, *_ in rows}) > 1
    assert sorted(rank for _, _, rank, *_ in rows) == list(range(1, len(rows) + 1))
    (total,) = case.ask(f"select sum((probabilities ->> '{NEVER}')::float8) from analytics.{MODEL}_scores_history")[0]
    assert total > 0


def look_at_outcomes(case):
    """What an analyst reads of each week whose classes are known."""
    told = case.ask(
        f"select metric, value, value_low, value_high, log_loss, share_right, mean_score from analytics.{MODEL}_outcomes"
    )
    assert told
    for metric, value, low, high, loss, right, said in told:
        assert metric == "log_loss"
        assert low <= value <= high
        assert value == loss
        assert 0 < right <= 1
        assert 1 / 3 <= said <= 1


@pytest.mark.parametrize(
    ("labels", "code", "told"),
    [
        (LABELS, 0, "give such classes one name together in labels.sql"),
        (LABELS.replace(f"'{NEVER}'", "''"), 1, "labels.sql gives a label that is empty"),
        ("select entity_id, 7 as label from cohort", 0, "labels of 1 classes: 7 100.0%"),
        ("select entity_id, 7.5 as label from cohort", 1, "the name of a class, one of text, character varying"),
    ],
    ids=["rare", "empty", "one", "retyped"],
)
def test_classes_are_looked_at_before_anything_is_trained(open_case, labels, code, told):
    case = declare(open_case, mlflow=False, labels=labels)
    found, out, said = case.shell.perennial("check", MODEL)
    assert (code != 0, True) == (found != 0, told in out + said), out + said
