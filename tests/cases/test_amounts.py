"""A model of an amount lives its weeks through the command line: minutes that a member of the gym will spend there."""

import json

import pytest

from tests.cases.harness import MODEL, PLACES

pytestmark = pytest.mark.filterwarnings("ignore:module .sre_:DeprecationWarning")
FIRST, MONDAYS = "2025-06-23", ("2025-06-30", "2025-07-07", "2025-07-14")
LABELS = """
with stayed as (
    select member, sum(minutes::numeric)::double precision as minutes
    from visits
    where entered_at >= :as_of_start and entered_at < :label_end
    group by member
)

select cohort.entity_id, coalesce(stayed.minutes, 0) as label
from cohort
left join stayed on cohort.entity_id = stayed.member
"""


def declare(open_case, metric, *, mlflow=True):
    case = open_case("plain", mlflow=mlflow)
    case.edit("model.toml", "[label]\n", '[label]\ntask = "regression"\ncap = 700.0\n')
    case.edit("model.toml", "[training]\n", f'[training]\nmetric = "{metric}"\n')
    case.edit("scores.json", '"min_value": 0, "max_value": 1', '"min_value": -200, "max_value": 2000')
    (case.home / PLACES["labels.sql"]).write_text(LABELS, encoding="utf-8")
    return case


@pytest.fixture
def live(open_case):
    """Bootstraps a model judged by a metric, and lives three weeks with it."""

    def live(metric):
        case = declare(open_case, metric)
        case.do("bootstrap", FIRST)
        code, _, said = case.shell.perennial("replay", MODEL, "--from", MONDAYS[0], "--to", MONDAYS[-1])
        assert code == 0, said
        return case

    return live


def test_minutes_are_learned_published_realised_and_fitted_anew(live):
    case = live("gini")
    fits = case.ask("select count(*) from ledger.promotions where kind in ('promote', 'refresh') and status = 'applied'")
    assert fits[0][0] >= 3, "a first champion, and a fit in each week that taught"
    scores = case.ask(f"select as_of::text, max(score), min(rank) from scores.{MODEL} group by as_of order by as_of")
    assert {day for day, *_ in scores} >= set(MONDAYS)
    assert all(largest > 60 and first == 1 for _, largest, first in scores), "minutes, not probabilities"
    reasons = case.ask(f"select reason_1 from scores.{MODEL} limit 1")
    assert " = " in reasons[0][0]
    figures = "metric, value, value_low, value_high, total_bias, mean_label"
    told = case.ask(f"select {figures} from analytics.{MODEL}_outcomes order by as_of")
    assert told
    for metric, value, low, high, bias, mean in told:
        assert metric == "gini"
        assert 0.2 < low <= value <= high <= 1, "a habit is easy to rank by"
        assert 0.5 < bias < 2
        assert 20 < mean < 700
    assert case.ask(f"select from analytics.{MODEL}_scores_latest"), "an analyst finds them"
    mails = " ".join(body for (body,) in case.ask("select notice::text from ledger.outbox"))
    assert "normalised Gini" in mails
    assert "AUC" not in mails


def test_labels_stay_as_the_query_gave_them_though_a_cap_counts(live):
    case = live("rmse")
    most = case.ask(f"select max(label) from labels.{MODEL}")[0][0]
    assert most > 700
    verdicts = case.ask("select verdict from ledger.evaluations order by evaluation_id")
    shown = json.loads(verdicts[0][0]) if isinstance(verdicts[0][0], str) else verdicts[0][0]
    assert {"mse", "mae", "gini", "bias"} <= {figure["metric"] for figure in shown["metrics"]} or not shown["metrics"]


def test_no_minute_is_learned_from_labels_that_the_metric_cannot_judge(open_case):
    """Most members stay away in a horizon of a day: always 0 would win."""
    case = declare(open_case, "mae")
    case.edit("model.toml", "horizon_days = 10", "horizon_days = 1")
    code, said = case.run("bootstrap", FIRST)
    assert code != 0
    assert "of the labels are 0" in said
    assert "training.metric" in said


def test_a_week_of_swollen_labels_rests(live):
    """A till that counted seconds as minutes for ten days: the sums are off, and the week does not teach."""
    case = live("gini")
    case.load(
        "update source.visits set minutes = minutes * 60, known_at = known_at "
        "where entered_at >= '2025-07-07 00:00+02' and entered_at < '2025-07-19 00:00+02'"
    )
    code, _, said = case.shell.perennial("replay", MODEL, "--from", "2025-07-21", "--to", "2025-07-28")
    assert code == 0, said
    rested = case.ask("select as_of::text, statistics::text from ledger.admissions where event = 'rest'")
    assert any("2025-07-07" == day for day, _ in rested), rested
