"""Where PostgreSQL's catalogs differ from what is declared, each with the statement that mends it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from perennial.stores import queries
from perennial.stores.sessions import Session
from perennial.stores.warehouse.rights import declared
from perennial.stores.warehouse.rights.declared import (
    EVERYBODY,
    FACTS,
    FUNCTIONS,
    LEDGER,
    MAY_LACK,
    MEMBERS,
    ROLES,
    SCHEMAS,
    WATCHED,
    Granted,
)

DATABASE = "<database>"  # what stands in no schema
PRIVILEGE = re.compile(r"([a-z]+)(?: \(([^)]*)\))?(?:, |$)")


@dataclass(frozen=True)
class Difference:
    """One thing that is otherwise than declared, in words, and the statement that mends it."""

    said: str
    statement: str


class Right(NamedTuple):
    """One privilege of one role on one thing; `column` is empty where it is on the whole of it."""

    kind: str
    name: str
    role: str
    privilege: str
    column: str


def compare_rights(session: Session) -> tuple[Difference, ...]:
    """Everything that some role of ours may and should not, or should and may not; things that belong to somebody else.

    Reading is its owner's to give: to roles that are not ours, and of tables in `source` to all. What follows from being a
    superuser is not looked at.
    """
    things = _ask(session, "list_things")
    given = {
        Right(row.kind, row.name, row.role, f"grant option for {row.privilege}" if row.is_grantable else row.privilege, row.part)
        for row in _ask(session, "list_given")
    }
    database = session.exec_driver_sql("select quote_ident(current_database())").scalar_one()
    lacking = set(MAY_LACK) - set(session.exec_driver_sql("select rolname from pg_roles").scalars())
    declared_rights = {right for thing in things for right in _want(thing)} | set(_want_beside(database))
    wanted = {right for right in declared_rights if right.role not in lacking}
    differences = [
        *_describe(wanted - given, "may not {} {}", "grant {} on {} to {}"),
        *_describe(given - wanted, "may {} {}", "revoke {} on {} from {}", wanted),
        *(_return_right(row) for row in _ask(session, "list_withdrawn")),
        *(found for thing in things for found in _find_stranger(thing)),
        *_compare_members(_ask(session, "list_members")),
    ]
    return tuple(differences)


def find_lifted(session: Session) -> tuple[Difference, ...]:
    """Triggers of the ledger that are off; tables of facts whose trigger is gone, or refuses less than declared."""
    off = [
        Difference(
            f"the trigger {row.trigger} of ledger.{row.name} is off",
            f"alter table ledger.{row.name} enable trigger {row.trigger}",
        )
        for row in _ask(session, "list_lifted")
    ]
    refused = {row.name: read_refused(row) for row in _ask(session, "list_guards")}
    return (*off, *(_guard_anew(name, stops) for name, stops in FACTS.items() if refused.get(name) != stops))


def _guard_anew(name: str, stops: str) -> Difference:
    statement = (
        f"drop trigger if exists facts_stay on ledger.{name}; create trigger facts_stay before "
        f"{stops.replace(', ', ' or ')} on ledger.{name} for each statement execute function ledger.refuse_change()"
    )
    return Difference(f"no trigger of ledger.{name} refuses {stops}, and only these, to everybody", statement)


def read_refused(guard: Any) -> str:
    """What a trigger refuses, as it is declared."""
    stops = {"delete": guard.stops_delete, "truncate": guard.stops_truncate, "update": guard.stops_update}
    return ", ".join(name for name, is_stopped in stops.items() if is_stopped)


def split_privileges(given: str) -> Iterator[tuple[str, str]]:
    """`select, update (a, b)` -> (select, ''), (update, a), (update, b)."""
    for privilege, columns in PRIVILEGE.findall(given):
        for column in columns.split(", "):
            yield privilege, column


def given_on(thing: Any) -> Granted:
    """Role -> privileges on a schema, table, view, sequence or function, as declared; thing has a kind, schema and bare name."""
    schema = SCHEMAS[thing.schema]
    if thing.kind == "schema":
        return schema.given
    if thing.kind == "function":
        return dict.fromkeys(FUNCTIONS.get(f"{thing.schema}.{thing.bare}", "").split(", "), "execute")
    if thing.kind == "sequence" or thing.schema == "source":
        return {}
    if thing.schema == "ledger":
        return {"pipeline": LEDGER.get(thing.bare, ""), "watcher": WATCHED.get(thing.bare, "")}
    return schema.each


def _want(thing: Any) -> Iterator[Right]:
    kind = thing.kind if thing.kind in ("schema", "function", "sequence") else "table"
    return _spread(kind, thing.name, given_on(thing))


def _want_beside(database: str) -> Iterator[Right]:
    """On the database, and on what roles will make."""
    yield from _spread("database", database, declared.DATABASE)
    for name, schema in SCHEMAS.items():
        if schema.by_default:
            for right in _spread("default", f"for role {schema.by_default} in schema {name}", schema.each):
                yield right._replace(column="tables")


def _spread(kind: str, name: str, given: Granted) -> Iterator[Right]:
    return (Right(kind, name, role, *each) for role, listed in given.items() for each in split_privileges(listed))


def _describe(rights: Iterable[Right], words: str, statement: str, stays: Collection[Right] = ()) -> Iterator[Difference]:
    """`stays`: given again where it is of single columns; whoever takes a privilege from the table takes it from them too."""
    for key, group in groupby(sorted(rights), key=lambda right: right[:4]):
        kind, name, role, privilege = key
        columns = [right.column for right in group if right.column]
        if kind == "default":
            said = f"{role} {words.format(privilege, f'the {columns[0]} that are made {name}')}"
            yield Difference(said, f"alter default privileges {name} {statement.format(privilege, columns[0], role)}")
            continue
        spelt = f"{privilege} ({', '.join(columns)})" if columns else privilege
        thing = name if kind == "table" else f"{kind} {name}"
        again = sorted(right.column for right in stays if right[:4] == key and right.column) if not columns else []
        back = f"; grant {privilege} ({', '.join(again)}) on {thing} to {role}" if again else ""
        yield Difference(f"{role} {words.format(spelt, thing)}", statement.format(spelt, thing, role) + back)


def _return_right(row: Any) -> Difference:
    statement = f"grant {row.privilege} on {row.name if row.kind == 'table' else f'{row.kind} {row.name}'} to {row.owner}"
    return Difference(f"{row.owner} may not {row.privilege} {row.name}, which is its own", statement)


def _find_stranger(thing: Any) -> Iterator[Difference]:
    """A thing that belongs to another role than declared; a sequence goes with its table."""
    schema = SCHEMAS[thing.schema]
    fixed = {"schema": "owner", "function": "owner" if f"{thing.schema}.{thing.bare}" in FUNCTIONS else None, "sequence": None}
    owner = fixed.get(thing.kind, schema.belongs_to)
    if owner is not None and thing.owner != owner:
        said = f"the {thing.kind} {thing.name} belongs to {thing.owner}"
        yield Difference(said, f"alter {thing.kind} {thing.name} owner to {owner}")


def _compare_members(rows: Iterable[Any]) -> Iterator[Difference]:
    found = {(row.role, row.of_role) for row in rows}
    wanted = {(role, of_role) for role, listed in MEMBERS.items() for of_role in listed}
    for role, of_role in sorted(found - wanted):
        yield Difference(f"{role} may do whatever {of_role} may", f"revoke {of_role} from {role}")
    for role, of_role in sorted(wanted - found):
        yield Difference(f"{role} may not do what {of_role} may", f"grant {of_role} to {role}")


def _ask(session: Session, name: str) -> list[Any]:
    binds: Mapping[str, object] = {"schemas": [*SCHEMAS, DATABASE], "roles": [*ROLES, EVERYBODY]}
    query = queries.load("rights")[name]
    return list(session.execute(query, {key: binds[key] for key in binds if f":{key}" in query.text}))
