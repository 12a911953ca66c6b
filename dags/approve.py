"""`<model>.approve`: an Airflow DAG that waits for a person when a challenger may become champion only with a yes."""

from datetime import timedelta

from airflow.sdk import DAG, PartitionedAssetTimetable

from perennial.airflow.approval import AskPersonOperator, CarryOutOperator
from perennial.airflow.assets import asset
from perennial.airflow.declared import declared_models, model_dag
from perennial.airflow.stage import MailOperator
from perennial.config import Model

STORY = """\
A challenger has earned its promotion, and a **person decides**: `promotion.approval = "manual"`, or something is doubtful.
The task `ask` waits as a *required action*: it shows the evidence and two buttons. **Approve** makes the challenger champion,
**Reject** leaves everything as it is and ends its test. No answer within `promotion.answer_within_hours` is no answer: the wait
ends, the question stays open, and the next look asks again. A shell answers as well:
`perennial approve <model>` or `perennial reject <model> --reason "..."`; the wait here then ends by itself. A newer
challenger supersedes an older question. Answer and name stand in `ledger.approvals`, and `promote` does what they say."""
SOON = timedelta(seconds=5)  # an answer in the very second of the question may cost a try: see ml/perennial/airflow/approval.py


def build(model: Model) -> DAG:
    """The DAG of one model; woken by the question that a retraining has put, under the same key."""
    schedule = PartitionedAssetTimetable(assets=asset("challenger", model.name))
    wait = timedelta(hours=model.promotion.answer_within_hours)
    with model_dag(model, "approve", schedule=schedule, story=STORY, wait=wait) as dag:
        ask = AskPersonOperator(task_id="ask", model=model.name, retry_delay=SOON)
        promote = CarryOutOperator(task_id="promote", model=model.name, announces=asset("champion", model.name))
        ask >> promote >> MailOperator(task_id="mail", model=model.name).as_teardown()
    return dag


for declared in declared_models():
    globals()[f"{declared.name}_approve"] = build(declared)
