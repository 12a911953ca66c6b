"""A model of an amount lives its weeks through the command line: minutes that a member of the gym will spend there."""

import pytest

from tests.cases.harness import MODEL

pytestmark = pytest.mark.filterwarnings("ignore:module .sre_:DeprecationWarning")
FIRST, MONDAYS = "2025-06-23", ("2025-06-30", "2025-07-07", "2025-07-14")
CAP = 250.0


def declare(open_case, metric, *, mlflow=True):
    case = open_case("minutes", mlflow=mlflow)
    case.edit("model.toml", 'metric = "gini"', f'metric = "{metric}"')
    return case


def test_minutes_are_learned_published_realised_and_fitted_anew(open_case):
    case = declare(open_case, "gini")
    case.do("bootstrap", FIRST)
    replay(case, MONDAYS[0], MONDAYS[-1])
    fits = case.ask("select count(*) from ledger.promotions where kind in ('promote', 'refresh') and status = 'applied'")
    assert fits[0][0] >= 3, "a first champion, and a fit in each week that taught"
    scores = case.ask(f"select as_of::text, max(score), min(rank) from scores.{MODEL} group by as_of order by as_of")
    assert {day for day, *_ in scores} >= set(MONDAYS)
    assert all(largest > 60 and first == 1 for _, largest, first in scores), "minutes, not probabilities"
    assert " = " in case.ask(f"select reason_1 from scores.{MODEL} limit 1")[0][0]
    assert case.ask(f"select from analytics.{MODEL}_scores_latest"), "an analyst finds them"
    look_at_outcomes(case)
    mails = " ".join(body for (body,) in case.ask("select notice::text from ledger.outbox"))
    assert "normalised Gini" in mails
    assert "AUC" not in mails


def look_at_outcomes(case):
    """What an analyst reads of each week whose minutes are known."""
    figures = "metric, value, value_low, value_high, total_bias, mean_label"
    told = case.ask(f"select {figures} from analytics.{MODEL}_outcomes order by as_of")
    assert told
    for metric, value, low, high, bias, mean in told:
        assert metric == "gini"
        assert -1 <= low <= value <= high <= 1
        assert 0.3 < bias < 3
        assert 5 < mean < CAP


def replay(case, first, last):
    code, _, said = case.shell.perennial("replay", MODEL, "--from", first, "--to", last)
    assert code == 0, said


def test_labels_stay_as_the_query_gave_them_though_a_cap_counts(open_case):
    case = declare(open_case, "rmse")
    case.do("bootstrap", FIRST)
    assert case.ask(f"select max(label) from labels.{MODEL}")[0][0] > CAP
    ((verdict,),) = case.ask("select evidence from ledger.evaluations")
    assert {"mse", "mae", "gini", "bias"} <= {figure["metric"] for figure in verdict["metrics"]}


def test_no_minute_is_learned_from_labels_that_the_metric_cannot_judge(open_case):
    """Most members stay away in a horizon of a day: always 0 would win."""
    case = declare(open_case, "mae")
    case.edit("model.toml", "horizon_days = 10", "horizon_days = 1")
    code, said = case.run("bootstrap", FIRST)
    assert code != 0
    assert "of the labels are 0" in said
    assert "training.metric" in said
