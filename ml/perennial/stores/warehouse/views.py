"""The views of `sql/views/`, run when their text has changed and left alone otherwise, so that readers never wait."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from psycopg2 import errors
from sqlalchemy.exc import DBAPIError

from perennial.config import PLATFORM_SQL, Model
from perennial.errors import ConfigError
from perennial.stores import queries
from perennial.stores.sessions import Session, run_script, take_lock
from perennial.stores.warehouse.entities import read_key
from perennial.stores.warehouse.identifiers import quote
from perennial.tasks import task_of
from perennial.tasks.outcomes import HEADLINE

FOLDER = PLATFORM_SQL / "views"
CREATED = re.compile(r"create (?:or replace )?view (analytics\.[a-z_][a-z0-9_]*)")


@dataclass(frozen=True)
class ViewFile:
    """One file of views with its placeholder filled in; `name` is its key in ledger.views."""

    name: str
    statements: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.statements.encode()).hexdigest()

    @property
    def views(self) -> tuple[str, ...]:
        return tuple(CREATED.findall(self.statements))


def sync_views(session: Session, model: Model) -> tuple[str, ...]:
    """Run the global view files and those of the model that changed or whose views are gone; a sentence for each."""
    stale = [file for file in _read_files(model) if _is_stale(session, file)]
    if stale:
        take_lock(session, "sync views")  # models share the global files; who waited looks again
    return tuple(f"{file.name}: views made anew" for file in stale if _sync_file(session, file))


def _read_files(model: Model) -> tuple[ViewFile, ...]:
    common = (ViewFile(path.stem, path.read_text(encoding="utf-8")) for path in sorted((FOLDER / "global").glob("*.sql")))
    own = (
        ViewFile(f"{model.name}:{path.stem}", fill(path.read_text(encoding="utf-8"), model))
        for path in sorted((FOLDER / "model").glob("*.sql"))
    )
    return (*common, *own)


def fill(statements: str, model: Model) -> str:
    """The file for one model: `{key_columns}` becomes the columns of its key, and a line with `{key}` stands once for each.

    `{score}` becomes what a score of its task is, `{published_columns}` what is published beside it. A line with `{published}`
    stands once for each of those, with its `{meaning}`, one with `{outcome}` for each column that the task shows of outcomes,
    with its `{outcome_part}` and `{outcome_meaning}`, and one with `{figure}` for each figure that these are read from.
    """
    key, task = read_key(model.entity), task_of(model)
    repeated = {
        "{key}": [{"{key}": quote(name)} for name, _ in key],
        "{published}": [
            {"{published}": quote(name), "{meaning}": column.meaning.replace("'", "''")}
            for name, column in task.published.items()
        ],
        "{outcome}": [
            {"{outcome}": quote(name), "{outcome_part}": column.part, "{outcome_meaning}": column.meaning.replace("'", "''")}
            for name, column in task.outcomes.items()
        ],
        "{figure}": [
            {"{figure}": quote(name), "{is_figure}": "position = 1" if name == HEADLINE else f"metric = '{name}'"}
            for name in dict.fromkeys(column.figure for column in task.outcomes.values())
            if name is not None
        ],
    }
    lines = [
        _replace(line, each)
        for line in statements.splitlines(keepends=True)
        for mark in [next((known for known in repeated if known in line), "")]
        for each in repeated.get(mark, [{}])
    ]
    columns = "".join(f",\n    {part} as {quote(name)}" for name, part in key)
    return (
        "".join(lines)
        .replace("{key_columns}", columns)
        .replace("{published_columns}", "".join(f" {quote(name)}," for name in task.published))
        .replace("{score}", task.score_meaning)
        .replace("{model}", model.name)
    )


def _replace(line: str, values: Mapping[str, str]) -> str:
    for mark, value in values.items():
        line = line.replace(mark, value)
    return line


def _sync_file(session: Session, file: ViewFile) -> bool:
    if not file.views:
        raise ConfigError(f"sql/views: {file.name} creates no view of the form `create view analytics.name as`.")
    if not _is_stale(session, file):
        return False
    _run(session, file)
    session.execute(queries.load("warehouse")["record_view_digest"], {"name": file.name, "digest": file.digest})
    return True


def _is_stale(session: Session, file: ViewFile) -> bool:
    known = session.execute(queries.load("warehouse")["read_view_digest"], {"name": file.name}).scalar_one_or_none()
    return known != file.digest or not all(_exists(session, view) for view in file.views)


def _run(session: Session, file: ViewFile) -> None:
    """Replace in place; where columns changed PostgreSQL refuses that, and the views are dropped and made again."""
    try:
        with session.begin_nested():
            run_script(session, file.statements)
    except DBAPIError as error:
        if not isinstance(error.orig, errors.InvalidTableDefinition | errors.DuplicateTable):
            raise ConfigError(f"sql/views: {file.name} does not run: {str(error.orig).strip()}") from error
        session.exec_driver_sql(f"drop view if exists {', '.join(file.views)} cascade")
        run_script(session, file.statements)


def _exists(session: Session, view: str) -> bool:
    return bool(session.execute(queries.load("warehouse")["relation_exists"], {"name": view}).scalar_one())
