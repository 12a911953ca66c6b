"""A version ready to score: from the files that this machine keeps, without asking MLflow, when they are what was trained."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

from perennial.errors import ArtifactCorrupt
from perennial.predictor import Predictor, load_predictor
from perennial.records import Version
from perennial.stores.registry.keeping import find_kept, note_use

log = logging.getLogger(__name__)

CACHE = "versions"
"""Where, among the artifacts of an installation, model files are kept."""


def load_kept(version: Version, cache: Path, fetch: Callable[[], Path], *, threads: int = 2) -> Predictor:
    """Open the files that are kept; where there are none, or not the right ones, those that `fetch` puts into its folder.

    Raises:
        ArtifactCorrupt: files that were fetched just now differ from what the training wrote.
    """
    kept = find_kept(version, cache)
    if os.path.lexists(kept):
        try:
            note_use(kept)
            return load_predictor(kept, version.manifest, threads=threads)
        except ArtifactCorrupt as damage:
            log.warning("%s, version %d: what this machine keeps is fetched anew. %s", version.model, version.version, damage)
    fetched = fetch()
    try:
        return load_predictor(fetched, version.manifest, threads=threads)
    except ArtifactCorrupt as damage:
        raise ArtifactCorrupt(
            f"{damage} MLflow has handed them out just now: restore there the files of version {version.version} from a backup, "
            f"or put the former champion back with `perennial rollback {version.model}`."
        ) from damage
