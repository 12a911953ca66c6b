"""`<model>.monitor`: an Airflow DAG that measures drift and outcomes after every publication, and decides."""

from airflow.sdk import DAG, PartitionedAssetTimetable

from perennial.airflow.assets import asset
from perennial.airflow.declared import declared_models, model_dag
from perennial.airflow.stage import AskForTrainingOperator, MailOperator, StageOperator
from perennial.config import Model

STORY = """\
Compares what the champion sees now with what it was trained on, measures how good old scores turned out to be now that
their labels have matured, looks whether those labels may **teach**, and **decides**: TRAIN, SKIP or BLOCK, with the evidence.
TRAIN wakes `retrain`. The owner gets a mail that says what moved, what the system did, and what is left for people to do.
`report` draws Evidently's page meanwhile; the mail waits a minute for it, and goes without. A red `report` costs that page."""
FIRST = 10  # of what waits for a worker: the mail waits for it


def build(model: Model) -> DAG:
    """The DAG of one model; woken by the asset of its scores, under the same key."""
    schedule = PartitionedAssetTimetable(assets=asset("scores", model.name))
    with model_dag(model, "monitor", schedule=schedule, story=STORY) as dag:
        monitor = StageOperator(task_id="monitor", stages=("monitor", "decide"), model=model.name)
        ask = AskForTrainingOperator(
            task_id="ask_for_retraining", model=model.name, reason="drift", announces=asset("drift", model.name)
        )
        report = StageOperator(task_id="report", stages=("report",), model=model.name, priority_weight=FIRST)
        mail = MailOperator(task_id="mail", model=model.name, waits_for="report")
        monitor >> report
        monitor >> ask >> mail.as_teardown()
    return dag


for declared in declared_models():
    globals()[f"{declared.name}_monitor"] = build(declared)
