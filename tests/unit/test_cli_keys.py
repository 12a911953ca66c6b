"""`perennial keys`: what a model file may say, without a home, a server or a page."""

import json

import pytest
from typer.testing import CliRunner

from perennial.cli import load_commands
from perennial.errors import ConfigError


def run(*arguments):
    return CliRunner().invoke(load_commands(), ["keys", *arguments])


def test_a_part_of_a_name_is_answered_with_every_key_that_has_it():
    names = [json.loads(line)["name"] for line in run("reasons", "--json").output.splitlines()]
    assert ["scoring.reasons"] == names


def test_a_key_is_shown_with_its_type_its_default_and_its_meaning():
    shown = run("scoring.reasons").output
    assert ["scoring.reasons  whole number, at least 0, at most 3; 3", "Reasons beside each score"] == [
        line.strip() for line in shown.splitlines()
    ]


def test_a_required_key_says_so():
    assert "label.horizon_days  whole number, at least 1, at most 730; required" in run("horizon").output


def test_a_part_that_no_key_has_is_named():
    answer = run("horizont")
    assert isinstance(answer.exception, ConfigError)
    with pytest.raises(ConfigError, match="has 'horizont' in its name; `perennial keys` lists them all"):
        raise answer.exception
