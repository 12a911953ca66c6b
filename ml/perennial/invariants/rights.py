"""Who may do what: the roles of the warehouse as they were declared, and words that must stay secret."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from perennial.invariants.looking import Answer, Finding, Look
from perennial.stores import queries
from perennial.stores.warehouse import rights

RIGHTS = "perennial migrate --rights-sql | psql -d warehouse, as a superuser"
SHORTEST_SECRET = 8
BLOCK_BYTES = 1 << 20
MOST_BYTES = 1 << 30


def check_rights(look: Look) -> Answer:
    """Every role may do what is declared and nothing else, none of ours is mighty, and facts cannot be rewritten."""
    findings = [
        Finding(f"role {row.role} is {row.attributes}", f"alter role {row.role} no{row.attributes.split()[0]}, as a superuser")
        for row in look.ask("mighty_roles")
    ]
    differences = (*rights.compare_rights(look.session), *rights.find_lifted(look.session))
    findings += [Finding(each.said, f"{each.statement}; as a superuser") for each in differences]
    if look.session.execute(queries.load("doctor")["may_analysts_lock"]).scalar_one():
        findings.append(Finding("analyst may take the locks by which stages wait for each other", RIGHTS))
    (tables,) = look.ask("count_rights")
    return Answer(f"{len(rights.ROLES) + 1} roles, {tables.number} tables and views", tuple(findings))


def check_logs(look: Look) -> Answer:
    """No password that the settings know stands in a log; what is found is never shown, only where."""
    secrets = {word.encode() for word in look.places.secrets if len(word) >= SHORTEST_SECRET}
    sizes = _measure(look.places.logs)
    files = list(sizes)
    if not files or not secrets:
        return Answer("no files", left_out="no logs lie here" if not files else "no password is known here")
    findings, read, looked_at, closed = [], 0, 0, 0
    for file in files:
        if read > MOST_BYTES and not look.everything:
            break
        looked_at, read = looked_at + 1, read + sizes[file]
        try:
            place = _find(file, secrets)
        except FileNotFoundError:  # it was rotated away meanwhile
            continue
        except PermissionError:
            closed += 1
            continue
        if place:
            findings.append(Finding(f"{file}: a password stands near byte {place}", f"change that password, and rm {file}"))
    left = len(files) - looked_at
    said = [f"{left} older logs"] if left else []
    said += [f"{closed} logs that this account may not read"] if closed else []
    return Answer(f"{looked_at - closed} log files for {len(secrets)} passwords", tuple(findings), ", ".join(said))


def _measure(folders: Iterable[Path]) -> dict[Path, int]:
    """The size of every log, the newest first; one that goes meanwhile is none."""
    found = []
    for file in (file for folder in folders for file in folder.rglob("*") if not file.is_symlink()):
        with suppress(FileNotFoundError):
            if file.is_file():
                found.append((file.stat().st_mtime, file.stat().st_size, file))
    return {file: size for _, size, file in sorted(found, reverse=True)}


def _find(file: Path, secrets: set[bytes]) -> int | None:
    """Where one of the words stands, from 1 on; read in blocks that overlap, so that none is cut in two."""
    overlap = max(map(len, secrets)) - 1
    for begins, block in _read_blocks(file, overlap):
        for secret in secrets:
            if (place := block.find(secret)) >= 0:
                return begins + place + 1
    return None


def _read_blocks(file: Path, overlap: int) -> Iterator[tuple[int, bytes]]:
    begins, kept = 0, b""
    with file.open("rb") as stream:
        while new := stream.read(BLOCK_BYTES):
            block = kept + new
            yield begins, block
            kept = block[-overlap:] if overlap else b""
            begins += len(block) - len(kept)
