"""A task that is one new file lives its weeks through the command line: how often a member of the gym will come."""

import pytest

from tests.cases.harness import MODEL, PLACES
from tests.counting import drop_task

pytestmark = pytest.mark.filterwarnings("ignore:module .sre_:DeprecationWarning")
FIRST, MATURED = "2025-06-23", "2025-07-07"
LABELS = """
with came as (
    select member, count(*) as visits
    from visits
    where entered_at >= :as_of_start and entered_at < :label_end
    group by member
)

select cohort.entity_id, coalesce(came.visits, 0){less} as label
from cohort
left join came on cohort.entity_id = came.member
"""


@pytest.fixture
def case(open_case, tmp_path_factory):
    with drop_task(tmp_path_factory.mktemp("task")):
        case = open_case("plain", mlflow=True)
        case.edit("model.toml", "[label]\n", '[label]\ntask = "counts"\n')
        case.edit("scores.json", '"max_value": 1', '"max_value": 20')
        yield case


def write_labels(case, less=""):
    (case.home / PLACES["labels.sql"]).write_text(LABELS.format(less=less), encoding="utf-8")


def test_visits_are_learned_compared_published_and_come_true(case):
    write_labels(case)
    case.do("bootstrap", FIRST)
    for stage in ("refresh", "validate", "score"):
        case.do(stage, FIRST)
    code, _, said = case.shell.perennial("replay", MODEL, "--from", MATURED, "--to", MATURED)
    assert code == 0, said
    assert case.ask(f"select distinct pg_typeof(label)::text from labels.{MODEL}") == [("bigint",)]
    ((least, most),) = case.ask(f"select min(score), max(score) from analytics.{MODEL}_scores_latest")
    assert 0 <= least < 1 < most < 20
    (outcome,) = case.ask(f"select as_of::text, mean_count, deviance, none_error from analytics.{MODEL}_outcomes")
    day, mean, deviance, none = outcome
    assert day == FIRST
    assert 0.5 < mean < 10
    assert 0 < deviance < 10
    assert 0 < none < 1
    mails = " ".join(body for (body,) in case.ask("select notice::text from ledger.outbox"))
    assert "deviance of counts" in mails
    look_at_a_comparison(case)


def look_at_a_comparison(case):
    """A recipe that somebody wrote, against the champion's on the same rows."""
    wanted = ("--algorithm", "single_feature", "--set", "feature=visits_42d", "--set", "direction=increasing")
    code, said = case.run("challenge", MATURED, *wanted, "--reason", "how often it was")
    assert code == 0, said
    ((verdict,),) = case.ask("select evidence from ledger.evaluations order by evaluation_id desc limit 1")
    figures = {figure["metric"]: figure for figure in verdict["metrics"]}
    assert next(iter(figures)) == "count_deviance"
    assert figures["count_deviance"]["gain"]["low"] < figures["count_deviance"]["gain"]["high"]
    assert {"mae", "gini", "none_error"} <= set(figures)
    assert "none" in {guard["name"] for guard in verdict["guards"]}


def test_a_label_that_is_no_count_is_named(case):
    write_labels(case, less=" - 1")
    code, said = case.run("bootstrap", FIRST)
    assert code != 0
    assert "a label that is no count" in said
