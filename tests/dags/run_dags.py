"""Runs DAGs one after the other with `dag.test` in a process of its own, and prints the state of every task, as JSON.

Each is named as `<verb>=<as_of>`; no as_of after the sign gives a run without one. A verb with a point names a whole DAG.
"""

import json
import sys

from airflow.dag_processing.dagbag import DagBag

folder, model, *wanted = sys.argv[1:]
bag = DagBag(dag_folder=folder)


def live(asked):
    verb, _, as_of = asked.partition("=")
    run = bag.dags[verb if "." in verb else f"{model}.{verb}"].test(logical_date=None, run_conf={"as_of": as_of} if as_of else {})
    return {"state": str(run.state), "tasks": {task.task_id: str(task.state) for task in run.get_task_instances()}}


sys.stdout.write("\n" + json.dumps({asked: live(asked) for asked in wanted}) + "\n")
