"""What somebody asks of a new model: the table, its columns, the outcome."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from perennial.config.terms import Form, Terms, find_drafted, list_terms
from perennial.errors import ConfigError
from perennial.homes.new.by_hand import explain_composite, explain_periods, explain_timeless, find_end
from perennial.records.profiles import FoundColumn, FoundTable
from perennial.stores.warehouse.relations import CLOCK, DAY, INSTANT

NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision")
WHOLE_NUMBERS, TEXTS = ("smallint", "integer", "bigint"), ("text", "character varying", "character", "enum")
UUID = "uuid"
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
UNPLAIN = re.compile(r"[^a-z0-9]+")
TIMES = (INSTANT, CLOCK, DAY)
ABSENCE, PRESENCE = "absence", "presence"
OUTCOMES: Mapping[Form, str] = {
    "condition": "absence, presence or a condition",
    "sum": "a column of numbers, which are summed up",
    "commonest": "a column of texts, whose commonest is the class",
}


@dataclass(frozen=True)
class Wish:
    """One new model.

    Attributes:
        known_at: the column that says when a row was learned; None assumes that rows are there at once, and never change.
        key: columns that identify a fact; empty takes the primary key, if there is one.
        zone: what the clock showed that wrote times without a zone, where there are such.
        predict: `absence` or `presence` of facts in the horizon, a condition in SQL that one of them meets, a numeric column,
            whose sum over them is then the amount that is predicted, or a column of texts, whose commonest one is the class.
        today: the local day on which the wish is made.
        asked_for: what labels are to be; None: what is drafted from such an outcome by itself.
    """

    name: str
    table: FoundTable
    entity: str
    event_at: str
    known_at: str | None
    key: tuple[str, ...]
    predict: str
    days: int
    timezone: str
    zone: str | None
    owner: str
    today: date
    asked_for: str | None = None

    @property
    def form(self) -> Form:
        """What labels are drafted from."""
        return "sum" if self.amount is not None else "commonest" if self.classes is not None else "condition"

    @property
    def task(self) -> str:
        """What labels are."""
        return self.asked_for or find_drafted(self.form)

    @property
    def terms(self) -> Terms:
        """What a model file may say of such labels."""
        return list_terms()[self.task]

    @property
    def is_condition(self) -> bool:
        """The outcome is a condition of the user's own."""
        return self.predict not in (ABSENCE, PRESENCE) and self.amount is None and self.classes is None

    @property
    def amount(self) -> FoundColumn | None:
        """The column whose sum is predicted, if the wish names one."""
        return self._find(NUMBERS)

    @property
    def classes(self) -> FoundColumn | None:
        """The column whose commonest text is predicted, if the wish names one."""
        return self._find(TEXTS)

    def _find(self, types: tuple[str, ...]) -> FoundColumn | None:
        named = (column for column in self.table.columns if self.predict in (column.name, column.written))
        return next((column for column in named if column.type in types), None)


def name_plainly(name: str) -> str:
    """A name in small letters, digits and _: `AccountID` is account_id."""
    plain = UNPLAIN.sub("_", CAMEL.sub("_", name).lower()).strip("_") or "facts"
    return plain if plain[0].isalpha() else f"t_{plain}"


def explain_condition(wish: Wish, source: str, refusal: str) -> str:
    """Why PostgreSQL takes a condition for none, in words that name no file: none was written."""
    file = f"sql/{wish.name}/labels.sql"
    said = refusal.replace(f"{file} is not a valid query: ", "").replace(file, "the condition")
    unquoted = re.sub(r"\"[^\"]*\"|'[^']*'", " ", wish.predict)
    folded = [
        column.written
        for column in wish.table.columns
        if column.written != column.name and re.search(rf"\b{re.escape(column.name)}\b", unquoted, re.IGNORECASE)
    ]
    names = f" SQL reads a name without quotes in small letters: write {', '.join(folded)}." if folded else ""
    amount = (
        "" if folded else " For an amount name one numeric column alone, in another unit one of a view; for a class one of texts."
    )
    return f"--predict '{wish.predict}' is no condition on a row of {source}: {said}\nNothing was written.{names}{amount}"


