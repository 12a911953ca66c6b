"""`<model>.score`: an Airflow DAG that publishes the champion's scores of every valid snapshot."""

from airflow.sdk import DAG, PartitionedAssetTimetable, TriggerRule

from perennial.airflow.assets import asset
from perennial.airflow.declared import LONGEST_TASK, declared_models, model_dag
from perennial.airflow.stage import (
    AskForTrainingOperator,
    CommitShardsOperator,
    MailOperator,
    PlanShardsOperator,
    ScoreShardOperator,
    StageOperator,
)
from perennial.config import Model

STORY = """\
Scores every entity of a valid snapshot with the **champion** and publishes the whole day in one transaction: analysts see
the old day or the new one, never a part. If a check on the scores fails, nothing is published. Without a champion the task
is skipped, and once enough as_ofs have matured a first training is asked for. A publication wakes `monitor`."""


def score_whole(model: Model) -> StageOperator:
    """Score and publish in one task."""
    return StageOperator(task_id="score", stages=("score",), model=model.name, announces=asset("scores", model.name))


def score_in_shards(model: Model) -> CommitShardsOperator:
    """Plan, one mapped task for every shard, and the task that publishes them all."""
    plan = PlanShardsOperator(task_id="plan_shards", model=model.name)
    shards = ScoreShardOperator.partial(task_id="score_shard", model=model.name).expand(shard=plan.output)
    score = CommitShardsOperator(
        task_id="score", planned_by="plan_shards", model=model.name, announces=asset("scores", model.name)
    )
    shards >> score
    return score


def build(model: Model) -> DAG:
    """The DAG of one model; woken by the asset of its features, under the same key."""
    schedule = PartitionedAssetTimetable(assets=asset("features", model.name))
    in_turn = (model.scoring.most_shards - 1) * LONGEST_TASK  # mapped tasks that find no free worker
    with model_dag(model, "score", schedule=schedule, story=STORY, wait=in_turn) as dag:
        score = score_in_shards(model) if model.scoring.most_shards > 1 else score_whole(model)
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
