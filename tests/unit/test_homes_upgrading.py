"""`perennial upgrade` against a home that a former version wrote: the test makes that version."""

import hashlib
import json
import shutil

import pytest

from perennial.errors import ConfigError, WouldOverwrite
from perennial.homes import make_home, plan_upgrade, write_upgrade
from perennial.homes.upgrading import State
from perennial.homes.written import recall

FORMER = {
    "Makefile": ("test: ready", "test: ready old"),
    "README.md": ("make help", "make older"),
    ".gitignore": ("var/\n", "var/\nold/\n"),
}


@pytest.fixture
def home(tmp_path):
    """Made by version 0.0.9, whose Makefile, README and .gitignore were others, which had no Dockerfile, and one file more."""
    folder = tmp_path / "home"
    make_home(folder)
    for path, (now, then) in FORMER.items():
        rewrite(folder, path, now, then)
    (folder / "Dockerfile").unlink()
    (folder / "setup.cfg").write_text("[old]\n", encoding="utf-8")
    remember_as_written(folder)
    return folder


def rewrite(home, path, before, after):
    text = (home / path).read_text(encoding="utf-8")
    assert before in text
    (home / path).write_text(text.replace(before, after), encoding="utf-8")


def remember_as_written(home):
    """What lies in the home is what 0.0.9 wrote."""
    shutil.rmtree(home / ".perennial" / "written")
    files = sorted(path.relative_to(home) for path in home.rglob("*") if path.is_file() and ".perennial" not in path.parts)
    digests = {}
    for path in files:
        original = home / ".perennial" / "written" / path
        original.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(home / path, original)
        digests[path.as_posix()] = hashlib.sha256(original.read_bytes()).hexdigest()
    listed = {"version": "0.0.9", "name": "home", "sha256": digests}
    (home / ".perennial" / "written.json").write_text(json.dumps(listed), encoding="utf-8")


def states(home):
    return {upgrade.path: upgrade.state for upgrade in plan_upgrade(home)}


def read_all(home):
    return {path.relative_to(home).as_posix(): path.read_bytes() for path in home.rglob("*") if path.is_file()}


def test_a_new_home_has_nothing_to_upgrade(tmp_path):
    make_home(tmp_path / "home")
    assert set(states(tmp_path / "home").values()) == {State.UNCHANGED}


def test_what_only_we_changed_is_a_new_version(home):
    found = states(home)
    assert {path for path, state in found.items() if state is State.UPDATED} == set(FORMER)


def test_what_only_you_changed_is_yours(home):
    rewrite(home, "models/churn.toml", "coffee@example.com", "me@example.com")
    assert states(home)["models/churn.toml"] is State.YOURS


def test_changes_of_both_in_different_lines_are_merged(home):
    rewrite(home, "Makefile", "PYTHON ?= python3", "PYTHON ?= python3.12")
    (merged,) = [upgrade for upgrade in plan_upgrade(home) if upgrade.path == "Makefile"]
    assert (merged.state, merged.conflicts) == (State.MERGED, 0)
    assert "PYTHON ?= python3.12" in merged.text
    assert "ready old" not in merged.text


def test_changes_of_both_in_the_same_line_are_a_conflict_with_its_places(home):
    rewrite(home, "README.md", "make older", "make mine")
    (found,) = [upgrade for upgrade in plan_upgrade(home) if upgrade.path == "README.md"]
    assert (found.state, found.conflicts) == (State.CONFLICT, 1)
    assert "1 place for you to settle" in found.say()


def test_a_file_that_is_new_in_this_version_is_added(home):
    assert states(home)["Dockerfile"] is State.ADDED


def test_a_new_file_does_not_take_the_place_of_one_that_you_have(home):
    (home / "Dockerfile").write_text("FROM mine\n", encoding="utf-8")
    write_upgrade(home, plan_upgrade(home))
    assert (home / "Dockerfile").read_text(encoding="utf-8") == "FROM mine\n"
    assert "hadolint" in (home / "Dockerfile.new").read_text(encoding="utf-8")


def test_a_file_that_is_no_longer_written_is_named_and_stays(home):
    assert states(home)["setup.cfg"] is State.DROPPED
    write_upgrade(home, plan_upgrade(home))
    assert (home / "setup.cfg").is_file()


def test_a_file_that_you_deleted_stays_away(home):
    (home / "README.md").unlink()
    write_upgrade(home, plan_upgrade(home))
    assert not (home / "README.md").exists()


def test_looking_changes_nothing(home):
    before = read_all(home)
    plan_upgrade(home)
    assert read_all(home) == before


def test_writing_touches_no_file_that_you_edited(home):
    rewrite(home, "README.md", "make older", "make mine")
    rewrite(home, "Makefile", "PYTHON ?= python3", "PYTHON ?= python3.12")
    yours = {path: (home / path).read_bytes() for path in ("README.md", "Makefile")}
    written = write_upgrade(home, plan_upgrade(home))
    assert {path: (home / path).read_bytes() for path in yours} == yours
    assert set(written) == {".gitignore", "Dockerfile", "Makefile.new", "README.md.new"}


def test_after_writing_nothing_is_new(home):
    write_upgrade(home, plan_upgrade(home))
    assert {upgrade.path for upgrade in plan_upgrade(home) if upgrade.is_news} == set()


def test_a_conflict_that_was_settled_is_yours_from_then_on(home):
    rewrite(home, "README.md", "make older", "make mine")
    write_upgrade(home, plan_upgrade(home))
    (home / "README.md.new").unlink()
    assert states(home)["README.md"] is State.YOURS


def test_a_merge_that_nobody_has_taken_over_yet_is_not_overwritten(home):
    rewrite(home, "README.md", "make older", "make mine")
    (home / "README.md.new").write_text("half done\n", encoding="utf-8")
    before = read_all(home)
    with pytest.raises(WouldOverwrite, match=r"README\.md\.new"):
        write_upgrade(home, plan_upgrade(home))
    assert read_all(home) == before


def test_the_home_remembers_the_version_that_wrote_last(home):
    assert recall(home).version == "0.0.9"
    write_upgrade(home, plan_upgrade(home))
    assert recall(home).version != "0.0.9"


def test_a_home_that_forgot_what_was_written_says_what_to_do(home):
    shutil.rmtree(home / ".perennial")
    with pytest.raises(ConfigError, match=r"has no \.perennial/written\.json.+Restore it"):
        plan_upgrade(home)


def test_an_original_that_somebody_edited_is_noticed(home):
    rewrite(home / ".perennial" / "written", "Makefile", "old", "edited")
    with pytest.raises(ConfigError, match="is not what was written there"):
        plan_upgrade(home)
