"""LightGBM needs the system's libgomp.so.1, which slim systems lack; scikit-learn brings a copy that can stand in."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from perennial.errors import StackError

LIBRARY = "libgomp.so.1"
VARIABLE = "LD_LIBRARY_PATH"


def has_libgomp() -> bool:
    """Whether the dynamic linker of this process finds the library."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return False
    return True


def link_libgomp(folder: Path) -> Path:
    """Put a link to scikit-learn's copy into a folder; returns the folder.

    Raises:
        StackError: neither the system nor scikit-learn has one.
    """
    found = importlib.util.find_spec("sklearn")
    place = Path(found.origin).parents[1] / "scikit_learn.libs" if found and found.origin else Path()
    copies = sorted(place.glob("libgomp*.so*"))
    if not copies:
        raise StackError(f"{LIBRARY} is missing, and LightGBM needs it: install it (on Debian: `apt-get install libgomp1`).")
    link = folder / LIBRARY
    if not link.is_symlink() or link.readlink() != copies[0]:
        folder.mkdir(parents=True, exist_ok=True)
        fresh = folder / f"{LIBRARY}.{os.getpid()}"  # another command may be doing the same
        fresh.symlink_to(copies[0])
        fresh.replace(link)
    return folder


def find_library_folder() -> Path:
    """Where the link lies: in the environment that this program is installed in, whatever home it works for."""
    return Path(sys.prefix) / "share" / "perennial" / "lib"


def library_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a server must be told so that it finds the library: nothing where the system has it."""
    if has_libgomp():
        return {}
    return {VARIABLE: _prepend(str(link_libgomp(find_library_folder())), environment.get(VARIABLE, ""))}


def ensure_openmp() -> None:
    """Start this command again with the library in reach: the linker reads its path once, before Python starts."""
    if has_libgomp() or str(find_library_folder()) in os.environ.get(VARIABLE, "").split(":"):
        return
    os.environ.update(library_environment())
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - this very command


def _prepend(folder: str, path: str) -> str:
    return f"{folder}:{path}" if path else folder
