"""`perennial init`: a home whose every file is in its place, and no file of anybody else's touched."""

import re
import tomllib

import pytest

from perennial.config import load_declaration
from perennial.errors import ConfigError, WouldOverwrite
from perennial.homes import make_home
from perennial.homes.commenting import comment_model
from perennial.homes.files import SHARED
from tests.paths import ROOT

HOME_FOLDERS = {"deploy", "models", "sql", "expectations", "tests", "dags", "plugins"}


def read_all(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("homes") / "Coffee & Co"
    make_home(folder)
    return folder


def test_every_folder_of_a_home_is_there(home):
    assert {path.name for path in home.iterdir() if path.is_dir() and path.name[0] != "."} == HOME_FOLDERS


def test_its_model_loads(home):
    assert load_declaration(home, "churn").model.description == "Subscription is cancelled within 14 days"


def test_what_it_shares_with_the_repository_is_the_same_byte_for_byte(home):
    assert {name: (home / name).read_bytes() for name in SHARED} == {name: (ROOT / name).read_bytes() for name in SHARED}


def test_nothing_of_the_template_is_left_to_fill_in(home):
    own = {name: content for name, content in read_all(home).items() if name not in SHARED and ".perennial" not in name}
    assert [name for name, content in own.items() if re.search(rb"@[A-Z]+@", content)] == []


def test_it_is_named_after_its_folder_and_pins_this_release(home):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    project = tomllib.loads((home / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (project["name"], project["dependencies"]) == ("coffee-co", [f"perennial[local]=={version}"])


def test_its_readme_has_about_ten_lines(home):
    lines = (home / "README.md").read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line]) <= 12


def test_every_target_of_its_makefile_that_the_readme_names_exists(home):
    targets = set(re.findall(r"^([a-z]+):", (home / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)", (home / "README.md").read_text(encoding="utf-8"))) <= targets


def test_git_keeps_what_upgrade_needs_and_no_secret(home):
    ignored = (home / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert ".env" in ignored
    assert not [line for line in ignored if line.startswith(".perennial")]


@pytest.mark.parametrize("taken", ["Makefile", "dags/score.py", ".perennial"])
def test_a_folder_that_holds_such_a_file_is_refused_and_left_alone(tmp_path, taken):
    (tmp_path / taken).parent.mkdir(exist_ok=True)
    (tmp_path / taken).write_text("mine", encoding="utf-8")
    with pytest.raises(WouldOverwrite, match=re.escape(taken)):
        make_home(tmp_path)
    assert read_all(tmp_path) == {taken: b"mine"}


def test_other_files_of_the_folder_stay(tmp_path):
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    make_home(tmp_path)
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_a_file_is_no_folder_for_a_home(tmp_path):
    (tmp_path / "home").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match="is a file"):
        make_home(tmp_path / "home")


def test_a_key_is_explained_where_it_stands_first():
    text = "[sources.a]\nkey = 1\n\n[sources.b]\nkey = 2\n"
    commented = comment_model(text, {"sources.<name>.key": "what it means"})
    assert commented.splitlines() == ["[sources.a]", f"{'key = 1':<39} # what it means", "", "[sources.b]", "key = 2"]


def test_a_long_explanation_stands_above():
    assert comment_model("key = 1\n", {"key": "x" * 100}) == f"# {'x' * 100}\nkey = 1\n"
