"""Which commit of its git repository a home is."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

CHANGED = "+changes"


def find_commit(home: Path) -> str | None:
    """The commit of the repository in which the home lies; with `+changes` where files of the home are not in it.

    None where it lies in no repository, git is not there, or git refuses to read it, as that of another account.
    """
    git = shutil.which("git")
    head = _ask(git, home, "rev-parse", "--verify", "HEAD") if git else None
    if git is None or head is None:
        return None
    return head + (CHANGED if _ask(git, home, "status", "--porcelain", "--", ".") else "")


def _ask(git: str, home: Path, *words: str) -> str | None:
    done = subprocess.run([git, "-C", str(home), *words], capture_output=True, text=True, check=False)  # noqa: S603 - no shell
    return done.stdout.strip() if done.returncode == 0 else None
