"""Folders of one process: private, gone afterwards, and swept when their process was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from datetime import UTC, datetime

import pytest

from perennial.config.folders import borrow_folder, close_to_others, find_forgotten, make_private, sweep_folders
from perennial.stores.registry.keeping import discard_least_used, note_use

CHILD = """
import os, signal, sys
from pathlib import Path
from perennial.config.folders import borrow_folder
with borrow_folder(Path(sys.argv[1]), "killed-") as folder:
    (folder / "model.ubj").write_bytes(b"0" * 1000)
    os.kill(os.getpid(), signal.SIGKILL)
"""
INSTANT = datetime(2026, 1, 1, tzinfo=UTC)


def mode(path):
    return path.stat().st_mode & 0o777


@pytest.fixture(autouse=True)
def open_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def test_every_folder_on_the_way_is_private_and_one_that_was_there_keeps_its_rights(tmp_path):
    (tmp_path / "there").mkdir(mode=0o755)
    made = make_private(tmp_path / "there" / "var" / "artifacts")
    assert [0o755, 0o700, 0o700] == [mode(made.parents[1]), mode(made.parent), mode(made)]


@pytest.mark.parametrize("made", ["airflow", "card", "check", "new", "report"])
def test_a_folder_of_a_moment_is_forgotten_after_a_day(tmp_path, monkeypatch, made):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for age, name in ((90_000, f"perennial-{made}-old"), (80_000, f"perennial-{made}-young"), (90_000, f"{made}-of-others")):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (INSTANT.timestamp() - age,) * 2)
    assert (tmp_path / f"perennial-{made}-old",) == find_forgotten(INSTANT)


def test_what_lies_directly_in_a_folder_is_closed_too(tmp_path):
    (tmp_path / "log").mkdir(mode=0o755)
    (tmp_path / "passwords.json").write_text("{}")
    (tmp_path / "elsewhere").symlink_to("/")
    close_to_others(tmp_path)
    assert [0o700, 0o700, 0o600] == [mode(tmp_path), mode(tmp_path / "log"), mode(tmp_path / "passwords.json")]


def test_a_borrowed_folder_is_gone_afterwards_whatever_happened(tmp_path):
    def fail():
        with borrow_folder(tmp_path, "lapse-") as folder:
            assert 0o700 == mode(folder)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [] == list(tmp_path.iterdir())


def test_what_a_killed_process_left_goes_with_the_next_and_the_living_keep_theirs(tmp_path):
    killed = subprocess.run([sys.executable, "-c", CHILD, tmp_path], check=False)
    assert -signal.SIGKILL == killed.returncode
    (left,) = (path for path in tmp_path.iterdir() if path.is_dir())
    with borrow_folder(tmp_path, "living-") as living:
        assert not left.exists()
        with borrow_folder(tmp_path, "second-") as second:
            assert () == sweep_folders(tmp_path)
            assert living.is_dir()
            assert second.is_dir()
    assert [] == list(tmp_path.iterdir())


def test_versions_that_were_wanted_last_are_kept(tmp_path):
    for number in range(4):
        (tmp_path / f"{number}-run").mkdir()
        os.utime(tmp_path / f"{number}-run", (number, number))
    note_use(tmp_path / "0-run")
    discard_least_used(tmp_path, most=2)
    assert {"0-run", "3-run"} == {path.name for path in tmp_path.iterdir()}
