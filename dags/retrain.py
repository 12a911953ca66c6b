"""`<model>.retrain_weekly` and `<model>.retrain`: Airflow DAGs that refit what serves every week, and look for better recipes."""

from datetime import timedelta

from airflow.sdk import DAG, PartitionedAssetTimetable, TriggerRule

from perennial.airflow.assets import asset
from perennial.airflow.declared import daily_at, declared_models, model_dag
from perennial.airflow.stage import (
    AskForApprovalOperator,
    AskForTrainingOperator,
    AssembleOperator,
    MailOperator,
    PromoteOperator,
    StageOperator,
)
from perennial.config import Model

WEEKLY = """\
Asks for a retraining every week, or every month in a monthly model; the work happens in `retrain`, which drift can
wake as well."""
STORY = """\
Labels what has matured, sets to rest what looks wrong, and **refits** the champion's recipe on the newest days: that fit serves
from now on. When a search is due, `train` looks for a better recipe, and `compare` puts every recipe under test beside the
champion's, by what their fits served or would have. Only a verdict PROMOTE lets another recipe in, and where a person
decides it wakes `approve` instead. A second request for the same day and the same data ends without training."""
GRACE = timedelta(minutes=25)
UNLESS_FAILED = TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS


def build_weekly(model: Model) -> DAG:
    """The weekly tick of one model."""
    with model_dag(model, "retrain_weekly", schedule=daily_at(model, model.schedule.retrain), story=WEEKLY) as dag:
        ask = AskForTrainingOperator(
            task_id="ask_for_retraining", model=model.name, reason="weekly", announces=asset("weekly", model.name)
        )
        ask >> MailOperator(task_id="mail", model=model.name).as_teardown()
    return dag


def build(model: Model) -> DAG:
    """The retraining of one model; woken by the weekly tick or by drift, under the same key."""
    schedule = PartitionedAssetTimetable(assets=asset("drift", model.name) | asset("weekly", model.name))
    limit = timedelta(minutes=model.training.timeout_minutes) + GRACE
    with model_dag(model, "retrain", schedule=schedule, story=STORY) as dag:
        assemble = AssembleOperator(task_id="assemble", model=model.name)
        refit = StageOperator(task_id="refit", stages=("refit",), model=model.name)
        # Each goes on when the one before had nothing to do; a failure leaves the run red and stops it there.
        train = StageOperator(
            task_id="train", stages=("train",), model=model.name, execution_timeout=limit, trigger_rule=UNLESS_FAILED
        )
        compare = StageOperator(task_id="compare", stages=("compare",), model=model.name, trigger_rule=UNLESS_FAILED)
        promote = PromoteOperator(task_id="promote", model=model.name, announces=asset("champion", model.name))
        ask = AskForApprovalOperator(
            task_id="ask_for_approval",
            model=model.name,
            trigger_rule=TriggerRule.NONE_FAILED,  # promote is skipped when a person is asked; its failure leaves the run red
            announces=asset("challenger", model.name),
        )
        assemble >> [refit, train, compare]
        refit >> train >> compare >> promote >> ask >> MailOperator(task_id="mail", model=model.name).as_teardown()
    return dag


for declared in declared_models():
    globals()[f"{declared.name}_retrain_weekly"] = build_weekly(declared)
    globals()[f"{declared.name}_retrain"] = build(declared)
