"""Loads plugins/ as Airflow's web server does, in a process of its own, and prints what came of it, as JSON."""

import json
import sys

from airflow import plugins_manager

OF_PROVIDERS = ("OpenLineageProviderPlugin",)  # of the extra `lineage`
names = [plugin["name"] for plugin in plugins_manager.get_plugin_info() if plugin["name"] not in OF_PROVIDERS]
apps, _ = plugins_manager.get_fastapi_plugins()
views, _ = plugins_manager._get_ui_plugins()
HEAVY = ("pandas", "sklearn", "xgboost", "lightgbm", "mlflow", "optuna", "great_expectations", "evidently", "matplotlib")

result = {
    "names": names,
    "import_errors": plugins_manager.get_import_errors(),
    "prefixes": [app["url_prefix"] for app in apps],
    "views": {view["destination"]: view["href"] for view in views},
    "heavy": [name for name in HEAVY if name in sys.modules],
}
sys.stdout.write("\n" + json.dumps(result) + "\n")
