"""Every error names one situation in one sentence, says what to do, and somebody raises it."""

import ast
import functools
import inspect
import re

import pytest
from typer.main import get_command

from perennial import errors
from perennial.cli import load_commands
from tests.paths import ROOT

ERRORS = [found for _, found in inspect.getmembers(errors, inspect.isclass) if found.__module__.startswith(errors.__name__)]
PARENTS = {parent for error in ERRORS for parent in error.__mro__[1:]}
FILES = sorted(path for layer in ("ml", "plugins", "dags") for path in (ROOT / layer).rglob("*.py"))


@functools.cache
def read_raised_names():
    """Names that stand after `raise`, or are called to make an error that another line raises."""
    nodes = [node for path in FILES for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    raised = [node.exc for node in nodes if isinstance(node, ast.Raise)]
    made = [node for node in nodes if isinstance(node, ast.Call)]
    called = [node.func if isinstance(node, ast.Call) else node for node in [*raised, *made]]
    return {getattr(node, "attr", getattr(node, "id", None)) for node in called}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_an_error_is_explained_in_one_sentence_and_says_what_to_do(error):
    situation, _, remedy = inspect.getdoc(error).partition("\nTo do: ")
    assert re.fullmatch(r"[A-Z`].*\.", situation, flags=re.DOTALL)
    assert re.search(r"\. [A-Z]", situation) is None
    assert re.fullmatch(r"[a-z].{5,}\.", remedy)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_a_command_that_an_error_advises_exists(error):
    advised = set(re.findall(r"`perennial ([a-z]+)", inspect.getdoc(error)))
    assert set() == advised - set(get_command(load_commands()).commands)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_an_error_says_whether_trying_again_helps(error):
    is_root = error is errors.PerennialError
    assert is_root or issubclass(error, (errors.PermanentError, errors.UnavailableError, errors.StackError))


@pytest.mark.parametrize("name", sorted(error.__name__ for error in ERRORS if error not in PARENTS))
def test_an_error_is_raised_somewhere(name):
    assert name in read_raised_names()
