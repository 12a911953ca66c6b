"""A repository of Feast over the snapshot tables: definitions, addresses and rights. Feast itself is not installed here.

A snapshot becomes known at start(as_of) + settle: only then have all its facts been learned. That instant is its event timestamp,
so that a join at an instant finds the snapshot that could have been known by then, and never a later one. The start of the day
would not do: between both, a join would be told what nobody knew yet.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from perennial.config import ENTITY, Model
from perennial.errors import ExportRefused, SnapshotMissing
from perennial.records import Column

TEMPLATE = Path(__file__).parent / "template" / "feast"
FILES = ("feature_store.yaml", "features.py", "rights.sql", "requirements.txt", "README.md", ".feastignore")
FEAST = "0.67.0"
ROLE = "feast"
TYPES: Mapping[str, str] = {
    "bigint": "Int64",
    "integer": "Int32",
    "double precision": "Float64",
    "boolean": "Bool",
    "text": "String",
}
KEY_TYPES: Mapping[str, str] = {"bigint": "INT64", "text": "STRING", "uuid": "STRING"}
OURS = ("snapshot_as_of", "snapshot_known_at", "snapshot_built_at", "event_timestamp", "created_timestamp", "entity_timestamp")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
LONGEST_IDENTIFIER = 63  # bytes, in PostgreSQL
MOMENT = timedelta(seconds=1)


def write_repository(folder: Path, model: Model, columns: Sequence[Column]) -> Mapping[str, object]:
    """Write the repository into an empty folder.

    Raises:
        SnapshotMissing: features.<model> is not there yet.
        ExportRefused: a column has a name that Feast would read as another.
    """
    if not columns:
        raise SnapshotMissing(f"{model.name}: there is no table features.{model.name} yet; run `perennial sync {model.name}`.")
    key = name_key(model)
    _check_names(model, key, columns)
    environment = Environment(  # noqa: S701 - Python, YAML and SQL: no page
        loader=FileSystemLoader(TEMPLATE),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["literal"] = _write_literal
    facts = _gather(model, key, columns)
    for name in FILES:
        text = environment.get_template(f"{name.removeprefix('.')}.jinja").render(facts)
        (folder / name).write_text(text, encoding="utf-8")
    return {"features": len(columns), "entity": key, "ttl": str(facts["ttl"])}


def name_key(model: Model) -> str:
    """The one column by which rows are joined; of a key of several it is entity_id, the text that holds them all.

    Feast joins several columns by their texts one after another, by which (1, 12) and (11, 2) are the same.
    """
    return ENTITY if model.entity.is_composite else model.entity.columns[0].name


def write_query(model: Model, key: str, columns: Sequence[Column]) -> str:
    """SQL for the source: rows of valid snapshots alone, each with the instant at which it became known and when it was built."""
    entity = ENTITY if model.entity.stored_type != "uuid" else f"{ENTITY}::text"
    features = "".join(f', features."{column.name}"' for column in columns)
    known = f"(features.as_of::timestamp at time zone '{model.timezone}') + interval '{model.schedule.settle_hours} hours'"
    return (
        f'select features.{entity} as "{key}", {known} as snapshot_known_at, snapshots.effective_at as snapshot_built_at, '  # noqa: S608 - checked identifiers
        f"features.as_of::text as snapshot_as_of{features} "
        f'from features."{model.name}" features join ledger.snapshots snapshots '
        f"on snapshots.model = '{model.name}' and snapshots.kind = 'features' and snapshots.as_of = features.as_of "
        "where snapshots.status = 'valid'"
    )


def _gather(model: Model, key: str, columns: Sequence[Column]) -> dict[str, object]:
    # A moment less than from one as_of to the next: at the instant of a snapshot, whoever has left the cohort finds nothing.
    ttl = model.schedule.grid.period - MOMENT
    return {
        "model": model,
        "task_name": model.description.rstrip("."),
        "key": key,
        "key_type": KEY_TYPES[model.entity.stored_type],
        "query": write_query(model, key, columns),
        "fields": [(column.name, TYPES[column.type]) for column in columns],
        "ttl": ttl,
        "ttl_seconds": int(ttl.total_seconds()),
        "settle": model.schedule.settle_hours,
        "feast": FEAST,
        "role": ROLE,
        "is_composite": model.entity.is_composite,
        "is_uuid": model.entity.stored_type == "uuid",
    }


def _check_names(model: Model, key: str, columns: Sequence[Column]) -> None:
    """Feast names features as `<view>__<feature>` in SQL, and has columns of its own."""
    names = [column.name for column in columns]
    strange = [name for name in names if not NAME.fullmatch(name)]
    taken = [name for name in (*names, key) if name in OURS or name.endswith("__entity_row_unique_id")]
    longest = LONGEST_IDENTIFIER - len(f"{model.name}__")
    for found, why in (
        (strange, "Feast puts names into SQL and Python: they must be letters, digits and underscores"),
        (taken, "Feast or the export has a column of that name"),
        (
            [name for name in names if len(name) > longest],
            f"with the model before them they have more than {LONGEST_IDENTIFIER} bytes",
        ),
    ):
        if found:
            raise ExportRefused(
                f"{model.name}: {', '.join(found)} cannot be a feature of Feast: {why}. Nothing was written. Give it a second "
                f"time, under another name, in sql/{model.name}/features.sql, as a column can only be added."
            )


def _write_literal(text: str) -> str:
    """A Python literal in double quotes."""
    return json.dumps(text, ensure_ascii=False)
