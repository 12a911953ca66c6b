"""What serves: the files of a version, fetched once and opened only when they match, and the context of the alias."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd

from perennial import notices
from perennial import promote as protocol
from perennial.config.folders import borrow_folder
from perennial.errors import NoChampionYet, RegistryUnavailable, VersionMissing
from perennial.pipeline.opening import Stores
from perennial.predictor import Predictor, load_predictor
from perennial.records import Promotion, Run, TrainingSet, Version
from perennial.stores import ledger
from perennial.stores.ledger import purges
from perennial.stores.registry import ChampionAlias
from perennial.stores.registry.loading import CACHE, load_kept
from perennial.stores.sessions import Session
from perennial.tasks import Scores, frame_scores

log = logging.getLogger(__name__)


def load_version(stores: Stores, version: Version) -> Predictor:
    """A version ready to score: from the files that this machine keeps, without asking MLflow, when they are what was trained.

    Raises:
        VersionMissing: the registry has lost its files, or they were purged.
        ArtifactCorrupt: files that were fetched from MLflow just now differ from what the training wrote.
        RegistryUnavailable: no file is kept, or those that are were damaged, and MLflow does not answer.
    """
    cache = stores.settings.artifacts / CACHE
    return load_kept(version, cache, lambda: _fetch(stores, version, cache))


def refuse_purged(session: Session, version: Version) -> None:
    """Stop where the files of a version were taken away because they had become old.

    Raises:
        VersionMissing: says when, and how to go on.
    """
    when = purges.purged_at(session, "files", version.model, version.version)
    if when is not None:
        raise VersionMissing(
            f"{version.model}: the files of version {version.version}, fitted for {version.trained_for}, were purged on "
            f"{when:%Y-%m-%d}; its record stays. Take a version that has files "
            f"(`perennial history {version.model}`). How long files are kept says `files_days` under [retention]."
        )


def _fetch(stores: Stores, version: Version, into: Path) -> Path:
    """The folder of its files, fetched anew; one whose files were purged says so."""
    try:
        return stores.registry.fetch(version, into)
    except VersionMissing:
        with stores.warehouse.transaction() as session:
            refuse_purged(session, version)
        raise


def score_set(predictor: Predictor, rows: TrainingSet) -> Scores:
    """Scores of the rows, with their index."""
    return score_frame(predictor, rows.features)


def score_frame(predictor: Predictor, features: pd.DataFrame) -> Scores:
    """Scores of features, with their index."""
    return frame_scores(predictor.score(features), features.index, predictor.contract.classes)


def open_promotion(stores: Stores, run: Run) -> protocol.PromotionContext:
    """The ledger's and the registry's side of one model's champion; the owner is told of what was found done by hand."""
    model = stores.declaration(run.model).model

    def announce(session: Session, promotion: Promotion) -> None:
        if promotion.kind == "manual":
            ledger.put_notice(session, run, notices.write_alias(promotion, run.as_of), model.owner)

    return protocol.PromotionContext(
        book=ledger.PromotionBook(stores.warehouse, run, announce),
        alias=ChampionAlias(stores.registry, run.model, lambda: read_runs(stores, run.model)),
        check=lambda number: _check_files(stores, run.model, number),
        run=run,
        cooldown_days=model.promotion.rollback_cooldown_days,
    )


def read_runs(stores: Stores, model: str) -> Mapping[int, str]:
    """Which run of MLflow each version of the ledger is."""
    with stores.warehouse.transaction() as session:
        return ledger.runs_of_versions(session, model)


def check_registry(stores: Stores, model: str) -> None:
    """Find out before a training whether it could be kept.

    Raises:
        RegistryUnavailable: MLflow does not answer.
        VersionMissing: the experiment was deleted, or another run has taken the number of a version.
    """
    stores.registry.check(model, read_runs(stores, model))


def _check_files(stores: Stores, model: str, number: int) -> None:
    """Fetch a version anew: files that this machine keeps from before prove nothing about what others will find.

    Raises:
        VersionMissing: the ledger does not know it, or the registry has lost it.
        ArtifactCorrupt: its files differ from what the training wrote, or do not reproduce their golden rows.
    """
    with stores.warehouse.transaction() as session:
        version = ledger.get_version(session, model, number)
    with borrow_folder(stores.settings.artifacts / "checking", f"{model}-{number}-") as folder:
        load_predictor(_fetch(stores, version, folder), version.manifest)


def settle(stores: Stores, run: Run) -> Promotion | None:
    """Bring ledger and alias together before anything relies on them; a backfill only reads the ledger.

    Returns the movement that was finished, undone or found, if any.
    """
    return None if run.purpose == "backfill" else protocol.reconcile_alias(open_promotion(stores, run))


def settle_or_trust(stores: Stores, run: Run) -> str | None:
    """`settle` for a day's scores, which do not wait for MLflow: the ledger is the truth, and files may be kept here.

    Returns why the alias was not looked at, in a sentence, if it was not.

    Raises:
        RegistryUnavailable: a movement was begun and not ended, so that nobody knows yet who is champion.
    """
    try:
        settle(stores, run)
    except RegistryUnavailable as silence:
        with stores.warehouse.transaction() as session:
            if ledger.open_promotions(session, run.model):
                raise
        log.warning("%s: the champion is the one of the ledger, nobody has looked at the alias. %s", run, silence)
        return str(silence)
    return None


def find_movement(stores: Stores, model: str, instant: datetime) -> Promotion:
    """The movement that made somebody champion at an instant of the runs' clock.

    Raises:
        NoChampionYet: the first promotion came later.
    """
    stores.declaration(model)  # a name that no file declares is an error of its own
    with stores.warehouse.transaction() as session:
        movement = ledger.movement_at(session, model, instant)
    if movement is None:
        raise NoChampionYet(f"{model}: nobody was champion at {instant:%Y-%m-%d %H:%M:%S %Z}.")
    return movement


def list_movements(stores: Stores, model: str) -> tuple[Promotion, ...]:
    """Every movement of the champion that was begun, oldest first: those that were undone as well."""
    with stores.warehouse.transaction() as session:
        return ledger.movements(session, model)


def find_resting(stores: Stores, model: str) -> Mapping[int, datetime]:
    """Versions that were taken back, with the instant until which no verdict promotes them."""
    days = stores.declaration(model).model.promotion.rollback_cooldown_days
    with stores.warehouse.transaction() as session:
        taken_back = protocol.find_taken_back(ledger.champion_history(session, model))
    return {version: at + timedelta(days=days) for version, at in taken_back.items()}
