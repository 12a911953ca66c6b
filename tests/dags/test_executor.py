"""The executor of the embedded stack, in a process of its own, whose collector it changes."""

import os
import subprocess
import sys

import pytest

from perennial.local import Ports
from perennial.local.addresses import Addresses
from tests.paths import ROOT

START = """
import gc
from airflow.utils.process_utils import set_component_mp_start_method
from perennial.airflow.executor import SharingExecutor

if __name__ == "__main__":
    set_component_mp_start_method("scheduler")
    executor = SharingExecutor(parallelism=1)
    loaded = len(gc.get_objects())
    executor.start()
    found = (len(executor.workers), gc.get_freeze_count() >= loaded, len(gc.get_objects()) < loaded / 10)
    executor.end()
    print(*found)
"""


def test_after_the_fork_no_collection_of_the_scheduler_touches_what_its_workers_share(tmp_path):
    environment = {**os.environ, **Addresses(tmp_path, Ports.free(), ROOT).airflow()}
    done = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, check=False, env=environment)
    assert ["1", "True", "True"] == done.stdout.split()[-3:], done.stderr


MAKE = """
import sys
from perennial.airflow.executor import SharingExecutor

SharingExecutor(parallelism=1)
wanted = {"evidently", "lightgbm", "mlflow", "perennial.airflow.pages", "xgboost"}
print(sorted(wanted & set(sys.modules)))
"""
LOADED = "['evidently', 'lightgbm', 'mlflow', 'perennial.airflow.pages', 'xgboost']"


@pytest.mark.parametrize(("service", "loaded"), [("scheduler", LOADED), ("api-server", "[]")])
def test_the_scheduler_alone_loads_what_all_tasks_need(tmp_path, service, loaded):
    environment = {**os.environ, **Addresses(tmp_path, Ports.free(), ROOT).airflow()}
    command = [sys.executable, "-c", MAKE, service]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert loaded == done.stdout.strip().splitlines()[-1], done.stderr


WAIT = """
import threading
from airflow.models.taskinstancekey import TaskInstanceKey
from airflow.utils.process_utils import set_component_mp_start_method
from perennial.airflow import executor as module

def wait():
    executor.sync()
    return executor._idle_seconds

if __name__ == "__main__":
    set_component_mp_start_method("scheduler")
    executor = module.SharingExecutor(parallelism=1)
    executor.start()
    quiet = [wait() for _ in range(4)]
    key = TaskInstanceKey("dag", "task", "run", 1)
    executor.running.add(key)
    begun = wait()
    executor._idle_seconds = module.LONGEST_SECONDS = 3600.0
    threading.Timer(0.1, executor.result_queue.put, [(key, "success", None)]).start()
    executor.sync()
    found = (sorted(set(quiet)) == quiet, begun == 0, key in executor.event_buffer, wait() == 0)
    executor.end()
    print(*found)
"""


def test_a_scheduler_with_nothing_to_do_waits_longer_and_longer_for_a_task_to_end(tmp_path):
    environment = {**os.environ, **Addresses(tmp_path, Ports.free(), ROOT).airflow()}
    done = subprocess.run([sys.executable, "-c", WAIT], capture_output=True, text=True, check=False, env=environment)
    assert ["True", "True", "True", "True"] == done.stdout.split()[-4:], done.stderr
