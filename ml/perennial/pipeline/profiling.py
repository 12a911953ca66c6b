"""The profile of what a version was trained on: made once of rows, kept with the version's MLflow run, and read every day after.

It names what it was made of. When that has changed (a day was built again, entities were erased, a column joined the checked
ones), it is made again and replaces the former, so that a check says what it would say of the rows.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import replace

from perennial.errors import RegistryUnavailable
from perennial.monitor import ReferenceProfile, load_profile, profile_reference
from perennial.pipeline.promised import read_promised
from perennial.pipeline.walking import Walk
from perennial.predictor import Predictor
from perennial.records import Version
from perennial.stores import ledger, warehouse
from perennial.tasks import find_published

PROFILE = "profile.json"
LAYOUT = "1"
"""Of the file and of the bins; a profile of another layout is made again."""
log = logging.getLogger(__name__)


def find_profile(walk: Walk, version: Version, predictor: Predictor) -> ReferenceProfile:
    """The kept one where it still holds; else a new one, kept from now on. Without MLflow it is made of rows and not kept."""
    names, made_of = _describe(walk, version, predictor)
    registry, run_id = walk.stores.registry, version.mlflow_run_id
    try:
        if (kept := _read(registry.read_file(run_id, PROFILE), made_of)) is not None:
            return kept
        made = _make(walk, version, names)
        registry.keep_profile(run_id, PROFILE, json.dumps({"made_of": made_of, "profile": made.dump()}))
    except RegistryUnavailable as error:
        log.warning("%s: the profile of version %d cannot be kept, so it is made of rows. %s", walk.run, version.version, error)
        return _make(walk, version, names)
    return made


def _describe(walk: Walk, version: Version, predictor: Predictor) -> tuple[list[str], str]:
    """The columns that are checked, and a hash of all that the profile follows from; no row is read."""
    model = walk.declaration.model
    known = {*predictor.contract.names, *model.training.exclude} - {*model.asides}  # a younger column cannot have drifted
    sides = [version, replace(version, training_as_ofs=version.holdout_as_ofs)] if version.holdout_as_ofs else [version]
    with walk.stores.warehouse.transaction() as session:
        columns = [column for column in warehouse.read_columns(session, model.name) if column.name in known]
        days = [warehouse.hash_training_days(session, side) for side in sides]
    typed = [f"{column.name} {column.type}" for column in columns]
    parts: Sequence[str] = [LAYOUT, version.mlflow_run_id, *days, *typed]
    return [column.name for column in columns], hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _read(content: bytes | None, made_of: str) -> ReferenceProfile | None:
    if content is None:
        return None
    kept = json.loads(content)
    return load_profile(kept["profile"]) if kept["made_of"] == made_of else None


def _make(walk: Walk, version: Version, names: Sequence[str]) -> ReferenceProfile:
    with walk.stores.warehouse.transaction() as session:
        training = warehouse.read_training_set(session, walk.declaration, version.training_as_ofs)
        entry = ledger.get_recipe(session, version.model, version.recipe)
    promised = find_published(read_promised(walk, entry, version, training))
    return profile_reference(training.features[list(names)], promised)
