"""A model whose rows weigh, and whose actions are worth something, lives its weeks through the command line."""

import pytest

from tests.cases.harness import MODEL, PLACES

pytestmark = pytest.mark.filterwarnings("ignore:module .sre_:DeprecationWarning")
FIRST, MONDAYS = "2025-06-23", ("2025-06-30", "2025-07-07", "2025-07-14")
LABELS = """
select
    cohort.entity_id,
    not exists (
        select from visits
        where visits.member = cohort.entity_id and entered_at >= :as_of_start and entered_at < :label_end
    ) as label,
    (length(cohort.entity_id) - 1)::double precision as importance,
    10.0::double precision as saved
from cohort
"""


def test_rows_weigh_in_fits_verdicts_and_what_came_of_them(open_case):
    case = open_case("plain", mlflow=True)
    case.edit("model.toml", "[label]\n", '[label]\nweight = "importance"\nvalue = "saved"\n')
    case.edit("model.toml", "[monitoring]\n", "[promotion]\ncapacity = 10\n\n[monitoring]\n")
    (case.home / PLACES["labels.sql"]).write_text(LABELS, encoding="utf-8")
    case.do("bootstrap", FIRST)
    code, _, said = case.shell.perennial("replay", MODEL, "--from", MONDAYS[0], "--to", MONDAYS[-1])
    assert code == 0, said
    fits = case.ask("select count(*) from ledger.promotions where kind in ('promote', 'refresh') and status = 'applied'")
    assert fits[0][0] >= 3, "a first champion, and a fit in each week that taught"
    assert {(1.0,), (2.0,)} == set(case.ask(f"select distinct weight from labels.{MODEL}"))
    ((verdict,),) = case.ask("select evidence from ledger.evaluations order by effective_at limit 1")
    assert {"auc", "value", "ndcg"} <= {figure["metric"] for figure in verdict["metrics"]}
    ((rate, plain, weighed),) = case.ask(f"""
        select outcomes.base_rate, avg(label)::double precision, sum(label * weight) / sum(weight)
        from ledger.outcomes join labels.{MODEL} using (as_of) where as_of = '{MONDAYS[0]}' group by 1""")
    assert rate == pytest.approx(weighed)
    assert plain != pytest.approx(weighed, abs=1e-3), "weights change the rate, or the test says nothing"
