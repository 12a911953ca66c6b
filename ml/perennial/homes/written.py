"""What a home remembers of the files that it was given: the version that wrote them, and each as it was written.

It lies in `.perennial/` of the home and belongs into its repository: without it nobody can tell a user's change from ours.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from perennial.errors import ConfigError

FOLDER = ".perennial"
LIST = "written.json"
ORIGINALS = "written"


@dataclass(frozen=True)
class Written:
    """The files of a home as they were written: the version that wrote them, the project's name, path -> text."""

    version: str
    name: str
    files: Mapping[str, str]


class _List(BaseModel):
    """The list beside the originals; a hash that does not fit says that somebody edited one of them."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    version: str
    name: str
    sha256: dict[str, str]


def remember(home: Path, name: str, files: Mapping[str, str]) -> None:
    """Keep the files as this version wrote them, instead of what was kept before; the list comes last."""
    originals = home / FOLDER / ORIGINALS
    for path, text in files.items():
        place = originals / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    for path in _list_originals(originals) - set(files):
        (originals / path).unlink()
    kept = _List(version=version("perennial"), name=name, sha256={path: _hash(text) for path, text in files.items()})
    (home / FOLDER / LIST).write_text(json.dumps(kept.model_dump(), indent=2) + "\n", encoding="utf-8")


def recall(home: Path) -> Written:
    """Read what was kept.

    Raises:
        ConfigError: nothing was, or it was edited.
    """
    path = home / FOLDER / LIST
    if not path.is_file():
        raise ConfigError(
            f"{home} has no {FOLDER}/{LIST}: it was not made by `perennial init`, or its repository leaves that folder out. "
            "Restore it, or make a new home with `perennial init DIR` and move your models there."
        )
    try:
        kept = _List.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ConfigError(f"{path} cannot be read; restore it from your repository: {error}") from error
    return Written(kept.version, kept.name, {name: _read_original(home, name, digest) for name, digest in kept.sha256.items()})


def _read_original(home: Path, name: str, digest: str) -> str:
    path = home / FOLDER / ORIGINALS / name
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if _hash(text) != digest:
        raise ConfigError(f"{path} is not what was written there: restore it from your repository. Edit {name} instead.")
    return text


def _list_originals(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
