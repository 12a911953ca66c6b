"""The only file of this folder that Airflow loads as a plugin: Perennial's pages, for people who are logged in."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from perennial.airflow.pages import make_app

PREFIX = "/perennial"


class PerennialPlugin(AirflowPlugin):
    """A page for all models, a tab on every DAG for its model, and a tab on every run for what the ledger knows of it."""

    name = "perennial"
    fastapi_apps = [  # noqa: RUF012 - Airflow declares it so
        {"app": make_app(), "url_prefix": PREFIX, "name": "Perennial"}
    ]
    external_views = [  # noqa: RUF012 - Airflow declares it so
        {"name": "Perennial", "href": "perennial/", "destination": "nav", "url_route": "perennial", "nav_top_level": True},
        {"name": "Model", "href": "perennial/dags/{DAG_ID}", "destination": "dag", "url_route": "perennial-model"},
        {"name": "Ledger", "href": "perennial/runs/{DAG_ID}/{RUN_ID}", "destination": "dag_run", "url_route": "perennial-run"},
    ]
