"""Folders that only their owner enters, whatever the umask says."""

from __future__ import annotations

from pathlib import Path


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
