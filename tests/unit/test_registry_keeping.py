"""Model files that this machine keeps: whole, private, put in place beside whoever reads them, no trap for the next process."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from perennial.errors import RegistryUnavailable
from perennial.stores.registry.keeping import MOST_KEPT, discard_files, discard_least_used, fetch_into, keep_files

FILES = {"contract.json": b"{}", "golden.json": b"[]", "model.ubj": b"0" * 1000}


@pytest.fixture(autouse=True)
def open_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def write(folder: Path, files=FILES):
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def download(files=FILES):
    return lambda staging: write(Path(staging) / "model", files)


def read(folder: Path):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_kept_is_for_its_owner_alone(tmp_path):
    kept = tmp_path / "lapse" / "1-abc"
    fetch_into(kept, download())
    assert FILES == read(kept)
    assert {0o700} == {path.stat().st_mode & 0o777 for path in (kept.parent, kept)}
    assert {0o600} == {path.stat().st_mode & 0o777 for path in kept.iterdir()}


def test_the_second_of_two_that_fetch_at_once_leaves_what_the_first_may_be_reading(tmp_path):
    kept, second = tmp_path / "1-abc", write(tmp_path / "second")
    keep_files(write(tmp_path / "first"), kept)
    before = {path.name: path.stat().st_ino for path in (kept, *kept.iterdir())}
    keep_files(second, kept)
    assert before == {path.name: path.stat().st_ino for path in (kept, *kept.iterdir())}


def test_bytes_are_on_the_disk_before_they_bear_the_name(tmp_path, monkeypatch):
    kept, flush, flushed = tmp_path / "1-abc", os.fsync, {}

    def note(handle):
        flush(handle)
        flushed.setdefault(os.fstat(handle).st_ino, kept.exists())

    monkeypatch.setattr(os, "fsync", note)
    keep_files(write(tmp_path / "fetched"), kept)
    assert {False} == {flushed[path.stat().st_ino] for path in (kept, *kept.iterdir())}
    assert flushed[tmp_path.stat().st_ino]


def test_no_more_versions_of_a_model_are_kept_than_are_needed(tmp_path):
    for number in range(MOST_KEPT + 1):
        fetch_into(tmp_path / f"{number}-abc", download())
    assert MOST_KEPT == len(list(tmp_path.iterdir()))


@pytest.mark.parametrize("stood", [{**FILES, "model.ubj": b"1" * 1000}, {**FILES, "more": b""}, {}])
def test_other_files_make_room(tmp_path, stood):
    kept = write(tmp_path / "1-abc", stood)
    keep_files(write(tmp_path / "fetched"), kept)
    assert FILES == read(kept)
    assert ["1-abc"] == [path.name for path in tmp_path.iterdir()]


def test_what_a_killed_process_was_discarding_is_in_nobodys_way_and_is_swept(tmp_path):
    """In a container every process may bear the same number."""
    kept = write(tmp_path / "1-abc")
    left = [write(tmp_path / f".discarded-1-abc-{os.getpid()}"), tmp_path / ".discarded-2-def-0"]
    left[1].symlink_to("/etc/passwd")
    discard_files(kept)
    assert not kept.exists()
    discard_least_used(tmp_path)
    assert [] == list(tmp_path.iterdir())
    assert Path("/etc/passwd").is_file()


def test_a_full_disk_is_said_in_our_words_and_nothing_is_left(tmp_path):
    def fill(_):
        Path("/dev/full").write_bytes(b"0")

    with pytest.raises(RegistryUnavailable, match=rf"cannot be kept in .*1-abc: .*{os.strerror(errno.ENOSPC)}.* Make room there"):
        fetch_into(tmp_path / "1-abc", fill)
    assert [] == list(tmp_path.iterdir())
