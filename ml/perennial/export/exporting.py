"""What is exported, and into which folder: new, and whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from perennial.config import require_extra
from perennial.errors import WouldOverwrite
from perennial.export.feast import write_repository
from perennial.export.native import Exported, write_native
from perennial.pipeline import Stores
from perennial.pipeline.champion import find_movement, load_version
from perennial.stores import ledger, warehouse
from perennial.stores.registry import find_kept
from perennial.stores.registry.loading import CACHE

Format = Literal["native", "onnx", "feast"]


@dataclass(frozen=True)
class Wish:
    """What somebody wants.

    Attributes:
        version: its number; None: the champion at `clock`. Snapshots have none.
    """

    model: str
    format: Format
    clock: datetime
    version: int | None = None


def export(stores: Stores, wish: Wish, folder: Path) -> Mapping[str, object]:
    """Write the folder; what it holds, for people.

    Raises:
        WouldOverwrite: something of that name is there.
        ExportRefused: another system would not say the same.
        ExtraMissing: `onnx` without its libraries.
        NoChampionYet, VersionMissing, ArtifactCorrupt, RegistryUnavailable: there is no such version, or its files are lost.
    """
    if folder.exists() or folder.is_symlink():
        raise WouldOverwrite(f"{folder} is there already: nothing was written. Name another folder with --to.")
    if wish.format == "onnx":
        require_extra("onnx", "`perennial export --format onnx`")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.", ignore_cleanup_errors=True) as borrowed:
        whole = Path(borrowed) / "whole"
        whole.mkdir()
        facts = _write_snapshots(stores, wish, whole) if wish.format == "feast" else _write_version(stores, wish, whole)
        with suppress(FileExistsError):
            whole.rename(folder)
            return {**facts, "folder": str(folder)}
    raise WouldOverwrite(f"{folder} came into being meanwhile: nothing was written. Name another folder with --to.")


def _write_snapshots(stores: Stores, wish: Wish, folder: Path) -> Mapping[str, object]:
    model = stores.declaration(wish.model).model
    with stores.warehouse.transaction() as session:
        columns = warehouse.read_columns(session, wish.model)
    return write_repository(folder, model, columns)


def _write_version(stores: Stores, wish: Wish, folder: Path) -> Mapping[str, object]:
    model = stores.declaration(wish.model).model
    number = wish.version or find_movement(stores, wish.model, wish.clock).version
    with stores.warehouse.transaction() as session:
        version = ledger.get_version(session, wish.model, number)
    predictor = load_version(stores, version)  # whole and proven, or nothing is written
    exported = Exported(model, version, predictor, find_kept(version, stores.settings.artifacts / CACHE))
    if wish.format == "native":
        return write_native(folder, exported)
    from perennial.export.onnx_folder import write_onnx  # noqa: PLC0415 - wants the extra

    return write_onnx(folder, exported)
