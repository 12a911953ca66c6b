"""What processes that died have left: scores that nobody will publish, folders that nobody holds, files that nobody needs."""

from __future__ import annotations

import tempfile
from pathlib import Path

from perennial.config.folders import LOCK, find_abandoned, find_forgotten, is_forgotten
from perennial.invariants.looking import Answer, Finding, Look
from perennial.stores.registry import MOST_KEPT
from perennial.stores.registry.loading import CACHE


def check_leftovers(look: Look) -> Answer:
    """No table of scores waits for an attempt that has ended, and no file lies about that nobody holds or needs."""
    findings = [
        Finding(
            f"{row.name} holds scores that nobody will publish" if row.is_shard else f"{row.name} is no table of ours",
            f"perennial reconcile {row.model}" if row.is_shard else f"drop table {row.name}, if you did not make it",
            row.model,
        )
        for row in look.ask("left_shards")
    ]
    artifacts = look.stores.settings.artifacts
    findings += [
        _name(folder, "nobody holds it any more", f"rm -rf {folder} {folder}{LOCK}") for folder in find_abandoned(artifacts)
    ]
    findings += [
        _name(folder, "it was discarded") for folder in artifacts.rglob(".discarded-*") if is_forgotten(folder, look.clock)
    ]
    findings += [_name(folder, "it is of a process that ended") for folder in find_forgotten(look.clock)]
    findings += _check_cache(look, artifacts / CACHE)
    (tables,) = look.ask("count_tables")
    return Answer(f"{tables.number} tables, {artifacts} and {tempfile.gettempdir()}", tuple(findings))


def _check_cache(look: Look, cache: Path) -> list[Finding]:
    known = {row.model for row in look.ask("list_versions")}
    found = []
    for folder in sorted(cache.iterdir()) if cache.is_dir() else []:
        kept = [path for path in folder.iterdir() if not path.name.startswith(".")] if folder.is_dir() else []
        if folder.name not in known:
            found.append(_name(folder, "the ledger knows no version of such a model"))
        elif len(kept) > MOST_KEPT:
            found.append(_name(folder, f"it keeps {len(kept)} versions, {MOST_KEPT} at most are needed"))
    return found


def _name(path: Path, why: str, remedy: str = "") -> Finding:
    return Finding(f"{path}: {why}", remedy or f"rm -r {path}")
