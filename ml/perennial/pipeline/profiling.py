"""The profile of what a version was trained on: made once of rows, kept with the version's MLflow run, and read every day after.

It names what it was made of. When that has changed (a day was built or published again, entities were erased, a column
joined), or when it is damaged, it is made again and replaces the former, so that a check says what it would say of the rows.
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
from perennial.records import TrainingSet, Version
from perennial.stores import ledger, warehouse
from perennial.stores.registry import Registry
from perennial.stores.sessions import Session
from perennial.tasks import find_published

PROFILE = "profile.json"
LAYOUT = "1"
"""Of the file and of the bins; a profile of another layout is made again."""
log = logging.getLogger(__name__)


def find_profile(walk: Walk, version: Version, predictor: Predictor, training: TrainingSet | None = None) -> ReferenceProfile:
    """The kept one where it still holds; else a new one, kept from now on. Without MLflow it is made of rows and not kept.

    Args:
        training: the rows of the version, for whoever holds them already.
    """
    names, made_of = _describe(walk, version, predictor)
    registry, run_id = walk.stores.registry, version.mlflow_run_id
    try:
        if (kept := _read(registry.read_file(run_id, PROFILE), made_of)) is not None:
            return kept
    except RegistryUnavailable as error:
        log.warning("%s: the profile of version %d cannot be read, so it is made of rows. %s", walk.run, version.version, error)
        return _make(walk, version, names, training)
    made = _make(walk, version, names, training)
    if _describe(walk, version, predictor)[1] != made_of:  # a day was built anew meanwhile: the next check makes it again
        return made
    try:
        registry.keep_profile(run_id, PROFILE, _write(made, made_of))
    except RegistryUnavailable as error:
        log.warning("%s: the profile of version %d cannot be kept. %s", walk.run, version.version, error)
    return made


def keep_first_profile(walk: Walk, version: Version, predictor: Predictor, training: TrainingSet | None) -> None:
    """Keep the profile of a version that was made just now; what does not answer now costs its first check the rows."""
    try:
        find_profile(walk, version, predictor, training)
    except RegistryUnavailable as error:
        log.warning("%s: version %d has no profile before its first check. %s", walk.run, version.version, error)


def drop_profiles(registry: Registry, versions: Sequence[Version]) -> None:
    """Empty the profiles of versions whose rows are going; each is made again when somebody checks its version."""
    left = list(versions)
    try:
        while left:
            run_id = left[-1].mlflow_run_id
            if registry.read_file(run_id, PROFILE) is not None:
                registry.keep_profile(run_id, PROFILE, "{}")
            left.pop()
    except RegistryUnavailable as error:
        runs = ", ".join(version.mlflow_run_id for version in left)
        log.warning(
            "%s stays in these runs until their versions are checked again: delete it there. %s. %s", PROFILE, runs, error
        )


def _describe(walk: Walk, version: Version, predictor: Predictor) -> tuple[list[str], str]:
    """The columns that are checked, and a hash of all that the profile follows from; no row is read."""
    model = walk.declaration.model
    known = {*predictor.contract.names, *model.training.exclude} - {*model.asides}  # a younger column cannot have drifted
    with walk.stores.warehouse.transaction() as session:
        columns = [column for column in warehouse.read_columns(session, model.name) if column.name in known]
        sources = _list_sources(session, version)
    typed = [f"{column.name} {column.type}" for column in columns]
    parts: Sequence[str] = [LAYOUT, version.mlflow_run_id, *sources, *typed]
    return [column.name for column in columns], hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _list_sources(session: Session, version: Version) -> list[str]:
    """The rows of the training days and of the held out ones, and what was published for the latter."""
    if not version.holdout_as_ofs:
        return [warehouse.hash_training_days(session, version)]
    sides = (version, replace(version, training_as_ofs=version.holdout_as_ofs))
    attempts = ledger.published_by(session, version.model, version.recipe, version.holdout_as_ofs)
    published = (f"{day} {attempts[day]}" for day in sorted(attempts))
    return [*(warehouse.hash_training_days(session, side) for side in sides), *published]


def _write(made: ReferenceProfile, made_of: str) -> str:
    profile = made.dump()
    return json.dumps({"made_of": made_of, "sha256": _hash(profile), "profile": profile})


def _read(content: bytes | None, made_of: str) -> ReferenceProfile | None:
    """None where nothing is kept, or another profile, or a damaged one."""
    try:
        kept = json.loads(content or b"{}")
        if kept.get("made_of") == made_of and _hash(kept["profile"]) == kept["sha256"]:
            return load_profile(kept["profile"])
    except (ValueError, KeyError, TypeError, AttributeError) as damage:
        log.warning("%s is damaged and will be made again: %s", PROFILE, damage)
    return None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _make(walk: Walk, version: Version, names: Sequence[str], training: TrainingSet | None) -> ReferenceProfile:
    with walk.stores.warehouse.transaction() as session:
        if training is None or warehouse.is_restated(session, version):
            training = warehouse.read_training_set(session, walk.declaration, version.training_as_ofs, drawn="evenly")
        entry = ledger.get_recipe(session, version.model, version.recipe)
    promised = find_published(read_promised(walk, entry, version, training.features))
    return profile_reference(training.features[list(names)], promised)
