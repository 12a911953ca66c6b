"""What is sent to PostgreSQL, written down instead: for tests of the SQL that is built. What it means there, tests/sql knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from perennial.stores import queries


@dataclass(frozen=True)
class Rows:
    """A result: rows, or one value."""

    found: object

    def __iter__(self) -> Iterator[object]:
        return iter(self.found)

    def scalar_one(self) -> object:
        return self.found

    def one_or_none(self) -> object:
        return self.found or None

    def scalars(self) -> Rows:
        return self

    def all(self) -> object:
        return self.found


LOOKED_UP = (
    *("read_table_columns", "read_access", "read_source_kind", "read_source_trees", "read_source_columns", "read_types"),
    "lock table",
)


@dataclass
class Statements:
    """Stands where a session does; `answers` says what is found, by the beginning of a statement or the name of a query.

    Attributes:
        sent: statements with the values that they bind, white space made one; a query of sql/queries by its name.
    """

    answers: Mapping[str, object] = field(default_factory=dict)
    sent: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    info: dict[str, object] = field(default_factory=dict)

    def execute(self, statement, values=None) -> Rows:
        names = {text: name for file in ("warehouse", "judging") for name, text in queries.load(file).items()}
        return self._send(names.get(statement, " ".join(str(statement).split())), values or {})

    def exec_driver_sql(self, statement: str, values=None) -> Rows:
        return self._send(statement, values or {})

    def _send(self, said: str, values: dict[str, object]) -> Rows:
        self.sent.append((said, dict(values)))
        known = {**self.answers, "read_source_kind": "r"}
        found = next((answer for beginning, answer in known.items() if said.startswith(beginning)), ())
        if isinstance(found, Exception):
            raise found
        return Rows(found)

    def get_nested_transaction(self) -> None:
        """No savepoint is open."""

    @property
    def asked(self) -> list[tuple[str, dict[str, object]]]:
        """What was sent, but for looking up tables."""
        return [sent for sent in self.sent if not sent[0].startswith(LOOKED_UP)]

    @property
    def texts(self) -> list[str]:
        return [said for said, _ in self.sent]
