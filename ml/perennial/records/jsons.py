"""Any record as JSON: the same record gives the same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

Json = dict[str, object]


def to_json(value: object) -> Json:
    """A record as a JSON object: dates in ISO form, tuples as lists, NaN and infinities as null."""
    plain = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
    if not isinstance(plain, Mapping):
        raise TypeError(f"{type(value).__name__} is not a record")
    return {str(key): _plain(item) for key, item in plain.items()}


def _plain(value: object) -> object:  # noqa: PLR0911 - one return per kind of value reads best
    match value:
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple() | frozenset() | set():
            return [_plain(item) for item in value]
        case bool() | np.bool_():
            return bool(value)
        case date():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case float() | np.floating():
            return float(value) if np.isfinite(value) else None
        case np.integer():
            return int(value)
        case Path():
            return str(value)
        case _:
            return value


def dump_json(value: object) -> str:
    """The record as text with sorted keys: the same record gives the same bytes."""
    return json.dumps(to_json(value), sort_keys=True, separators=(",", ":"), allow_nan=False)
