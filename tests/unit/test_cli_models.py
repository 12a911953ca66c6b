"""`perennial models`: one model that is not in order hides no other."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from perennial.cli import load_commands
from tests.paths import ROOT


@pytest.fixture
def home(tmp_path, monkeypatch):
    for folder in ("models", "sql", "expectations"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.setenv("PERENNIAL_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def ask(*arguments):
    found = CliRunner().invoke(load_commands(), ["models", *arguments])
    return found.exit_code, found.stdout


def test_models_in_order_are_listed_without_a_fault(home):
    code, shown = ask()
    assert code == 0
    assert "spend_drop" in shown
    assert "fault" not in shown


def test_a_broken_model_is_listed_with_its_fault_beside_the_others(home):
    (home / "models" / "lapse.toml").write_text("name = ", encoding="utf-8")
    code, shown = ask("--json")
    faults = {row["model"]: row["fault"] for row in map(json.loads, shown.splitlines())}
    assert (1, "") == (code, faults["spend_drop"])
    assert "models/lapse.toml is not valid TOML" in faults["lapse"]
