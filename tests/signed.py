"""Hashes of what a training or a life has left that come out alike on every machine: numbers to six digits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def read_files(folder: Path) -> list[Any]:
    """The names of the files of a model, and what those that are JSON hold, in their order."""
    files = sorted(folder.iterdir())
    return [*(file.name for file in files), *(json.loads(file.read_text()) for file in files if file.suffix == ".json")]


def hash_said(said: object) -> str:
    """Of anything that JSON can say."""
    return hashlib.sha256(json.dumps(round_numbers(said)).encode()).hexdigest()[:16]


def round_numbers(said: object) -> object:
    """The last bits of sums are the processor's."""
    if isinstance(said, float):
        return float(f"{said:.6g}")
    if isinstance(said, Mapping):
        return {str(name): round_numbers(value) for name, value in said.items()}
    return [round_numbers(each) for each in said] if isinstance(said, list | tuple) else said
