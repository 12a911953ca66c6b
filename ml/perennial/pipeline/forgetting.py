"""A person asks to be forgotten: every row of one entity goes, in one transaction, and the ledger says that somebody did."""

from __future__ import annotations

from datetime import datetime

from perennial.config import load_declaration, model_names
from perennial.errors import SnapshotMissing
from perennial.pipeline.opening import Stores
from perennial.pipeline.profiling import drop_profiles
from perennial.records import Version
from perennial.records.erasures import ErasedVersion, Erasure
from perennial.stores import ledger, warehouse
from perennial.stores.sessions import Session

TEXTS = "ledger texts"


def find_subject(stores: Stores, model: str, entity: str, *, only: bool = False) -> warehouse.Subject:
    """The entity, in all models of the home whose entity has the same key as this one's; `only`: in this model.

    Raises:
        ConfigError: a model file is not in order, so that nobody can tell whether it has the same key; or this is no key.
    """
    stores.declaration(model)  # a name that no file declares is an error of its own
    home = stores.settings.home
    declarations = tuple(load_declaration(home, name) for name in model_names(home))
    return warehouse.find_subject(declarations, model, entity, only=only)


def forget(
    stores: Stores, subject: warehouse.Subject, *, reason: str, actor: str, clock: datetime, dry_run: bool = False
) -> Erasure:
    """Delete the entity from everything that the platform keeps in the warehouse; a dry run says what would go.

    The tables of the user's are left alone: what deletes the entity there stands in the record. Files of versions hold no
    rows of anybody; the versions that had learned from it are named, and the next training goes without. Their profiles, which
    count values, are emptied, and made again of the rows that are left when a version is checked.

    Raises:
        ConfigError: the reason names the entity.
    """
    with stores.warehouse.transaction() as session:
        warehouse.refuse_identity(session, subject, reason)
        found = warehouse.find_rows(session, subject)
        learned = _find_learned(session, found)
        days = warehouse.delete_rows(session, subject, found)
        struck = ledger.strike_texts(session, subject.models, subject.pattern)
        versions = tuple(_measure(session, version, was_restated) for version, was_restated in learned)
        erasure = Erasure(
            models=subject.models,
            rows=found.rows | ({TEXTS: struck} if struck else {}),
            versions=_number(versions),
            reason=reason,
            actor=actor,
            effective_at=clock,
            elsewhere=warehouse.list_elsewhere(session, subject),
            runs=_list_runs([version for version, _ in learned]),
            unsearched=subject.namesakes,
        )
        if not erasure.is_empty:
            ledger.record_erasure(session, erasure, days, versions)
        if dry_run:
            session.rollback()
        else:
            drop_profiles(stores.registry, [version for version, _ in learned])
    return erasure


def _find_learned(session: Session, found: warehouse.Found) -> list[tuple[Version, bool]]:
    """The versions that learned from a labelled day of the entity, and whether their days had been restated before."""
    return [
        (version, _is_restated(session, version))
        for model, days in found.labelled.items()
        for version in ledger.versions_learned_from(session, model, days)
    ]


def _is_restated(session: Session, version: Version) -> bool:
    try:
        return warehouse.is_restated(session, version)
    except SnapshotMissing:
        return True


def _measure(session: Session, version: Version, was_restated: bool) -> ErasedVersion:  # noqa: FBT001 - private
    data_hash = None if was_restated else warehouse.hash_training_days(session, version)
    return ErasedVersion(version.model, version.version, data_hash)


def _list_runs(versions: list[Version]) -> dict[str, tuple[str, ...]]:
    models = sorted({version.model for version in versions})
    return {model: tuple(version.mlflow_run_id for version in versions if version.model == model) for model in models}


def _number(versions: tuple[ErasedVersion, ...]) -> dict[str, tuple[int, ...]]:
    models = sorted({version.model for version in versions})
    return {model: tuple(version.version for version in versions if version.model == model) for model in models}
