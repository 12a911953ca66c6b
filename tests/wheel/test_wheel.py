"""A stranger's way: build the wheel, install it with the lock outside the repository, make a home, and live with it.

The servers are those of the tests; programs and files come from the wheel alone.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.paths import ROOT

UV = Path(sys.executable).parent / "uv"
OVERRIDE = "nvidia-nccl-cu12 ; sys_platform == 'never'\n"
FIRST, WEEKS = "2025-10-06", ("2025-10-13", "2025-10-20")

IMPORT_ALL = """
import importlib, pkgutil, sys, perennial
# A script of the extra `local`, a plugin for who has pytest, what Celery's workers load, with the extra `workers`, and what the
# extra `onnx` is for.
left_out = {"perennial.local.mail_sink", "perennial.homes.testing", "perennial.airflow.workers"}
left_out |= {f"perennial.export.{name}" for name in ("ensembles", "graphs", "onnx_folder", "proving")}
names = [found.name for found in pkgutil.walk_packages(perennial.__path__, "perennial.") if not found.name.endswith("__main__")]
for name in names:
    if name not in left_out and ".template" not in name:
        importlib.import_module(name)
print(len(names), perennial.__file__)
"""


def run(command, folder, **variables):
    """Run it where nothing of this repository is in reach; what it prints, and a failure with all that it said."""
    own = {
        name: value for name, value in os.environ.items() if not name.startswith(("PERENNIAL_", "AIRFLOW", "PYTHON", "VIRTUAL"))
    }
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**own, "PYTHONNOUSERSITE": "1", **{name: str(value) for name, value in variables.items()}},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def core(wheel, tmp_path_factory):
    """An environment with perennial and no extra, in the versions and with the hashes of the lock."""
    folder = tmp_path_factory.mktemp("core")
    (folder / "override.txt").write_text(OVERRIDE, encoding="utf-8")
    run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], folder)
    locked = ["--constraint", ROOT / "requirements.lock", "--override", folder / "override.txt"]
    run([UV, "pip", "install", "--system-certs", "-p", folder / "venv", *locked, wheel], folder)
    return folder / "venv" / "bin"


@pytest.fixture(scope="module")
def home(core, wheel, tmp_path_factory):
    """What `perennial init` wrote, with the wheel beside it and an environment of its own."""
    folder = tmp_path_factory.mktemp("strangers") / "shop"
    run([core / "perennial", "init", folder], folder.parent)
    shutil.copy(wheel, folder)
    run(["make", "setup", f"PYTHON={sys.executable}"], folder)
    return folder


@pytest.fixture(scope="module")
def installation(postgres, migrated_template, mlflow_server, tmp_path_factory):
    """A warehouse of the test's own, and MLflow, as the addresses that a shell sets."""
    postgres.make("strangers", template=migrated_template)
    yield {
        "PERENNIAL_WAREHOUSE_URL": postgres.url("strangers", "pipeline"),
        "PERENNIAL_OWNER_URL": postgres.url("strangers", "owner"),
        "PERENNIAL_LOADER_URL": postgres.url("strangers", "loader"),
        "PERENNIAL_MLFLOW_URI": mlflow_server,
        "PERENNIAL_ARTIFACTS": tmp_path_factory.mktemp("artifacts"),
    }
    postgres.drop("strangers")


@pytest.fixture(scope="module")
def perennial(home, installation):
    """Runs a command of the home's environment; what it prints."""
    return lambda *arguments: run([home / ".venv" / "bin" / "perennial", *arguments], home, **installation)


@pytest.fixture(scope="module")
def life(perennial):
    """The first champion and two weeks after it."""
    perennial("migrate")
    perennial("load", "tests/models/churn.sql")
    perennial("bootstrap", "churn", "--as-of", FIRST, "--simulate")
    lines = perennial("replay", "churn", "--from", WEEKS[0], "--to", WEEKS[-1], "--json").splitlines()
    return [json.loads(line) for line in lines]


def test_the_wheel_installs_one_name(wheel):
    names = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"perennial"}


def test_every_file_of_the_package_is_in_the_wheel(wheel):
    package = ROOT / "ml" / "perennial"
    files = {path.relative_to(package.parent).as_posix() for path in package.rglob("*") if path.is_file()}
    written = {name for name in files if "__pycache__" not in name}
    assert written - set(zipfile.ZipFile(wheel).namelist()) == set()


def test_the_core_loads_without_any_extra(core, tmp_path):
    printed = run([core / "python", "-W", "ignore", "-c", IMPORT_ALL], tmp_path, AIRFLOW_HOME=tmp_path)
    number, place = printed.split()
    assert int(number) > 200
    assert Path(place).is_relative_to(core.parent)


@pytest.mark.parametrize(("command", "extra"), [(["up"], "local"), (["check"], "local"), (["demo"], "demo")], ids=str)
def test_a_command_that_wants_an_extra_names_it(core, home, tmp_path, command, extra):
    variables = {**os.environ, "PERENNIAL_HOME": str(home), "PERENNIAL_VAR": str(tmp_path)}
    done = subprocess.run([core / "perennial", *command], env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"pip install 'perennial[{extra}]'" in done.stderr


def test_the_module_is_the_command(core, tmp_path):
    assert run([core / "python", "-m", "perennial", "--version"], tmp_path) == run([core / "perennial", "--version"], tmp_path)


def test_a_fresh_home_has_nothing_to_upgrade(perennial):
    assert "Nothing is new." in perennial("upgrade")


def test_its_own_check_finds_nothing(home):
    said = run(["make", "check"], home)
    assert re.findall(r"^NOT SO.*", said, flags=re.MULTILINE) == []
    assert "ok      dags: Airflow reads it" in said
    assert "ok      plugins: Airflow reads it" in said
    assert "ok      churn: deleting facts at or after the as_of changes nothing" in said


def test_its_own_tests_pass(home):
    assert re.search(r"^\d+ passed", run(["make", "test"], home), flags=re.MULTILINE)


def test_two_weeks_are_lived(life):
    """Each week's scores come from the fit of the week before: the weekly refresh serves from the next day on."""
    lived = [(week["as_of"], week["champion"], week["decision"]) for week in life]
    assert lived == [(day, number, "SKIP (quiet)") for number, day in enumerate(WEEKS, start=1)]


def test_every_active_subscription_has_a_score_with_its_reasons(life, perennial):
    rows = [json.loads(line) for line in perennial("scores", "churn", "--limit", "100000", "--json").splitlines()]
    assert len(rows) == life[-1]["rows"] > 1000
    assert {row["as_of"] for row in rows} == {WEEKS[-1]}
    assert [row for row in rows if not row["reason_1"]] == []


def test_who_is_likely_to_cancel_does(life, postgres):
    """The example teaches something: of the highest tenth at least three times as many cancel as of everybody."""
    asked = """
        select avg(cancels) filter (where decile = 1) / avg(cancels)
        from analytics.churn_scores_latest
        cross join lateral (
            select exists (
                select from source.subscriptions
                where subscription_id = entity_id and status = 'cancelled' and changed_at < timestamptz '2025-11-03 00:00 +01'
                    and changed_at >= timestamptz '2025-10-20 00:00 +02'
            )::integer as cancels
        ) as outcomes;"""
    assert float(postgres.server.run_sql("strangers", asked)) > 3
