"""A clean `pip check` proves nothing about this set of libraries: all direct dependencies must really load, and together."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest

from perennial.config import require_extra
from perennial.config.extras import MODULES
from perennial.errors import ExtraMissing
from tests.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

# Packages of Airflow share the namespace `airflow`, which says nothing about the package itself.
MODULES_IN_A_NAMESPACE = {
    "apache-airflow": ["airflow.sdk"],
    "apache-airflow-providers-celery": ["airflow.providers.celery"],
    "apache-airflow-providers-openlineage": ["airflow.providers.openlineage"],
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


def read_names(requirements):
    return [normalise(re.match(r"[A-Za-z0-9._-]+", requirement)[0]) for requirement in requirements]


def read_distributions():
    return read_names([*PROJECT["dependencies"], *read_extra("local"), *read_extra("demo")])


def read_extra(extra):
    """The requirements of an extra; one that stands on another of ours holds its requirements, too."""
    stated = PROJECT["optional-dependencies"][extra]
    others = [name for requirement in stated for name in re.findall(r"^perennial\[(\w+)\]$", requirement)]
    own = [requirement for requirement in stated if not requirement.startswith("perennial[")]
    return [requirement for name in others for requirement in read_extra(name)] + own


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


@pytest.mark.parametrize("extra", sorted(MODULES))
def test_an_extra_is_known_by_the_modules_that_it_brings(extra):
    brought = {module for distribution in read_names(read_extra(extra)) for module in find_modules(distribution)}
    assert set(MODULES[extra]) == brought & set(MODULES[extra])
    assert len(MODULES[extra]) == len(read_extra(extra))


@pytest.mark.parametrize("extra", sorted(MODULES))
def test_a_missing_extra_is_named_with_the_command_that_installs_it(extra, monkeypatch):
    monkeypatch.setitem(MODULES, extra, ("no_such_module",))
    with pytest.raises(ExtraMissing, match=rf"^`perennial go` needs the extra '{extra}'.*no_such_module.*'perennial\[{extra}\]'"):
        require_extra(extra, "`perennial go`")


def test_the_command_helps_without_any_extra_and_without_heavy_libraries(tmp_path):
    """In an interpreter that finds no module of an extra: the same as an environment without them."""
    hidden = {module for modules in MODULES.values() for module in modules}
    heavy = ["pandas", "sklearn", "mlflow", "optuna", "xgboost", "lightgbm", "great_expectations", "evidently", "airflow"]
    script = f"""
import importlib.abc, sys
class Hide(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {sorted(hidden)}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Hide())
sys.argv = ["perennial", "--help"]
from perennial.cli import main
try:
    main()
except SystemExit as ended:
    assert ended.code == 0, ended.code
assert not [name for name in {heavy} if name in sys.modules]
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "bootstrap" in done.stdout
