"""Model files that this machine keeps from MLflow: a folder for each version, put in its place whole or not at all."""

from __future__ import annotations

import filecmp
import os
import secrets
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from perennial.config.folders import borrow_folder, changing_alone
from perennial.errors import RegistryUnavailable
from perennial.records import Version

MOST_KEPT = 24
"""Versions of a model: the champion, its former fits, those under test, and what an assessment of past weeks walks over."""
DISCARDED = ".discarded-"


def find_kept(version: Version, cache: Path) -> Path:
    """Where the files of a version are kept, whether they are there or not."""
    return cache / version.model / f"{version.version}-{version.mlflow_run_id}"


def fetch_into(folder: Path, download: Callable[[str], Path]) -> None:
    """Keep what `download` puts below the folder that it is given; of other versions those that were wanted last.

    Raises:
        RegistryUnavailable: this machine cannot keep them, for want of room or rights.
    """
    try:
        with borrow_folder(folder.parent, ".fetching-") as staging:
            keep_files(download(str(staging)), folder)
        discard_least_used(folder.parent)
    except OSError as error:
        raise RegistryUnavailable(
            f"What MLflow hands out cannot be kept in {folder}: {error}. Make room there, or correct who may write there "
            "(PERENNIAL_ARTIFACTS names another place), and run the same command again."
        ) from error


def keep_files(fetched: Path, folder: Path) -> None:
    """Move whole files to their place, on disk before they bear the name, for this account alone; what stood there is discarded.

    The same files stay where they are: somebody else has put them there meanwhile, and may be reading them.
    """
    for path in (*fetched.rglob("*"), fetched):
        path.chmod(0o700 if path.is_dir() else 0o600)
        _flush(path)
    with changing_alone(folder.parent):
        if _is_same(fetched, folder):
            return
        discard_files(folder)
        fetched.rename(folder)
    _flush(folder.parent)


def discard_files(folder: Path) -> None:
    """Take kept files away, whatever they are now; a process that reads them at this moment misses them and fetches anew."""
    aside = folder.with_name(f"{DISCARDED}{folder.name}-{secrets.token_hex(4)}")
    with suppress(FileNotFoundError):
        folder.rename(aside)
        _delete(aside)


def note_use(folder: Path) -> None:
    """Say that the kept files of a version were wanted now."""
    with suppress(OSError):
        os.utime(folder, follow_symlinks=False)


def discard_least_used(folder: Path, most: int = MOST_KEPT) -> None:
    """Of one model, keep the files of the versions that were wanted last; others are fetched anew when they are wanted."""
    for each in folder.glob(f"{DISCARDED}*"):  # of processes that were killed in between
        _delete(each)
    kept = sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=lambda path: path.lstat().st_mtime)
    for each in kept[: max(0, len(kept) - most)]:
        discard_files(each)


def _is_same(one: Path, other: Path) -> bool:
    """Do two folders hold the same regular files?"""
    try:
        names = sorted(path.name for path in one.iterdir())
        if names != sorted(path.name for path in other.iterdir()):
            return False
        regular = all(stat.S_ISREG((other / name).lstat().st_mode) for name in names)
        return regular and all(filecmp.cmp(one / name, other / name, shallow=False) for name in names)
    except OSError:
        return False


def _delete(path: Path) -> None:
    """Whatever it is, as far as this account may; a nightly check names what is left."""
    with suppress(OSError):
        if stat.S_ISDIR(path.lstat().st_mode):
            path.chmod(0o700)
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def _flush(path: Path) -> None:
    """Have the operating system write a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
