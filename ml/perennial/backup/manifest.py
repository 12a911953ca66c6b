"""What a backup holds, in `manifest.json`, which is written last: a folder without it is no backup."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from perennial.errors import ConfigError

FORMAT = 1
NAME = "manifest.json"
WAREHOUSE, MLFLOW, FILES = "warehouse.dump", "mlflow.dump", "files.tar.gz"
PARTS = (WAREHOUSE, MLFLOW, FILES)
CHUNK = 1 << 20


@dataclass(frozen=True)
class Part:
    """One file of a backup."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """A whole backup.

    Attributes:
        format: of the folder.
        made_at: when it was begun: what it holds was so a moment later.
        release: of the program that made it.
        migration: the newest of its ledger, as `021_events`.
        with_source: the rows of the schema `source` are in it.
        rows: of each table in the warehouse.
        parts: each file.
        home_commit: of the git repository in which the home lay, with `+changes` where files of the home were not in it.
    """

    format: int
    made_at: datetime
    release: str
    migration: str
    with_source: bool
    rows: Mapping[str, int]
    parts: Mapping[str, Part]
    home_commit: str | None = None


_MANIFESTS = TypeAdapter(Manifest)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write it into the folder of a backup whose other files are whole."""
    (folder / NAME).write_bytes(_MANIFESTS.dump_json(manifest, indent=1))


def read_manifest(folder: Path) -> Manifest:
    """Read it, and every file that it names, to see that all are as they were.

    Raises:
        ConfigError: this is no backup, one of another format, or a file is missing or changed.
    """
    try:
        manifest = _MANIFESTS.validate_json((folder / NAME).read_bytes())
    except OSError as error:
        raise ConfigError(f"{folder} is no whole backup, for it holds no {NAME}: name a folder of `perennial backup`.") from error
    except ValidationError as error:
        raise ConfigError(f"{folder / NAME} cannot be read ({error.error_count()} faults): take another backup.") from error
    if manifest.format != FORMAT or set(manifest.parts) != set(PARTS):
        raise ConfigError(
            f"{folder} has the format {manifest.format}, this program knows {FORMAT}: use the release that made it."
        )
    for name, part in manifest.parts.items():
        if not (folder / name).is_file():
            raise ConfigError(f"{folder}: {name} is missing; nothing was restored. Take another backup.")
        found = describe_part(folder / name)
        if found != part:
            raise ConfigError(
                f"{folder}: {name} is damaged: {found.size} bytes with SHA-256 {found.sha256[:12]}, expected {part.size} with "
                f"{part.sha256[:12]}; nothing was restored. Take another backup."
            )
    return manifest


def describe_part(path: Path) -> Part:
    """Size and checksum of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as content:
        while chunk := content.read(CHUNK):
            digest.update(chunk)
    return Part(path.stat().st_size, digest.hexdigest())
