"""What `perennial new` does not draft: tables of states, and keys of several columns. It gives the lines to write by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from perennial.records.profiles import FoundTable
from perennial.stores.warehouse.relations import CLOCK, DAY, INSTANT

PERIOD = re.compile(r"^(.*?)(valid|effective|row)_?(from|start)(.*)$", re.IGNORECASE)
ENDS = {"from": ("to", "until"), "start": ("end",)}
GUIDE = "docs/how-to/tables-as-they-are.md says more."


def explain_timeless(table: FoundTable) -> str:
    """A table whose rows say nothing of when: it is captured, beside one of events."""
    lines = [*_open_source(table), 'times = "captured"', _write_key([one.name for one in table.columns if one.in_primary_key])]
    return (
        f"--table {table.written}: none of its columns is a timestamp or a date, so nothing says when a row happened. Draft from "
        "a table of events, or from a view that adds their time. What this table says of an entity goes beside it: write into "
        f"the file of the model\n\n{_join(lines)}\n\nand join it in features.sql. Its history begins with the first `perennial "
        f"capture`. {GUIDE}"
    )


def find_end(table: FoundTable, begin: str) -> str | None:
    """The column that ends the periods that `begin` begins, such as valid_to; None where a row is no period."""
    found = PERIOD.match(begin)
    if found is None:
        return None
    before, what, word, after = found.groups()
    for end in ENDS[word.lower()]:
        for name in (f"{before}{what}_{end}{after}", f"{before}{what}{end}{after}"):
            for column in table.columns:
                if column.name.lower() == name.lower() and column.type in (INSTANT, CLOCK, DAY):
                    return column.name
    return None


def explain_periods(table: FoundTable, entity: str, begin: str, end: str) -> str:
    """Rows that hold from one time to another are states, not events."""
    times = ['times = "validity"', f"valid_from = {json.dumps(begin)}", f"valid_to = {json.dumps(end)}"]
    lines = [*_open_source(table), *times, _write_key([entity])]
    return (
        f"--event-at {begin}: with {end} it says how long a row of {table.written} held, which is a state and no event. Draft "
        "from a table of events. What held of an entity goes beside it: write into the file of the model\n\n"
        f"{_join(lines)}\n\nand join it in features.sql. {GUIDE}"
    )


def explain_composite(table: FoundTable, names: Sequence[str], types: Sequence[str]) -> str:
    """A key of several columns."""
    lines = ["[entity]", f"key = {json.dumps(list(names))}", f"type = {json.dumps(list(types))}"]
    joined = " || '/' || ".join(names)
    return (
        f"--entity {','.join(names)}: one column is drafted. Either draft from a view over {table.written} with a column such as "
        f"`{joined} as {'_'.join(names)}`; or draft with --entity {names[0]}, write into the file of the model\n\n{_join(lines)}"
        f"\n\nand let features.sql and labels.sql give {' and '.join(names)} wherever they give entity_id: in what they select, "
        "group and join by."
    )


def _open_source(table: FoundTable) -> list[str]:
    name = re.sub(r"[^a-z0-9]+", "_", table.name.lower()).strip("_")
    plain = f"{table.schema}.{table.name}"
    written = table.written if {".", '"'} & set(table.schema + table.name) else plain
    return [f"[sources.{name}]", f"table = {json.dumps(written)}"]


def _write_key(names: Sequence[str]) -> str:
    listed = json.dumps(list(names) or ["id"])
    return f"key = {listed}" + ("" if names else "  # the columns that identify a row")


def _join(lines: Sequence[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)
