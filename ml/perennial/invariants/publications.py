"""Published scores: one live publication a day, whose rows are those that were published, and what each leads to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from math import isclose
from pathlib import Path
from typing import Any

from perennial.config.folders import borrow_folder
from perennial.errors import ArtifactCorrupt, RegistryUnavailable, VersionMissing
from perennial.invariants.looking import Answer, Finding, Look, name_day
from perennial.predictor import check_files, hash_manifest
from perennial.records import Version
from perennial.stores import ledger, warehouse
from perennial.stores.registry import find_kept
from perennial.stores.registry.loading import CACHE

LEADS = ("manifest_hash", "snapshot_checksum", "config_hash", "query_hash", "code_version")
OTHER_FILES = 2  # versions beside each champion whose files are fetched in one night


def check_publications(look: Look) -> Answer:
    """Each (model, as_of) that was published has one live publication, its rows are those that were published, arm by arm."""
    live = look.ask("list_live")
    findings = [
        Finding(f"{name_day(model, as_of)}: {fault}", look.again("score", model, as_of), model)
        for model, as_of, fault in _list_days_astray(look, {(row.model, row.as_of) for row in live})
    ]
    chosen = look.choose_of_each_model(look.only_declared(live))
    for row in chosen:
        findings.extend(_check_rows(look, row))
    undeclared = sorted({row.model for row in live} - set(look.declarations))
    uncounted = sum(row.scores_checksum is None or row.erased > 0 for row in chosen)
    counted = f"{len(chosen)} of {len(live)} live publications"
    counted += f", {uncounted} of them by their count alone (published before migration 023, or rows erased)" if uncounted else ""
    return Answer(counted, tuple(findings), f"models without a file in this home: {', '.join(undeclared)}" if undeclared else "")


def _list_days_astray(look: Look, live: set[tuple[str, date]]) -> Iterator[tuple[str, date, str]]:
    """Days with two live publications, with none though one had been out, or with scores that none wrote."""
    days = {(row.model, row.as_of): row for row in look.ask("list_days")}
    for day, row in days.items():
        if row.live > 1:
            yield *day, f"{row.live} live publications"
        elif row.was_live and not row.live:
            yield *day, "it was published, and no publication is live"
    for model in look.declarations:
        for as_of in warehouse.list_scored_days(look.session, model):
            day = model, as_of
            if day not in live and not (day in days and days[day].was_live):
                yield *day, f"scores stand in scores.{model} that no publication wrote"


def _check_rows(look: Look, row: Any) -> list[Finding]:
    model = look.declarations[row.model].model
    rows, checksum = warehouse.measure_scores(look.session, model, row.as_of, row.publication_id)
    others = warehouse.count_scores(look.session, row.model, row.as_of) - rows
    day, remedy = name_day(row.model, row.as_of), look.again("score", row.model, row.as_of)
    faults = []
    if rows != row.rows - row.erased:
        faults.append(f"{day}: {row.rows - row.erased} scores were published, {rows} stand in scores.{row.model}")
    elif row.scores_checksum not in (None, checksum) and not row.erased:
        faults.append(f"{day}: scores were changed since they were published")
    if others:
        faults.append(f"{day}: {others} scores stand in scores.{row.model} that no live publication wrote")
    faults += [] if row.canary_id is None or row.erased else _check_arms(look, row)
    return [Finding(fault, remedy, row.model) for fault in faults]


def _check_arms(look: Look, row: Any) -> list[str]:
    """Who is in the canary by the ledger's salt and share is who was counted, with the scores that were counted."""
    day = name_day(row.model, row.as_of)
    canary = row.canary_salt, row.canary_share
    found = warehouse.measure_arms(look.session, row.model, row.as_of, row.publication_id, canary)
    told = {arm: values for arm, values in (row.arms or {}).items() if values[0]}
    versions = {"champion": row.version, "canary": row.canary_version}
    faults = [f"{day}: the ledger names another version for the arm {arm}" for arm in told if told[arm][2] != versions[arm]]
    is_same = found.keys() == told.keys() and all(
        found[arm][0] == told[arm][0] and isclose(found[arm][1], told[arm][1], rel_tol=1e-9) for arm in found
    )
    return faults if is_same else [*faults, f"{day}: the arms of the canary hold other rows than were published"]


