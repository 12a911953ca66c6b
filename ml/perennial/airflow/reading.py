"""Reads DAGs and plugins as Airflow would, and prints what came of it as JSON: `python -m perennial.airflow.reading DAGS`.

A process of its own: Airflow keeps what it has read, and takes its folders from the environment. No metadata database is asked.
"""

from __future__ import annotations

import json
import sys

from airflow import plugins_manager
from airflow.dag_processing.dagbag import DagBag


def read_folders(dags: str) -> dict[str, object]:
    """The DAGs by name, and the errors of both folders by file; the plugins' folder is Airflow's own setting."""
    bag = DagBag(dag_folder=dags)
    plugins_manager.get_plugin_info()
    return {
        "dags": sorted(bag.dags),
        "dag_errors": dict(bag.import_errors),
        "plugins": sorted(str(plugin["name"]) for plugin in plugins_manager.get_plugin_info()),
        "plugin_errors": dict(plugins_manager.get_import_errors()),
    }


if __name__ == "__main__":
    print(f"\n{json.dumps(read_folders(sys.argv[1]))}")  # noqa: T201 - its caller reads the last line
