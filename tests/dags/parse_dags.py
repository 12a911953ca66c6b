"""Parses a folder of DAGs in a process of its own and prints what Airflow made of it, as JSON."""

import json
import sys
import time

started = time.process_time()
import airflow  # noqa: E402, F401 - timed
from airflow.dag_processing.dagbag import DagBag  # noqa: E402

imported = time.process_time()
bag = DagBag(dag_folder=sys.argv[1])
parsed = time.process_time()

HEAVY = ("pandas", "sklearn", "xgboost", "lightgbm", "mlflow", "optuna", "great_expectations", "evidently", "matplotlib")


def describe(dag):
    return {
        "tasks": [task.task_id for task in dag.topological_sort()],
        "downstream": {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks},
        "rules": {task.task_id: task.trigger_rule.value for task in dag.tasks},
        "retries": sorted({task.retries for task in dag.tasks}),
        "limits": all(task.execution_timeout for task in dag.tasks),
        "longest_run_seconds": sum(
            ((1 + task.retries) * task.execution_timeout + task.retries * task.max_retry_delay).total_seconds()
            for task in dag.tasks
        ),
        "waits_for": {task.task_id: task.waits_for for task in dag.tasks if getattr(task, "waits_for", "")},
        "teardowns": [task.task_id for task in dag.tasks if task.is_teardown],
        "outlets": sorted(asset.name for task in dag.tasks for asset in task.outlets),
        "owners": sorted({task.owner for task in dag.tasks}),
        "tags": sorted(dag.tags),
        "doc": dag.doc_md,
        "max_active_runs": dag.max_active_runs,
        "catchup": dag.catchup,
        "timetable": type(dag.timetable).__name__,
        "timezone": str(getattr(dag.timetable, "timezone", None) or getattr(dag.timetable, "_timezone", "")),
        "end_date": dag.end_date and dag.end_date.isoformat(),
        "params": sorted(dag.params),
        "run_limit_seconds": dag.dagrun_timeout.total_seconds(),
        "links": sorted({link.name for task in dag.tasks for link in task.operator_extra_links}),
    }


result = {
    "dags": {dag_id: describe(dag) for dag_id, dag in sorted(bag.dags.items())},
    "import_errors": bag.import_errors,
    "import_seconds": imported - started,
    "parse_seconds": parsed - imported,
    "heavy": [name for name in HEAVY if name in sys.modules],
}
sys.stdout.write("\n" + json.dumps(result) + "\n")
