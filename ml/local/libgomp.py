"""LightGBM needs the system's libgomp.so.1, which slim systems lack; scikit-learn brings a copy that can stand in."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from ml.errors import StackError
from ml.local.addresses import find_var

LIBRARY = "libgomp.so.1"
VARIABLE = "LD_LIBRARY_PATH"


def has_libgomp() -> bool:
    """Whether the dynamic linker of this process finds the library."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return False
    return True


def link_libgomp(var: Path) -> Path:
    """Make a folder with a link to scikit-learn's copy; returns the folder.

    Raises:
        StackError: neither the system nor scikit-learn has one.
    """
    found = importlib.util.find_spec("sklearn")
    place = Path(found.origin).parents[1] / "scikit_learn.libs" if found and found.origin else Path()
    copies = sorted(place.glob("libgomp*.so*"))
    if not copies:
        raise StackError(f"{LIBRARY} is missing, and LightGBM needs it: install it (on Debian: `apt-get install libgomp1`).")
    folder = var / "lib"
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / LIBRARY
    if not link.is_symlink() or link.readlink() != copies[0]:
        link.unlink(missing_ok=True)
        link.symlink_to(copies[0])
    return folder


def library_environment(var: Path, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a server must be told so that it finds the library: nothing where the system has it."""
    if has_libgomp():
        return {}
    return {VARIABLE: _prepend(str(link_libgomp(var)), environment.get(VARIABLE, ""))}


def ensure_openmp(var: Path | None = None) -> None:
    """Start this command again with the library in reach: the linker reads its path once, before Python starts."""
    place = var or find_var()
    if has_libgomp() or str(place / "lib") in os.environ.get(VARIABLE, "").split(":"):
        return
    os.environ.update(library_environment(place))
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - this very command


def _prepend(folder: str, path: str) -> str:
    return f"{folder}:{path}" if path else folder
