"""Folders that only their owner enters, whatever the umask says."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

LOCK = ".lock"
TEMPORARY = tuple(f"perennial-{made}-*" for made in ("airflow", "card", "check", "new", "report"))
"""Folders of a moment among the system's temporary files; a process that was killed leaves its own."""
OF_LONG_AGO = timedelta(days=1)


def make_private(folder: Path) -> Path:
    """Make a folder, and those above it that are missing, for the owner alone; one that is there keeps its rights."""
    for each in (*reversed(folder.parents), folder):
        each.mkdir(mode=0o700, exist_ok=True)
    return folder


def close_to_others(folder: Path) -> None:
    """Take from everybody but the owner what they may do with a folder and with what lies directly in it."""
    for each in (folder, *folder.iterdir()):
        if not each.is_symlink():
            each.chmod(each.stat().st_mode & 0o700)


@contextmanager
def borrow_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A folder of this process alone below `parent`, gone afterwards; what killed processes have left there goes before.

    Whoever lives holds the lock of a file beside its folder, which the kernel lets go with the process, however it ends.
    """
    make_private(parent)
    sweep_folders(parent)
    while (held := _try_hold(parent / f"{prefix}{secrets.token_hex(4)}{LOCK}")) is None:
        pass  # a sweeper had it in its hands
    lock, descriptor = held
    folder = lock.with_name(lock.name.removesuffix(LOCK))
    try:
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.unlink(missing_ok=True)
        os.close(descriptor)


def sweep_folders(parent: Path) -> tuple[Path, ...]:
    """Take away the borrowed folders of processes that have ended; returns them."""
    swept = []
    for lock in parent.glob(f"*{LOCK}"):
        held = _try_hold(lock)
        if held is None:
            continue
        folder = lock.with_name(lock.name.removesuffix(LOCK))
        shutil.rmtree(folder, ignore_errors=True)
        lock.unlink(missing_ok=True)
        os.close(held[1])
        swept.append(folder)
    return tuple(swept)


def find_abandoned(parent: Path) -> tuple[Path, ...]:
    """The borrowed folders anywhere below `parent` of processes that have ended; they are left where they are."""
    found = []
    for lock in sorted(parent.rglob(f"*{LOCK}")):
        held = _try_hold(lock)
        if held is not None:
            os.close(held[1])
            found.append(lock.with_name(lock.name.removesuffix(LOCK)))
    return tuple(found)


@contextmanager
def changing_alone(folder: Path) -> Iterator[None]:
    """Whoever else changes what a folder holds waits; where its disk knows no locks, whoever comes last is right."""
    import fcntl  # noqa: PLC0415 - Windows has none, and this module must load there

    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def remove_file(path: Path, root: Path) -> None:
    """Delete a file, and the folders above it that are empty then, up to a root; what is gone already is passed over."""
    path.unlink(missing_ok=True)
    with suppress(OSError):  # a folder is not empty
        for folder in path.parents:
            if folder == root:
                break
            folder.rmdir()


def find_forgotten(instant: datetime) -> tuple[Path, ...]:
    """Our folders among the system's temporary files that nobody has touched for a day."""
    found = (path for name in TEMPORARY for path in Path(tempfile.gettempdir()).glob(name))
    return tuple(sorted(path for path in found if is_forgotten(path, instant)))


def is_forgotten(path: Path, instant: datetime) -> bool:
    """This account's, and not touched for a day; what is gone meanwhile is not."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    return found.st_uid == os.getuid() and instant.timestamp() - found.st_mtime > OF_LONG_AGO.total_seconds()


def _try_hold(lock: Path) -> tuple[Path, int] | None:
    """The lock of a file for as long as its descriptor is open; None while another process has it, or has just taken it away."""
    import fcntl  # noqa: PLC0415 - Windows has none, and this module must load there

    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if lock.stat().st_ino == os.fstat(descriptor).st_ino:
            return lock, descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None
