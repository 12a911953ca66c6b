"""Model files that this machine keeps from MLflow: a folder for each version, put in its place whole or not at all."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from perennial.records import Version

MOST_KEPT = 24
"""Versions of a model: the champion, its former fits, those under test, and what an assessment of past weeks walks over."""


def find_kept(version: Version, cache: Path) -> Path:
    """Where the files of a version are kept, whether they are there or not."""
    return cache / version.model / f"{version.version}-{version.mlflow_run_id}"


def keep_files(fetched: Path, folder: Path) -> None:
    """Move whole files to their place, on disk before they bear the name; what stood there is discarded.

    If somebody else puts theirs there at the same time, theirs are as good.
    """
    for file in (*(path for path in fetched.rglob("*") if path.is_file()), fetched):
        _flush(file)
    discard_files(folder)
    try:
        fetched.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
    _flush(folder.parent)


def discard_files(folder: Path) -> None:
    """Take kept files away, whatever they are now; a process that reads them at this moment misses them and fetches anew."""
    aside = folder.with_name(f".discarded-{folder.name}-{os.getpid()}")
    with suppress(FileNotFoundError):
        folder.rename(aside)
        shutil.rmtree(aside) if aside.is_dir() and not aside.is_symlink() else aside.unlink()


def note_use(folder: Path) -> None:
    """Say that the kept files of a version were wanted now."""
    with suppress(OSError):
        os.utime(folder, follow_symlinks=False)


def discard_least_used(folder: Path, most: int = MOST_KEPT) -> None:
    """Of one model, keep the files of the versions that were wanted last; others are fetched anew when they are wanted."""
    kept = sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=lambda path: path.lstat().st_mtime)
    for each in kept[: max(0, len(kept) - most)]:
        discard_files(each)


def _flush(path: Path) -> None:
    """Have the operating system write a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
