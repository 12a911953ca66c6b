"""Every key of a model file as people read of it: its dotted name, its type in words, its default and its meaning.

The meaning is the `description` of the pydantic field, and stands nowhere else: from here follow the reference page and
`perennial keys`, and tests compare the comments of model files with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from perennial.config.model import Model

Schema = Mapping[str, Any]
"""A piece of JSON Schema, as pydantic writes it."""

PLAIN_TYPES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
BOUNDS = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}


@dataclass(frozen=True)
class Key:
    """One key of a model file.

    Attributes:
        name: dotted; in `sources.<name>.key` any source is meant.
        type: in words.
        default: as TOML writes it; empty where there is none.
        description: what it means; a sentence without its full stop.
    """

    name: str
    type: str
    default: str
    is_required: bool
    description: str

    @property
    def table(self) -> str:
        """The table that holds it; empty at the top of the file."""
        return self.name.rpartition(".")[0]


@dataclass(frozen=True)
class Table:
    """One table of a model file: its dotted name, and what its keys are about."""

    name: str
    description: str


def list_keys() -> tuple[Key, ...]:
    """Every key, in the order of a model file: those of a table stand before those of the tables inside it."""
    return tuple(key for key in _walk() if isinstance(key, Key))


def list_tables() -> tuple[Table, ...]:
    """Every table, in the order of a model file."""
    return tuple(table for table in _walk() if isinstance(table, Table))


def _walk() -> Iterator[Key | Table]:
    schema = Model.model_json_schema()
    return _walk_table(schema, schema["$defs"], "")


def _walk_table(table: Schema, definitions: Mapping[str, Schema], prefix: str) -> Iterator[Key | Table]:
    inner: list[tuple[str, Schema, Schema]] = []
    for name, field in table["properties"].items():
        reference = _find_reference(field)
        if reference is None:
            yield _describe(f"{prefix}{name}", field, is_required=name in table.get("required", ()))
        else:
            inner.append((f"{prefix}{name}" + (".<name>" if "$ref" not in field else ""), field, definitions[reference]))
    for name, field, section in inner:
        yield Table(name, field["description"])
        yield from _walk_table(section, definitions, f"{name}.")


def _find_reference(field: Schema) -> str | None:
    """The section that a field holds, once or under names of the user's choice; None for a plain key."""
    holders = (field, *field.get("patternProperties", {}).values())
    found = next((holder["$ref"] for holder in holders if "$ref" in holder), None)
    return found.rpartition("/")[2] if found else None


def _describe(name: str, field: Schema, *, is_required: bool) -> Key:
    default = field.get("default")
    written = "" if default is None else json.dumps(default)
    return Key(name, name_type(field), written, is_required=is_required, description=field["description"])


def name_type(field: Schema) -> str:
    """The type of a key in words: `{"type": "integer", "minimum": 1}` is a whole number, at least 1."""
    if ("anyOf" in field or "oneOf" in field) and "format" in field:
        return str(field["format"])
    if "anyOf" in field:  # a key that may be left out is also null, which no TOML file can say
        return name_type(next(kind for kind in field["anyOf"] if kind.get("type") != "null"))
    if "enum" in field or "const" in field:
        return " or ".join(json.dumps(value) for value in field.get("enum", (field.get("const"),)))
    match field["type"]:
        case "array":
            return _name_list(field)
        case "object":
            return f"table: name = {name_type(next(iter(field['patternProperties'].values())))}"
        case plain:
            bounds = [f"{word} {field[key]}" for key, word in BOUNDS.items() if key in field]
            return ", ".join([field.get("format", PLAIN_TYPES[plain]), *bounds])


def _name_list(field: Schema) -> str:
    if "prefixItems" in field:
        return f"[{', '.join(name_type(item) for item in field['prefixItems'])}]"
    item = name_type(field["items"])
    return f"list of {item}" if '"' in item else f"list of {item}s"
