"""`<model>.score`: an Airflow DAG that publishes the champion's scores of every valid snapshot."""

from airflow.sdk import DAG, PartitionedAssetTimetable, TriggerRule

from perennial.airflow.assets import asset
from perennial.airflow.declared import declared_models, model_dag
from perennial.airflow.stage import AskForTrainingOperator, MailOperator, StageOperator
from perennial.config import Model

STORY = """\
Scores every entity of a valid snapshot with the **champion** and publishes the whole day in one transaction: analysts see
the old day or the new one, never a part. If a check on the scores fails, nothing is published. Without a champion the task
is skipped, and once enough as_ofs have matured a first training is asked for. A publication wakes `monitor`."""


def build(model: Model) -> DAG:
    """The DAG of one model; woken by the asset of its features, under the same key."""
    schedule = PartitionedAssetTimetable(assets=asset("features", model.name))
    with model_dag(model, "score", schedule=schedule, story=STORY) as dag:
        score = StageOperator(task_id="score", stages=("score",), model=model.name, announces=asset("scores", model.name))
        first = AskForTrainingOperator(
            task_id="ask_for_first_training",
            model=model.name,
            reason="first",
            trigger_rule=TriggerRule.NONE_FAILED,  # score is skipped without a champion; its failure leaves the run red
            announces=asset("drift", model.name),
        )
        score >> first >> MailOperator(task_id="mail", model=model.name).as_teardown()
    return dag


for declared in declared_models():
    globals()[f"{declared.name}_score"] = build(declared)
