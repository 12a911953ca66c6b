"""A clean `pip check` proves nothing about this set of libraries: all direct dependencies must really load, and together."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest

from tests.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

# Packages of Airflow share the namespace `airflow`, which says nothing about the package itself.
MODULES_IN_A_NAMESPACE = {
    "apache-airflow": ["airflow.sdk"],
    "apache-airflow-providers-postgres": ["airflow.providers.postgres.hooks.postgres"],
    "apache-airflow-providers-smtp": ["airflow.providers.smtp.hooks.smtp"],
    "apache-airflow-providers-standard": ["airflow.providers.standard.operators.hitl"],
}

# Imports what it is given, one after another, and says which do not load.
LOAD_ALL = """
import importlib, sys, traceback
failures = []
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except BaseException:
        failures.append(f"{name}: {traceback.format_exc()}")
sys.exit("".join(failures) or 0)
"""


def normalise(distribution):
    return re.sub(r"[-_.]+", "-", distribution).lower()


def read_distributions():
    return [normalise(re.match(r"[A-Za-z0-9._-]+", requirement)[0]) for requirement in PROJECT["dependencies"]]


def find_modules(distribution):
    """The public top-level modules that a distribution installs."""
    owners = {module: {normalise(owner) for owner in found} for module, found in packages_distributions().items()}
    found = [module for module in owners if distribution in owners[module] and module.isidentifier()]
    return MODULES_IN_A_NAMESPACE.get(distribution) or sorted(module for module in found if module[0] != "_")


@pytest.mark.parametrize("distribution", read_distributions())
def test_a_direct_dependency_is_installed(distribution):
    assert find_modules(distribution) != []


def test_all_direct_dependencies_load_into_one_process(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))  # importing Airflow writes its configuration there
    modules = [module for distribution in read_distributions() for module in find_modules(distribution)]
    command = [sys.executable, "-W", "default", "-c", LOAD_ALL, *modules]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