def check_task(wish: Wish) -> None:
    """Refuse a task that is drafted from something else, or that there is not.

    Raises:
        ConfigError: says what it is drafted from, or which tasks there are.
    """
    known = list_terms()
    if wish.task not in known:
        raise ConfigError(f"--task {wish.task}: there is no such task; there are {', '.join(known)}.")
    if wish.terms.drafted_from != wish.form:
        fitting = ", ".join(name for name, terms in known.items() if terms.drafted_from == wish.form)
        raise ConfigError(
            f"--task {wish.task}: its labels are drafted from {OUTCOMES[wish.terms.drafted_from]}, and --predict "
            f"'{wish.predict}' is {OUTCOMES[wish.form]}: give another --predict, or a task that is drafted from it ({fitting})."
        )


def check_table(table: FoundTable) -> None:
    """Refuse a table that cannot say when.

    Raises:
        ConfigError: none of its columns is a time.
    """
    if not propose_times(table):
        raise ConfigError(explain_timeless(table))


def check_columns(table: FoundTable, *, entity: str, event_at: str, known_at: str | None, key: tuple[str, ...]) -> None:
    """Refuse columns that do not exist, whose type says neither who nor when, or that are not drafted.

    Raises:
        ConfigError: names the option, and what to give.
    """
    entities = [name.strip() for name in entity.split(",")]
    asked = [
        *(("--entity", name) for name in entities),
        ("--event-at", event_at),
        ("--known-at", known_at),
        *(("--key", name) for name in key),
    ]
    for option, name in asked:
        if name is not None and table.get(name) is None:
            listed = ", ".join(column.name for column in table.columns)
            raise ConfigError(f"{option} {name}: {table.written} has no such column; it has {listed}.")
    if len(entities) > 1:
        types = [cast_entity(_get(table, name))[0] for name in entities]
        raise ConfigError(explain_composite(table, entities, types))
    if (end := find_end(table, event_at)) is not None:
        raise ConfigError(explain_periods(table, entity, event_at, end))
    cast_entity(_get(table, entity))
    for option, name in (("--event-at", event_at), ("--known-at", known_at)):
        if name is not None:
            _check_time(option, table, _get(table, name))


def cast_entity(column: FoundColumn) -> tuple[str, str]:
    """The type that a model file gives the entity, and the cast that a query needs for it, if any.

    Raises:
        ConfigError: the type identifies nobody.
    """
    if column.type in WHOLE_NUMBERS:
        return "bigint", "" if column.type == "bigint" else "::bigint"
    if column.type == UUID:
        return UUID, ""
    if column.type in TEXTS:
        return "text", "" if column.type == "text" else "::text"
    raise ConfigError(
        f"--entity {column.name}: it is of type {column.type}; name a column of whole numbers, text or uuid that says whom a row "
        "is about, or cast it in a view over the table."
    )


def propose_times(table: FoundTable) -> tuple[str, ...]:
    """The columns that may say when something happened."""
    return tuple(column.name for column in table.columns if column.type in TIMES)


def needs_zone(table: FoundTable, *names: str | None) -> tuple[str, ...]:
    """Those of the columns that are clocks without a zone."""
    return tuple(name for name in names if name and _get(table, name).type == CLOCK)


def propose_entities(table: FoundTable) -> tuple[str, ...]:
    """The columns that may say whom a row is about: what looks like a key of something else comes first."""
    fitting = [column for column in table.columns if column.type in (*WHOLE_NUMBERS, *TEXTS, UUID)]
    return tuple(column.name for column in sorted(fitting, key=lambda one: (one.in_primary_key, not one.name.endswith("id"))))


def _get(table: FoundTable, name: str) -> FoundColumn:
    column = table.get(name)
    assert column is not None
    return column


def _check_time(option: str, table: FoundTable, column: FoundColumn) -> None:
    """The one place to extend when the platform reads other types as times."""
    if column.type not in TIMES:
        fitting = ", ".join(propose_times(table)) or "none"
        raise ConfigError(
            f"{option} {column.name}: it is of type {column.type}, and a time is a timestamp or a date (here: {fitting}). Name "
            "another column, or a view that casts it."
        )
