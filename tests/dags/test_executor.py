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
print(sorted({"evidently", "lightgbm", "mlflow", "xgboost"} & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("service", "loaded"), [("scheduler", "['evidently', 'lightgbm', 'mlflow', 'xgboost']"), ("api-server", "[]")]
)
def test_the_scheduler_alone_loads_the_libraries_of_all_stages(tmp_path, service, loaded):
    environment = {**os.environ, **Addresses(tmp_path, Ports.free(), ROOT).airflow()}
    command = [sys.executable, "-c", MAKE, service]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert loaded == done.stdout.strip().splitlines()[-1], done.stderr
