"""Model files: written with a manifest, and opened only when they match it.

Seen: a truncated LightGBM file aborts the process; single bit flips changed scores silently, crashed or hung. So the
hash is checked before a library sees a byte, a child process opens them first, and golden rows must come out again.
"""

from __future__ import annotations

import hashlib
import json
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError

from perennial.errors import ArtifactCorrupt
from perennial.predictor import first_load
from perennial.predictor.contract import Contract
from perennial.predictor.encoding import Matrix
from perennial.predictor.native import NativeBooster, count_inputs, find_native_errors, open_native, save_native
from perennial.predictor.rows import RowEncoder, RowsRefused
from perennial.predictor.scoring import Predictor

if TYPE_CHECKING:
    import pandas as pd

CONTRACT, GOLDEN = "contract.json", "golden.json"
GOLDEN_ROWS = 20
# Single precision sums on another processor; a changed tree moves scores far more. Of scores above 1 a share of the largest.
GOLDEN_TOLERANCE = 1e-6
FIRST_LOAD_SECONDS = 60.0  # mostly the import of the library on a busy machine
opened_before: set[str] = set()  # manifests whose files a child of this process has opened; their bytes cannot differ


def write_files(folder: Path, booster: NativeBooster | None, contract: Contract, golden: pd.DataFrame) -> dict[str, str]:
    """Write the native file, contract.json and golden.json into `folder`; the manifest: file name -> SHA-256.

    Of `golden` (features in any number of rows) the values of some twenty rows spread evenly are kept, each column moved
    by its place, so that no row is somebody's, and a row in which all is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if contract.model_file is not None:
        assert booster is not None
        save_native(booster, folder / contract.model_file)
    rows = _choose_golden(golden, contract)
    scores = Predictor(contract, booster).score_matrix(RowEncoder.of(contract.features).encode(rows))
    (folder / CONTRACT).write_text(contract.write(), encoding="utf-8")
    (folder / GOLDEN).write_text(json.dumps({"rows": rows, "scores": scores.tolist()}, allow_nan=False), encoding="utf-8")
    return {name: _hash((folder / name).read_bytes()) for name in _expected_files(contract)}


def hash_manifest(manifest: Mapping[str, str]) -> str:
    """The artifact's hash: SHA-256 over the manifest as JSON with sorted keys."""
    return _hash(json.dumps(dict(manifest), sort_keys=True, separators=(",", ":")).encode())


def load_predictor(folder: Path, manifest: Mapping[str, str], *, threads: int = 2) -> Predictor:
    """Open a model whose every byte is known.

    Raises:
        ArtifactCorrupt: a file is missing, foreign, damaged, not readable, or does not reproduce its golden rows.
    """
    contents = _read_files(folder, manifest)
    try:
        contract = Contract.model_validate_json(contents[CONTRACT])
        golden = json.loads(contents[GOLDEN])
        matrix = RowEncoder.of(contract.features).encode(golden["rows"])
        expected = np.array(golden["scores"], dtype=np.float64)
    except (ValidationError, ValueError, KeyError, TypeError, RowsRefused) as error:
        raise ArtifactCorrupt(f"{folder.name}: {CONTRACT} or {GOLDEN} is not what this program writes: {error}.") from error
    if sorted(contents) != sorted(_expected_files(contract)):
        raise ArtifactCorrupt(f"{folder.name}: {contract.algorithm} needs {_expected_files(contract)}, found {sorted(contents)}.")
    predictor = Predictor(contract, _open_booster(contract, contents, matrix), threads, golden=matrix)
    _check_golden(predictor, matrix, expected)
    opened_before.add(hash_manifest(manifest))
    return predictor


def check_files(folder: Path, manifest: Mapping[str, str]) -> None:
    """Compare the bytes of model files with their manifest; no library opens them.

    Raises:
        ArtifactCorrupt: a file is missing, foreign, or differs.
    """
    _read_files(folder, manifest)


def _expected_files(contract: Contract) -> list[str]:
    return [name for name in (contract.model_file, CONTRACT, GOLDEN) if name is not None]


def _read_files(folder: Path, manifest: Mapping[str, str]) -> dict[str, bytes]:
    """Each file once: what was hashed is what is opened later."""
    try:
        return _read_matching(folder, manifest)
    except OSError as error:  # it may not be read, its disk is broken, or somebody takes it away at this moment
        raise ArtifactCorrupt(f"{folder.name}: it cannot be read: {error}. Fetch the version again, or roll back.") from error


