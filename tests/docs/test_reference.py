"""The generated pages say what the program says now, and leave nothing out."""

import inspect
import re
from dataclasses import asdict

import pytest

from docs.tools.reference import FOLDER, PAGES, PANELS, list_commands, read_comments
from perennial import errors
from perennial.config import PLATFORM_SQL
from perennial.config.keys import list_keys
from perennial.config.variables import EMBEDDED_STACK, VARIABLES
from perennial.local import Ports
from tests.paths import ROOT

COMMANDS = list_commands()
ERRORS = [name for name, found in vars(errors).items() if inspect.isclass(found)]
VIEWS = [path.stem for path in (PLATFORM_SQL / "views" / "global").glob("*.sql")] + [
    f"<model>_{path.stem}" for folder in ("model", "task/binary") for path in (PLATFORM_SQL / "views" / folder).glob("*.sql")
]
READERS = ("ml", "dags", "plugins", "Dockerfile", "docker-compose.yml", "docker-compose.scale.yml", ".env.example", "Makefile")
INTERNAL = {
    "PERENNIAL_STACK": "the supervisor's own, from the process that starts it",
    "PERENNIAL_MLFLOW_LOGIN_DIGEST": "the embedded MLflow's own, from the supervisor",
}


def read_page(name):
    return (FOLDER / name).read_text(encoding="utf-8")


def find_variables():
    """Every PERENNIAL_* that is spelt out in the code; those of the ports are made of the servers' names."""
    places = [ROOT / name for name in READERS]
    files = [file for place in places for file in ([place] if place.is_file() else place.rglob("*")) if file.suffix != ".pyc"]
    texts = [file.read_text(encoding="utf-8") for file in files if file.is_file()]
    spelt = {name for text in texts for name in re.findall(r"PERENNIAL_[A-Z_]*[A-Z]\b", text)}
    return spelt | {f"PERENNIAL_{server.upper()}_PORT" for server in asdict(Ports())}


@pytest.mark.parametrize("name", [name for name in PAGES if not name.startswith("../")])  # test_trust.py knows the other
def test_a_generated_page_is_what_make_reference_writes(name):
    assert PAGES[name]() == read_page(name)


@pytest.mark.parametrize("key", list_keys(), ids=lambda key: key.name)
def test_every_key_has_a_row(key):
    assert f"\n| `{key.name}` | {key.description} |" in read_page("model-file.md")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_heading_and_every_option_a_row(name):
    section = read_page("commands.md").split(f"\n### perennial {name}\n")[1].split("\n### ")[0]
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts if option.startswith("--")}
    assert options == set(re.findall(r"^\| `(--[a-z-]+)", section, flags=re.MULTILINE))


def test_every_command_belongs_to_a_panel_of_the_page():
    assert set() == {command.rich_help_panel for command in COMMANDS.values()} - set(PANELS)


@pytest.mark.parametrize("name", ERRORS)
def test_every_error_has_one_row(name):
    assert 1 == read_page("errors.md").count(f"\n| `{name}` |")


@pytest.mark.parametrize("name", VIEWS)
def test_every_view_is_explained(name):
    assert f"\n`analytics.{name}`: " in read_page("views.md")


def test_every_comment_on_what_analysts_read_is_on_the_page():
    page = read_page("views.md")
    assert [] == [name for _, name in read_comments() if f"`{name.rpartition('.')[2]}`" not in page and name not in page]


def test_every_variable_that_the_code_reads_is_in_the_list():
    """A new one belongs into ml/perennial/config/variables.py; then `make reference`."""
    assert find_variables() - set(INTERNAL) == {variable.name for variable in VARIABLES}


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_every_variable_has_one_row(variable):
    assert 1 == read_page("environment.md").count(f"\n| `{variable.name}` |")


def test_the_ports_without_a_variable_are_those_of_the_code():
    told = {variable.name: variable.default for variable in EMBEDDED_STACK}
    assert {} == {name: port for name, port in asdict(Ports()).items() if told[f"PERENNIAL_{name.upper()}_PORT"] != str(port)}
