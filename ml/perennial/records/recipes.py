"""What a training was made by: an algorithm with its parameters."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Algorithm = Literal["xgboost", "lightgbm", "logistic"]


@dataclass(frozen=True)
class Recipe:
    """An algorithm with the parameters that somebody chose; the number of rounds is never among them."""

    algorithm: Algorithm
    parameters: Mapping[str, float | int]


def recipe_hash(algorithm: str, parameters: Mapping[str, object]) -> str:
    """SHA-256 over algorithm and parameters, in whatever order they stand; 10 and 10.0 are the same number.

    On the same rows (equal data hash) equal recipes give equal predictors: a second one is no new challenger.
    """
    plain = {name: float(value) if isinstance(value, int | float) else str(value) for name, value in parameters.items()}
    return hashlib.sha256(json.dumps([algorithm, plain], sort_keys=True).encode()).hexdigest()
