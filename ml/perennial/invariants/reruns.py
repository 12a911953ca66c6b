"""Days built again, beside what stands: a snapshot from facts that were known then, labels, and scores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from perennial.errors import PermanentError, RegistryUnavailable
from perennial.invariants.looking import Answer, Finding, Look, ask, name_day
from perennial.invariants.publications import holds_what_was_built
from perennial.pipeline.champion import load_version
from perennial.records import Version
from perennial.records.canaries import find_place
from perennial.stores import ledger, warehouse
from perennial.stores.sessions import Session
from perennial.tasks import find_published, frame_scores

NEWEST, OLDER = 1, 1  # days of each model in one night
TOLERANCE = 1e-6  # as golden rows: sums of single precision on another processor; of scores above 1 a share


def check_leaks(look: Look) -> Answer:
    """A sample of snapshots, built again from what was known then, gives the same bytes: nothing from later has entered."""
    rows = [row for row in look.only_declared(look.ask("list_snapshots")) if _stands(row, "features") and row.rows]
    built = [
        row
        for row in rows
        if row.status == "valid"
        and not (row.is_erased or row.is_unrejected)
        and row.query_hash == look.declarations[row.model].definition_hash("features")
    ]
    chosen = look.choose_of_each_model(built, newest=NEWEST, older=OLDER)
    live = {(row.model, row.as_of) for row in look.ask("list_live")}  # whose rows `lineage` looks at
    findings = [found for row in chosen if (row.model, row.as_of) not in live for found in _check_stored(look, row)]
    for row in chosen:
        remedy = (
            f"perennial check {row.model} --tables real names the source that was rewritten; then perennial refresh {row.model}"
        )
        with _undone(look) as session:
            try:
                checksum = warehouse.rebuild_checksum(session, look.declarations[row.model], row.as_of)
            except PermanentError as error:
                findings.append(Finding(f"{name_day(row.model, row.as_of)}: cannot be built again: {error}", remedy, row.model))
                continue
        if checksum != row.checksum and _is_unmoved(look, row):
            said = f"{name_day(row.model, row.as_of)}: built again, the snapshot is another one: facts of the past were changed"
            findings.append(Finding(said, f"{remedy} --as-of {row.as_of}", row.model))
    others = len(rows) - len(built)
    left_out = f"{others} snapshots: not valid, of another definition, or with rows erased or rejects purged" if others else ""
    return Answer(f"{len(chosen)} of {len(rows)} snapshots", tuple(findings), left_out)


def check_reruns(look: Look) -> Answer:
    """A stage that has finished changes nothing when it runs again: labels and scores of a sample come out as they stand."""
    labels = [row for row in look.only_declared(look.ask("list_snapshots")) if _stands(row, "labels") and not row.is_erased]
    with look.stores.warehouse.transaction() as session:
        labels = [row for row in labels if _are_of_now(look, session, row)]
    chosen = look.choose_of_each_model(labels, newest=NEWEST, older=OLDER)
    findings = [found for row in chosen for found in _label_again(look, row)]
    purged = {(row.model, row.version) for row in look.ask("list_versions") if row.is_purged}
    live = [row for row in look.only_declared(look.ask("list_live")) if (row.model, row.version) not in purged]
    scored = look.choose_of_each_model(live, newest=NEWEST, older=OLDER)
    checksums = {(row.model, row.as_of): row.checksum for row in look.ask("list_snapshots") if _stands(row, "features")}
    stands = [row for row in scored if checksums.get((row.model, row.as_of)) == row.snapshot_checksum and not row.erased]
    try:
        for row in stands:
            findings.extend(_score_again(look, row))
    except RegistryUnavailable as silence:
        return Answer(f"the labels of {len(chosen)} days", tuple(findings), f"scores: {silence}")
    return Answer(f"the labels of {len(chosen)} days, the scores of {len(stands)}", tuple(findings))


def _stands(row: Any, kind: str) -> bool:
    """Rows of this kind that were not purged."""
    return bool(row.kind == kind and row.status != "purged")


def _is_unmoved(look: Look, row: Any) -> bool:
    """Does the ledger still say of the day what it said when the check began? Else a stage has run meanwhile."""
    with look.stores.warehouse.transaction() as session:
        now = {(each.model, each.as_of, each.kind): each.checksum for each in ask(session, "list_snapshots")}
    return bool(now.get((row.model, row.as_of, row.kind)) == row.checksum)


def _are_of_now(look: Look, session: Session, row: Any) -> bool:
    of_now = look.declarations[row.model].definition_hash("labels")
    return row.as_of in ledger.labelled_days(session, row.model, [row.as_of], of_now)


def _label_again(look: Look, row: Any) -> list[Finding]:
    with _undone(look) as session:
        try:
            checksum = warehouse.rebuild_label_checksum(session, look.declarations[row.model], row.as_of)
        except PermanentError as error:
            checksum = str(error)
    if checksum == row.checksum or not _is_unmoved(look, row):
        return _check_stored(look, row)
    said = f"{name_day(row.model, row.as_of)}: labels built again are others than those that taught"
    return [Finding(said, f"perennial check {row.model} --tables real names the source that was rewritten", row.model)]


def _check_stored(look: Look, row: Any) -> list[Finding]:
    if holds_what_was_built(look, row):
        return []
    said = f"{name_day(row.model, row.as_of)}: {row.kind}.{row.model} holds other rows than were built"
    remedy = ", then ".join(look.again(stage, row.model, row.as_of) for stage in ("refresh", "validate"))
    return [Finding(said, f"{remedy}; the next training builds its labels anew", row.model)]


def _score_again(look: Look, row: Any) -> list[Finding]:
    """By the version that published, from the snapshot as it stands."""
    declaration = look.declarations[row.model]
    day, remedy = name_day(row.model, row.as_of), look.again("score", row.model, row.as_of)
    try:
        with look.stores.warehouse.transaction() as session:
            version = ledger.get_version(session, row.model, row.version)
            other = None if row.canary_id is None else ledger.get_version(session, row.model, row.canary_version)
        features = warehouse.read_snapshot(look.session, declaration, row.as_of)
        scores = _score(look, version, features)
        if other is not None:
            places = np.array([find_place(str(entity), row.canary_salt) for entity in features.index])
            scores = scores.mask(places < row.canary_share, _score(look, other, features))
    except PermanentError as error:
        return [Finding(f"{day}: cannot be scored again: {error}", remedy, row.model)]
    again = {str(entity): float(score) for entity, score in scores.items()}
    published = warehouse.read_numbers(look.session, declaration.model, row.as_of, row.publication_id)
    if again.keys() == published.keys() and all(_is_same(score, published[entity]) for entity, score in again.items()):
        return []
    return [Finding(f"{day}: scored again by version {row.version}, the scores are others", remedy, row.model)]


def _score(look: Look, version: Version, features: pd.DataFrame) -> pd.Series:
    predictor = load_version(look.stores, version)
    return find_published(frame_scores(predictor.score(features), features.index, predictor.contract.classes))


def _is_same(score: float, published: float) -> bool:
    return abs(score - published) <= TOLERANCE * max(1.0, abs(published))


@contextmanager
def _undone(look: Look) -> Iterator[Session]:
    """A transaction for what is temporary; nobody sees anything of it."""
    with look.stores.warehouse.transaction() as session:
        yield session
        session.rollback()
