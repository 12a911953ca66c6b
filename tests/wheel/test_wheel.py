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
import yaml

from tests.paths import ROOT

UV = Path(sys.executable).parent / "uv"
OVERRIDE = "nvidia-nccl-cu12 ; sys_platform == 'never'\n"
FIRST, WEEKS = "2025-10-06", ("2025-10-13", "2025-10-20")

IMPORT_ALL = """
import importlib, pkgutil, sys, perennial
# A script of the extra `local`, a plugin for who has pytest, and what needs `workers`, `lineage`, `watch`, `serve` or `onnx`.
left_out = {"perennial.local.mail_sink", "perennial.homes.testing", "perennial.airflow.workers", "perennial.airflow.lineage"}
watch = ("watch", "watch.declared", "watch.deriving", "watch.exporting", "watch.metrics", "watch.serving")
left_out |= {f"perennial.{name}" for name in watch}
left_out |= {f"perennial.serve.{name}" for name in ("application", "arm_gauges", "entry", "gauges", "rates", "running")}
left_out |= {f"perennial.export.{name}" for name in ("ensembles", "graphs", "onnx_folder", "proving")}
names = [found.name for found in pkgutil.walk_packages(perennial.__path__, "perennial.") if not found.name.endswith("__main__")]
for name in names:
    if name not in left_out and ".template" not in name:
        importlib.import_module(name)
print(len(names), perennial.__file__)
"""

FIND_LINEAGE = "import importlib.util; print(importlib.util.find_spec('openlineage'))"


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
def steps(home):
    """What a shell runs in the workflow of a pull request, by the name of the step."""
    workflow = yaml.safe_load((home / ".github" / "workflows" / "plan.yml").read_text(encoding="utf-8"))
    return {step["name"]: step for job in workflow["jobs"].values() for step in job["steps"] if "run" in step}


def take(step, home, folder, given):
    """Run a step as a runner does; its exit code, the summary that it wrote, and what it hands on.

    Args:
        given: what stands for each ${{ expression }} of its environment; else nothing.
    """
    folder.mkdir()
    files = {name: folder / name for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
    for file in files.values():
        file.touch()
    own = {name: given.get(str(value)[4:-3], "") if "${{" in str(value) else value for name, value in step["env"].items()}
    shell = {
        **os.environ,
        "RUNNER_TEMP": str(folder),
        "GITHUB_REPOSITORY": "shop/models",
        "PATH": f"{home.parent}:{os.environ['PATH']}",
    }
    environment = {**shell, **{name: str(path) for name, path in files.items()}, **own}
    done = subprocess.run(
        ["bash", "-e", "-c", step["run"]], cwd=home, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 3), done.stdout + done.stderr
    return done.returncode, *(file.read_text(encoding="utf-8") for file in files.values())


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


def test_its_own_check_finds_nothing(home, steps):
    assert steps["set up"]["run"] == "make setup"  # which has made this home's environment
    said = run(["bash", "-e", "-c", steps["check"]["run"]], home)
    assert re.findall(r"^NOT SO.*", said, flags=re.MULTILINE) == []
    assert "ok      dags: Airflow reads it" in said  # and finds nobody to tell of lineage:
    assert run([home / ".venv/bin/python", "-c", FIND_LINEAGE], home) == "None\n"
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


def test_a_pull_request_is_planned(life, home, steps, installation, tmp_path):
    secrets = {
        "secrets.PERENNIAL_WAREHOUSE_URL": installation["PERENNIAL_WAREHOUSE_URL"],
        "secrets.PERENNIAL_MLFLOW_URI": installation["PERENNIAL_MLFLOW_URI"],
    }
    code, summary, _ = take(steps["plan"], home, tmp_path / "same", secrets)
    assert (0, "### churn: changes nothing") == (code, summary.splitlines()[0])
    code, summary, _ = take(steps["plan"], home, tmp_path / "fork", {})
    assert (0, True) == (code, summary.startswith("Nothing was planned: "))
    query = home / "sql" / "churn" / "features.sql"
    known = query.read_text(encoding="utf-8")
    query.write_text(known.replace("    subscriptions.plan,\n", ""), encoding="utf-8")
    code, summary, handed_on = take(steps["plan"], home, tmp_path / "broken", secrets)
    query.write_text(known, encoding="utf-8")
    assert (3, "### churn: would break") == (code, summary.splitlines()[0])
    first, *table, last = handed_on.splitlines()
    assert (f"table<<{last}", summary.splitlines()) == (first, table)


def test_a_plan_is_one_comment_that_is_edited(home, steps, tmp_path):
    """`gh` is a script that writes down what it is asked, and finds the comments that the test puts there."""
    gh = home.parent / "gh"
    listed = 'case "$*" in *--paginate*) cat "${RUNNER_TEMP}.found" ;; esac'
    gh.write_text(f'#!/bin/sh\necho "$@" >> "$RUNNER_TEMP/asked"\n{listed}\n', encoding="utf-8")
    gh.chmod(0o755)
    given = {"needs.plan.outputs.table": "### churn: would break\n$(false) `x`", "github.event.pull_request.number": "7"}
    asked = {}
    for name, found in (("first", ""), ("again", "40\n41\n")):
        (tmp_path / f"{name}.found").write_text(found, encoding="utf-8")
        assert 0 == take(steps["comment"], home, tmp_path / name, given)[0]
        asked[name] = (tmp_path / name / "asked").read_text(encoding="utf-8").splitlines()[1:]
    body = tmp_path / "first" / "plan.md"
    assert f"<!-- perennial plan -->\n{given['needs.plan.outputs.table']}\n" == body.read_text(encoding="utf-8")
    edited = f"api --method PATCH repos/shop/models/issues/comments/41 -F body=@{tmp_path / 'again' / 'plan.md'}"
    assert {"first": [f"pr comment 7 --repo shop/models --body-file {body}"], "again": [edited]} == asked


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
