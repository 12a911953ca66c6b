"""A suite file -> a checked `Suite`, or an error that names file, expectation, found and fix.

The files are Great Expectations' own JSON form of an ExpectationSuite. What we add stands in each expectation's `meta`:

- `note`: the sentence that people read when the expectation fails (required);
- `action`: `quarantine` sets the failing rows aside and goes on, `stop` (the default) ends the day. A rule about a whole
  column still sees the rows that others reject: a median shrugs one wild figure off, a mean does not;
- `table`, `days`: in source.json only, the declared source and how many days before the as_of to look at
  (without `days`: everything known). Such a table has one more column, `age_days`: days from the event to the as_of.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from perennial.config import ENTITY
from perennial.config.declaration import Declaration
from perennial.config.section import Identifier
from perennial.errors import ConfigError
from perennial.records import Window

SuiteName = Literal["source", "snapshot", "scores"]
ROW_RULE_PREFIXES = ("expect_column_values_to_", "expect_column_pair_values_")


class Note(BaseModel):
    """The `meta` of one expectation."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    note: str = Field(min_length=1)
    action: Literal["stop", "quarantine"] = "stop"
    table: Identifier | None = None
    days: Annotated[int, Field(ge=1)] | None = None


class Rule(BaseModel):
    """One expectation; unknown keys are errors, because a misspelt one would check nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    type: str = Field(pattern=r"^expect_[a-z_]+$")
    kwargs: dict[str, JsonValue]
    meta: Note

    @model_validator(mode="after")
    def _only_rows_go_to_quarantine(self) -> Rule:
        if self.meta.action == "quarantine" and (not self.type.startswith(ROW_RULE_PREFIXES) or "mostly" in self.kwargs):
            raise ValueError(
                'action = "quarantine" needs an expectation about single rows (expect_column_values_to_..., '
                "expect_column_pair_values_...) without `mostly`: quality.max_quarantined_share is the limit"
            )
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it is about; of a pair, both; none for a rule about the whole table."""
        named = [self.kwargs[key] for key in ("column", "column_A", "column_B") if self.kwargs.get(key)]
        listed = self.kwargs.get("column_list")
        return tuple(str(name) for name in named or (listed if isinstance(listed, list) else []))

    @property
    def column(self) -> str | None:
        """The same as one text; None for a rule about the whole table."""
        return ", ".join(self.columns) or None

    @property
    def needs_all_columns(self) -> bool:
        """It is about what columns there are, or its condition names some that nobody else reads."""
        return self.type.startswith("expect_table_column") or "row_condition" in self.kwargs

    @property
    def name(self) -> str:
        """What the ledger calls it; unique within a suite: `expect_column_values_to_not_be_null: orders.order_id, 7 days`."""
        subject = ".".join(part for part in (self.meta.table, self.column) if part)
        window = f"{self.meta.days} days" if self.meta.days else ""
        described = ", ".join(part for part in (subject, window) if part)
        return f"{self.type}: {described}" if described else self.type


class SuiteFile(BaseModel):
    """The whole file, in the form that Great Expectations itself writes."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str
    expectations: tuple[Rule, ...] = Field(min_length=1, strict=False)
    meta: dict[str, JsonValue] = {}
    notes: str | None = None
    id: str | None = None


class Suite(BaseModel):
    """The expectations of one file, checked against the model.

    Attributes:
        key: column that names a row (entity_id), or None where rows cannot be set aside.
    """

    model_config = ConfigDict(frozen=True)

    which: SuiteName
    rules: tuple[Rule, ...]
    key: str | None

    @property
    def unique(self) -> str | None:
        """The column that the primary key of what it looks at keeps unique and not null: a day holds each entity once."""
        return None if self.which == "source" else ENTITY

    def view_of(self, rule: Rule) -> str:
        """The view that a rule looks at: `snapshot`, `scores`, or of a source `orders_7_days`, `products_all`."""
        if rule.meta.table is None:
            return self.which
        return f"{rule.meta.table}_{rule.meta.days}_days" if rule.meta.days else f"{rule.meta.table}_all"

    @property
    def views(self) -> dict[str, tuple[Rule, ...]]:
        """The rules by the view that they look at."""
        names = dict.fromkeys(self.view_of(rule) for rule in self.rules)
        return {name: tuple(rule for rule in self.rules if self.view_of(rule) == name) for name in names}

    @property
    def windows(self) -> dict[str, Window]:
        """Of source.json: what each view shows."""
        return {
            name: Window(rules[0].meta.table, rules[0].meta.days, _join_columns(rules))
            for name, rules in self.views.items()
            if rules[0].meta.table is not None
        }


def _join_columns(rules: tuple[Rule, ...]) -> tuple[str, ...] | None:
    if any(rule.needs_all_columns for rule in rules):
        return None
    return tuple(dict.fromkeys(name for rule in rules for name in rule.columns))


def load_suite(declaration: Declaration, which: SuiteName) -> Suite:
    """Read and check `expectations/<model>/<which>.json`.

    Raises:
        ConfigError: the file is missing or not a suite, or a rule contradicts the model; the message says which.
    """
    path = declaration.expectations / f"{which}.json"
    shown = f"expectations/{declaration.model.name}/{which}.json"
    rules = _parse(path, shown).expectations
    problems = [problem for rule in rules for problem in _misplaced(rule, which, declaration)]
    problems += [f"'{name}' stands {count} times: join them" for name, count in _repeated(rules)]
    if problems:
        raise ConfigError("\n".join(f"{shown}: {problem}." for problem in problems))
    return Suite(which=which, rules=rules, key=ENTITY if which == "snapshot" else None)


def _parse(path: Path, shown: str) -> SuiteFile:
    if not path.is_file():
        raise ConfigError(f"{shown} does not exist: a missing suite would let everything pass.")
    try:
        return SuiteFile.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(shown, problem) for problem in error.errors())) from error


def _explain(shown: str, problem: object) -> str:
    assert isinstance(problem, dict)
    key = ".".join(str(part) for part in problem["loc"]) or "(whole file)"
    return f"{shown}: {key}: {problem['msg'].removeprefix('Value error, ')}."


def _misplaced(rule: Rule, which: SuiteName, declaration: Declaration) -> list[str]:
    table, days = rule.meta.table, rule.meta.days
    if which != "source":
        wrong = [f"'{rule.name}': `table` and `days` belong in source.json only"] if table or days else []
        if which == "scores" and rule.meta.action == "quarantine":
            wrong.append(f"'{rule.name}': scores are published whole or not at all; remove the action")
        return wrong
    source = declaration.model.sources.get(table or "")
    if source is None:
        return [f"'{rule.name}': meta.table must name one of the sources {sorted(declaration.model.sources)}"]
    if rule.meta.action == "quarantine":
        return [f"'{rule.name}': rows of a source cannot be set aside; use `mostly`, or a rule in snapshot.json"]
    if days is not None and not source.is_dated:
        return [f"'{rule.name}': {table} tells no time, so `days` means nothing; remove it"]
    return []


def _repeated(rules: tuple[Rule, ...]) -> list[tuple[str, int]]:
    return [(name, count) for name, count in Counter(rule.name for rule in rules).items() if count > 1]
