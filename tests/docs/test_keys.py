"""Every key of a model file has one text: its description, of which the comments of a commented model file are copies."""

import re
import tomllib

import pytest
from pydantic import BaseModel

from perennial.config import Model
from perennial.config.keys import list_keys, list_tables, name_type
from tests.paths import ROOT

COMMENTED = (ROOT / "models" / "lapse.toml",)
TABLE = re.compile(r"^(?:# )?\[(?P<name>[a-z0-9_.]+)\] *(?:# (?P<behind>.*))?$")
KEY = re.compile(r"^(?:# )?(?P<name>[a-z0-9_]+) = (?P<value>\S.*?) *(?:# (?P<behind>.*))?$")


def find_fields(section=Model, prefix=""):
    """Every plain key of the pydantic models, found without JSON Schema: the other way to count them."""
    fields = set()
    for name, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            fields |= find_fields(inner, f"{prefix}{name}.")
        elif name == "sources":
            fields |= find_fields(inner.__args__[1], "sources.<name>.")
        else:
            fields.add(f"{prefix}{name}")
    return fields


def generalise(table):
    """The name of a table as `list_tables` has it."""
    return re.sub(r"^sources\.\w+", "sources.<name>", table)


def read_comments(text):
    """(name, comment above, comment behind) of every key and table, those that are commented out as well."""
    table, above, found = "", [], []
    for line in text.splitlines():
        heading, key = TABLE.match(line), KEY.match(line)
        if heading:
            table = generalise(heading["name"])
            found.append((table, " ".join(above), heading["behind"]))
        elif key:
            found.append((f"{table}.{key['name']}".lstrip("."), " ".join(above), key["behind"]))
        above = [*above, line[2:]] if line.startswith("# ") and not (heading or key) else []
    return found


def test_every_field_is_a_key_once():
    names = [key.name for key in list_keys()]
    assert sorted(find_fields()) == sorted(names)


@pytest.mark.parametrize("described", [*list_keys(), *list_tables()], ids=lambda one: one.name)
def test_a_key_and_a_table_say_what_they_mean(described):
    assert re.fullmatch(r"[A-Z\[s].{9,}[^.]", described.description)


def test_a_key_tells_whether_it_is_required_and_what_it_is_without_a_word():
    keys = {key.name: key for key in list_keys()}
    required = keys["label.horizon_days"]
    assert (required.is_required, required.type, required.default) == (True, "whole number, at least 1, at most 730", "")
    optional = keys["training.algorithms"]
    assert (optional.is_required, optional.default) == (False, '["xgboost", "lightgbm"]')
    assert (keys["promotion.capacity"].type, keys["promotion.capacity"].default) == ("whole number, at least 1", "")


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, "number, above 0, at most 1"),
        ({"type": "string", "format": "name", "pattern": "x"}, "name"),
        ({"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]}, "date"),
        ({"type": "string", "enum": ["a", "b"]}, '"a" or "b"'),
        ({"type": "string", "const": "a"}, '"a"'),
        ({"type": "array", "items": {"type": "string", "format": "name"}}, "list of names"),
        ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "integer"}]}, "[whole number, whole number]"),
        ({"type": "object", "patternProperties": {"x": {"type": "number"}}}, "table: name = number"),
    ],
)
def test_a_type_is_named_in_words(schema, words):
    assert words == name_type(schema)


@pytest.mark.parametrize("path", COMMENTED, ids=lambda path: path.name)
def test_the_comment_of_a_key_is_its_description(path):
    descriptions = {one.name: one.description for one in [*list_keys(), *list_tables()]}
    firsts = {}
    for name, *comments in read_comments(path.read_text(encoding="utf-8")):
        firsts.setdefault(name, comments)
    unlike = {name: texts for name, texts in firsts.items() if name in descriptions and descriptions[name] not in texts}
    assert {} == unlike


def test_the_example_that_ships_shows_every_key():
    shown = {name for name, *_ in read_comments(COMMENTED[0].read_text(encoding="utf-8"))}
    assert set() == {one.name for one in [*list_keys(), *list_tables()]} - shown


@pytest.mark.parametrize("key", [key for key in list_keys() if key.default], ids=lambda key: key.name)
def test_a_default_is_written_as_toml(key):
    assert tomllib.loads(f"value = {key.default}")
