"""`<model>.refresh`: on each as_of an Airflow DAG photographs the warehouse as of the day and validates the picture."""

from airflow.sdk import DAG

from perennial.airflow.assets import asset
from perennial.airflow.declared import daily_at, declared_models, model_dag
from perennial.airflow.stage import MailOperator, StageOperator
from perennial.config import Model

STORY = """\
Builds the **snapshot** of the day: one row per entity, made only of facts known before the day began. Great Expectations
suites check the source, then the snapshot. Rejected rows go to `ledger.quarantine`; too many of them, or a failed suite,
stop the day with a BLOCK decision and a mail, and yesterday's scores stay online. A valid snapshot wakes `score`."""


def build(model: Model) -> DAG:
    """The DAG of one model; its key is the as_of."""
    with model_dag(model, "refresh", schedule=daily_at(model, model.schedule.refresh), story=STORY) as dag:
        refresh = StageOperator(task_id="refresh", stages=("refresh",), model=model.name)
        validate = StageOperator(
            task_id="validate", stages=("validate",), model=model.name, announces=asset("features", model.name)
        )
        refresh >> validate >> MailOperator(task_id="mail", model=model.name).as_teardown()
    return dag


for declared in declared_models():
    globals()[f"{declared.name}_refresh"] = build(declared)