def _read_matching(folder: Path, manifest: Mapping[str, str]) -> dict[str, bytes]:
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    missing, foreign = sorted(set(manifest) - found), sorted(found - set(manifest))
    if missing or foreign or not {CONTRACT, GOLDEN} <= set(manifest):
        raise ArtifactCorrupt(
            f"{folder.name}: files missing: {', '.join(missing) or 'none'}; files not in the manifest: "
            f"{', '.join(foreign) or 'none'}. Fetch the version again, or roll back to the previous champion."
        )
    if strange := [name for name in sorted(manifest) if not stat.S_ISREG((folder / name).lstat().st_mode)]:
        raise ArtifactCorrupt(
            f"{folder.name}: not a regular file: {', '.join(strange)}. Nothing was opened. Fetch the version again, or roll back."
        )
    contents = {name: (folder / name).read_bytes() for name in manifest}
    for name, content in contents.items():
        if _hash(content) != manifest[name]:
            raise ArtifactCorrupt(
                f"{folder.name}: {name} has SHA-256 {_hash(content)[:12]}, the manifest says {manifest[name][:12]}: the file was "
                "truncated or changed. No library has opened it. Fetch the version again, or roll back."
            )
    return contents


def _open_booster(contract: Contract, contents: Mapping[str, bytes], matrix: Matrix) -> NativeBooster | None:
    if contract.model_file is None:
        return None
    content = contents[contract.model_file]
    if hash_manifest({name: _hash(each) for name, each in contents.items()}) not in opened_before:
        _open_in_child(contract, content, matrix)
    booster = open_native(contract.algorithm, content)
    if count_inputs(booster) != len(contract.features):
        raise ArtifactCorrupt(
            f"{contract.model_file} was trained on {count_inputs(booster)} columns, {CONTRACT} lists {len(contract.features)}."
        )
    return booster


def _open_in_child(contract: Contract, content: bytes, matrix: Matrix) -> None:
    header = json.dumps({"algorithm": contract.algorithm, "search_path": sys.path, "matrix": matrix.tolist()})
    program = [sys.executable, "-I", str(Path(first_load.__file__))]
    try:
        child = subprocess.run(  # noqa: S603 - our own interpreter and file
            program, input=header.encode() + b"\n" + content, capture_output=True, timeout=FIRST_LOAD_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ArtifactCorrupt(
            f"{contract.model_file} did not open within {FIRST_LOAD_SECONDS:.0f} s: the library hangs on it."
        ) from error
    if child.returncode != 0:
        lines = child.stderr.decode(errors="replace").splitlines()
        words = next((line for line in reversed(lines) if "Error" in line), "")  # below it stands a trace of the library
        raise ArtifactCorrupt(f"{contract.model_file} does not open in a process of its own (exit {child.returncode}): {words}.")


def _check_golden(predictor: Predictor, matrix: Matrix, expected: Matrix) -> None:
    try:
        found = predictor.score_matrix(matrix)
    except find_native_errors() as error:
        raise ArtifactCorrupt(f"{predictor.contract.algorithm} cannot predict the golden rows: {error}.") from error
    if len(expected) == 0 or found.shape != expected.shape:
        raise ArtifactCorrupt(f"{GOLDEN} holds {len(expected)} scores for {len(found)} rows.")
    worst = float(np.max(np.abs(found - expected)))
    allowed = GOLDEN_TOLERANCE * max(1.0, float(np.max(np.abs(expected))))
    if not worst <= allowed:
        raise ArtifactCorrupt(
            f"Golden rows of {predictor.contract.model} come out up to {worst:.2g} away from what the training wrote "
            f"(allowed {allowed:g}): other files, or another version of {predictor.contract.algorithm}."
        )


def _choose_golden(frame: pd.DataFrame, contract: Contract) -> list[dict[str, object]]:
    """Rows as JSON objects; NaN becomes null. Files outlive an erasure: they must not hold anybody's row."""
    places = np.unique(np.linspace(0, len(frame) - 1, num=min(len(frame), GOLDEN_ROWS)).astype(int))
    chosen = frame[list(contract.names)].iloc[places].astype("object").reset_index(drop=True)
    for place, name in enumerate(chosen.columns):
        chosen[name] = np.roll(chosen[name].to_numpy(), place)
    rows: list[dict[str, object]] = json.loads(chosen.to_json(orient="records", double_precision=15))
    return [*rows, dict.fromkeys(contract.names)]


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
