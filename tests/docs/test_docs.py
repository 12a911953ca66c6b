"""README.md and architecture.md say what the code does: commands, keys, stages, tables, files."""

import re
import tomllib

import pytest
from pydantic import BaseModel
from typer.main import get_command

from perennial.cli import load_commands
from perennial.config import PLATFORM_SQL, Model
from perennial.pipeline import STAGES
from tests.paths import ROOT

README = (ROOT / "README.md").read_text()
ARCHITECTURE = (ROOT / "architecture.md").read_text()
DOCUMENTS = {path.name: path.read_text() for path in sorted(ROOT.glob("*.md"))}
COMMANDS = set(get_command(load_commands()).commands)


def commands_named_in(text):
    """The subcommands in `perennial X`, inside code only."""
    pieces = re.findall(r"```.*?```|`[^`]*`", text, re.DOTALL)
    return {word for piece in pieces for word in re.findall(r"perennial ([a-z]+)", piece)}


def config_keys(section=Model, prefix=""):
    """Every key of a model file, dotted; a table of sources is written sources.<name>."""
    keys = set()
    for name, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            keys |= config_keys(inner, f"{prefix}{name}.")
        elif name == "sources":
            keys |= config_keys(field.annotation.__args__[1], "sources.<name>.")
        else:
            keys.add(f"{prefix}{name}")
    return keys


def documented_keys():
    """The first cells of the table under the heading Configuration."""
    section = README.split("## Configuration", 1)[1].split("\n## ", 1)[0]
    return set(re.findall(r"^\| `([a-z0-9_.<>]+)` \|", section, re.MULTILINE))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_command_in_a_document_exists(name):
    assert set() == commands_named_in(DOCUMENTS[name]) - COMMANDS


def test_the_table_of_commands_names_every_command():
    section = README.split("## Operating it", 1)[1].split("\n## ", 1)[0]
    cells = "\n".join(re.findall(r"^\| (.+?) \|", section, re.MULTILINE))
    assert COMMANDS == commands_named_in(cells)


def test_the_readme_explains_exactly_the_keys_that_exist():
    assert config_keys() == documented_keys()


def test_the_stages_stand_in_the_order_of_the_code():
    written = re.search(r"^Stages: (.+)$", ARCHITECTURE, re.MULTILINE).group(1)
    assert list(STAGES) == re.findall(r"`(\w+)`", written)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_relative_link_leads_somewhere(name):
    targets = re.findall(r"\]\((?!http)([^)#]+)", DOCUMENTS[name])
    assert [] == [target for target in targets if not (ROOT / target).exists()]


def test_every_make_target_in_the_readme_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set() == set(re.findall(r"`(?:DEMO_EXIT=1 )?make ([a-z-]+)", README)) - targets


def test_every_ledger_table_is_in_the_architecture():
    created = set(
        re.findall(r"create table ledger\.(\w+)", "".join(p.read_text() for p in (PLATFORM_SQL / "schema").glob("*.sql")))
    )
    assert set() == {table for table in created if f"`{table}`" not in ARCHITECTURE}


def test_every_folder_at_the_top_is_in_the_architecture():
    tracked = {"models", "sql", "expectations", "ml", "dags", "plugins", "bench", "tests"}
    assert set() == {folder for folder in tracked if f"{folder}/" not in ARCHITECTURE}


def test_the_example_of_a_model_file_is_a_model():
    example = re.search(r"```toml\n(.*?)```", README, re.DOTALL).group(1)
    assert Model.model_validate(tomllib.loads(example)).name