def check_lineage(look: Look) -> Answer:
    """Every live publication leads to a version, its files, a snapshot, a configuration and code, and the hashes still match."""
    live = look.ask("list_live")
    versions = {(row.model, row.version): row for row in look.ask("list_versions")}
    snapshots = {(row.model, row.as_of): row for row in look.ask("list_snapshots") if row.kind == "features"}
    findings = [found for row in live for found in _check_leads(look, row, versions.get((row.model, row.version)))]
    chosen = look.choose_of_each_model(look.only_declared(live))
    for row in chosen:
        findings.extend(_check_snapshot(look, row, snapshots.get((row.model, row.as_of))))
    serving = look.choose_of_each_model(live, newest=1, older=OTHER_FILES)
    wanted = {
        (row.model, row.version): known
        for row in serving
        if (known := versions.get((row.model, row.version))) is not None and not known.is_purged
    }
    found, left_out = _check_files(look, tuple(wanted.values()))
    counted = f"{len(live)} live publications, the rows of {len(chosen)} snapshots, the files of {len(wanted)} versions"
    return Answer(counted, (*findings, *found), left_out)


def _check_leads(look: Look, row: Any, version: Any) -> list[Finding]:
    day, remedy = name_day(row.model, row.as_of), look.again("score", row.model, row.as_of)
    if version is None:
        return [Finding(f"{day}: published by version {row.version}, which the ledger does not know", remedy, row.model)]
    missing = [name for name in LEADS if not getattr(row, name)]
    faults = [f"{day}: the publication names no {', '.join(missing)}"] if missing else []
    if row.manifest_hash != hash_manifest(version.manifest):
        faults.append(f"{day}: the publication names other files than version {row.version} has")
    return [Finding(fault, remedy, row.model) for fault in faults]


def _check_snapshot(look: Look, row: Any, snapshot: Any) -> list[Finding]:
    """The rows that were scored stand there still; one that was built anew since is for `reconcile` to have scored."""
    day = name_day(row.model, row.as_of)
    remedy = ", then ".join(look.again(stage, row.model, row.as_of) for stage in ("refresh", "validate", "score"))
    if snapshot is None:
        return [Finding(f"{day}: scores were published, and the ledger knows no snapshot", remedy, row.model)]
    if snapshot.status == "purged":  # old, and kept no longer
        return []
    faults = []
    if snapshot.recorded_at <= row.published_at and row.snapshot_checksum != snapshot.checksum and not snapshot.is_erased:
        faults.append(f"{day}: the scores were made of another snapshot than the ledger knows")
    if not holds_what_was_built(look, snapshot):
        faults.append(f"{day}: features.{row.model} holds other rows than were built")
    return [Finding(fault, remedy, row.model) for fault in faults]


def holds_what_was_built(look: Look, snapshot: Any) -> bool:
    """Do the rows that stand in features.<model> or labels.<model> have the checksum that the ledger's row says?"""
    covered = [snapshot.columns]
    if snapshot.kind == "features":  # a day without its rejected rows is measured with every column
        covered.append([column.name for column in warehouse.read_columns(look.session, snapshot.model)])
    table = f'{snapshot.kind}."{snapshot.model}"'
    found = {warehouse.measure_rows(look.session, table, snapshot.as_of, columns) for columns in covered}
    return (snapshot.rows, snapshot.checksum) in found


def _check_files(look: Look, versions: tuple[Any, ...]) -> tuple[list[Finding], str]:
    """Those that MLflow hands out, and those that this machine keeps."""
    findings: list[Finding] = []
    artifacts = look.stores.settings.artifacts
    for row in versions:
        with look.stores.warehouse.transaction() as session:
            version = ledger.get_version(session, row.model, row.version)
        what = f"{row.model}, version {row.version}"
        kept = find_kept(version, artifacts / CACHE)
        findings += (
            _compare(kept, version, f"{what}: of the kept files", f"rm -r {kept}: they are fetched anew") if kept.is_dir() else []
        )
        try:
            with borrow_folder(artifacts / "checking", f"{row.model}-{row.version}-") as folder:
                fetched = look.stores.registry.fetch(version, folder)
                findings += _compare(
                    fetched, version, f"{what}: in MLflow", f"restore them in MLflow, or perennial rollback {row.model}"
                )
        except VersionMissing as missing:
            findings.append(Finding(str(missing), f"restore it in MLflow, or perennial rollback {row.model}", row.model))
        except RegistryUnavailable as silence:
            return findings, f"the files in MLflow: {silence}"
    return findings, ""


def _compare(folder: Path, version: Version, what: str, remedy: str) -> list[Finding]:
    try:
        check_files(folder, version.manifest)
    except ArtifactCorrupt as corrupt:
        return [Finding(f"{what} {corrupt}", remedy, version.model)]
    return []
