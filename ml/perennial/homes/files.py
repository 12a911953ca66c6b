"""The files of a new home: the template beside this module, filled in, and what this repository's own root shares with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from perennial.config.keys import list_keys, list_tables
from perennial.homes.commenting import comment_model

TEMPLATE = Path(__file__).parent / "template"
CLONE = Path(__file__).parents[3]
SHARED = (
    ".env.example",
    "dags/approve.py",
    "dags/monitor.py",
    "dags/nightly.py",
    "dags/refresh.py",
    "dags/retrain.py",
    "dags/score.py",
    "deploy/prometheus/prometheus.yml",
    "deploy/prometheus/rules.yml",
    "docker-compose.scale.yml",
    "docker-compose.yml",
    "plugins/.airflowignore",
    "plugins/airflow_plugin.py",
    "requirements.lock",
)
"""The root of the repository has these, and the wheel puts them into the template (pyproject.toml, force-include): one source."""


def render_home(name: str) -> Mapping[str, str]:
    """Path in the home -> text, sorted.

    Args:
        name: what the project is called, such as the folder.
    """
    marks = {"@NAME@": normalise(name), "@VERSION@": version("perennial")}
    return {path: _fill_in(path, text, marks) for path, text in sorted(_collect().items())}


def normalise(name: str) -> str:
    """The name of a project that packaging tools accept; `home` where nothing is left of it."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "home"


def _collect() -> dict[str, str]:
    own = (path for path in TEMPLATE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    found = {path.relative_to(TEMPLATE).as_posix(): path for path in own}
    places = {**{name: CLONE / name for name in SHARED}, **found}
    return {name: path.read_text(encoding="utf-8") for name, path in places.items()}


def _fill_in(path: str, text: str, marks: Mapping[str, str]) -> str:
    for mark, value in marks.items():
        text = text.replace(mark, value)
    return comment_model(text, read_descriptions()) if path.startswith("models/") else text


def read_descriptions() -> Mapping[str, str]:
    """What every key and table of a model file means, by its dotted name."""
    return {table.name: table.description for table in list_tables()} | {key.name: key.description for key in list_keys()}
