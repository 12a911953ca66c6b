"""`perennial init`: a home that runs, in a folder that holds nothing of the kind yet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from perennial.errors import ConfigError, WouldOverwrite
from perennial.homes.files import normalise, render_home
from perennial.homes.written import FOLDER, remember

SHOWN = 5


def make_home(folder: Path) -> tuple[str, ...]:
    """Write every file of a new home, and what `perennial upgrade` needs to know of them; returns their paths.

    Raises:
        WouldOverwrite: a file of that name is there already; nothing was written.
        ConfigError: the folder is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file: name a folder that is new, or holds none of the files of a home.")
    name = normalise(folder.absolute().name)
    files = render_home(name)
    _refuse_to_overwrite(folder, files)
    for path, text in files.items():
        write_new(folder / path, text)
    remember(folder, name, files)
    return tuple(files)


def write_new(place: Path, text: str) -> None:
    """Write a file that is not there yet."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("x", encoding="utf-8") as file:
        file.write(text)


def _refuse_to_overwrite(folder: Path, files: Mapping[str, str]) -> None:
    found = [path for path in (*files, FOLDER) if (folder / path).exists()]
    if found:
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise WouldOverwrite(
            f"{folder} already holds {', '.join(found[:SHOWN])}{more}: nothing was written. Name another folder; in a home that "
            "`perennial init` made, `perennial upgrade` brings what is new."
        )
