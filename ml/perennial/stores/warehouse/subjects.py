"""Where an entity stands: the one place that knows how its key is written in every table of ours, and in the user's."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import text

from perennial.config import ENTITY, Declaration, Entity
from perennial.config.entity import KeyColumn
from perennial.errors import ConfigError, ForbiddenSource
from perennial.records.erasures import Elsewhere
from perennial.stores import queries
from perennial.stores.sessions import Session
from perennial.stores.warehouse.identifiers import quote, quote_for_text
from perennial.stores.warehouse.relations import list_columns, list_grants, name_history, name_table, show_table
from perennial.stores.warehouse.tables import name_recipe_scores
from perennial.stores.warehouse.trusting import check_trusted

SHORTEST_WORD = 4
"""Characters of a text key that is struck out of texts wherever it stands: `gold` may be a word, `7` may be any number."""

Kind = Literal["features", "labels", "scores"]


@dataclass(frozen=True)
class Place:
    """A table of ours in which rows of the entity may stand, and the condition that finds them."""

    name: str
    table: str
    condition: str
    model: str
    kind: Kind | None = None


@dataclass(frozen=True)
class Yours:
    """A table of the user's: as people name it, as PostgreSQL reads it, and whether we may look into it."""

    shown: str
    quoted: str
    may_read: bool
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Subject:
    """One entity, in every model that names the same key; `others` are the models of the home that name another."""

    declarations: tuple[Declaration, ...]
    others: tuple[Declaration, ...]
    parts: tuple[str, ...]

    @property
    def key(self) -> tuple[str, ...]:
        """The columns of its key."""
        return tuple(column.name for column in self._declared.columns)

    @property
    def entity(self) -> str:
        """Its entity_id as text: of a key of several columns the JSON array that PostgreSQL writes."""
        if not self._declared.is_composite:
            return self.parts[0]
        typed = zip(self.parts, self._declared.columns, strict=True)
        return json.dumps([int(part) if column.type == "bigint" else part for part, column in typed], ensure_ascii=False)

    @property
    def _declared(self) -> Entity:
        return self.declarations[0].model.entity

    def match(self, show: Callable[[str], str]) -> str:
        """The condition that every column of the key, as `show` writes it, holds its part."""
        return " and ".join(f"{show(column)} = :part_{place}" for place, column in enumerate(self.key))

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(declaration.model.name for declaration in self.declarations)

    @property
    def namesakes(self) -> tuple[str, ...]:
        """Models of the home whose key has the same names and another type: perhaps the same entities, written otherwise."""
        named = [each.model for each in self.others if {column.name for column in each.model.entity.columns} == set(self.key)]
        return tuple(model.name for model in named)

    @property
    def values(self) -> dict[str, object]:
        """What the condition of every place binds."""
        parts: dict[str, object] = {f"part_{place}": part for place, part in enumerate(self.parts)}
        return {"entity": self.entity, "models": list(self.models)} | parts

    @property
    def pattern(self) -> str:
        """PostgreSQL's regular expression for its key in a sentence.

        PostgreSQL names the key of a row as `(as_of, entity_id)=(2017-05-08, 7)`; a text that no common word equals is found
        wherever it stands by itself.
        """
        named = rf"(?<={ENTITY}\)=\(([^()]*, )?){_escape(self.entity)}(?=\))"
        is_number = self._declared.stored_type == "bigint"
        return named if is_number or len(self.entity) < SHORTEST_WORD else self.word

    @property
    def word(self) -> str:
        """PostgreSQL's regular expression for its key by itself."""
        return rf"(?<![[:alnum:]_]){_escape(self.entity)}(?![[:alnum:]_])"


def find_subject(declarations: Sequence[Declaration], model: str, entity: str, *, only: bool) -> Subject:
    """The entity as the model writes it, in all models whose entity has the same key and type; `only`: in this one.

    Raises:
        ConfigError: this is no whole number where the model says bigint, or no array of as many parts as the key has columns.
    """
    asked = next(declaration for declaration in declarations if declaration.model.name == model)
    found = asked.model.entity
    parts = _read_parts(model, found, entity)
    same = [each for each in declarations if each.model.entity.columns == found.columns]
    others = () if only else tuple(each for each in declarations if each not in same)
    return Subject((asked,) if only else tuple(sorted(same, key=lambda each: each.model.name)), others, parts)


def _read_parts(model: str, declared: Entity, entity: str) -> tuple[str, ...]:
    written: list[object] = [entity]
    if declared.is_composite:
        try:
            written = json.loads(entity)
        except ValueError:
            written = []
        if not isinstance(written, list) or len(written) != len(declared.columns):
            raise ConfigError(
                f"models/{model}.toml: the key is {declared.named}: write the entity as a JSON array of their values, such as "
                f"'{json.dumps([1 if column.type == 'bigint' else 'x-7' for column in declared.columns])}'."
            )
    return tuple(_read_part(model, *pair) for pair in zip(declared.columns, map(str, written), strict=True))


def _read_part(model: str, column: KeyColumn, written: str) -> str:
    if column.type == "uuid":
        return written.strip().lower()
    if column.type == "text":
        return written
    if not re.fullmatch(r"[+-]?\d+", written.strip()):
        raise ConfigError(f'models/{model}.toml: {column.name} is a whole number (entity.type = "bigint"); write one.')
    return str(int(written))


def list_places(session: Session, subject: Subject) -> tuple[Place, ...]:
    """Every table of ours that is there and can hold rows of the entity, histories of captured tables last and once."""
    ours = [place for declaration in subject.declarations for place in _places_of_model(subject, declaration)]
    ours += [place for declaration in subject.others for place in _facts_aside(subject, declaration)]
    histories = {
        place.table: place for declaration in subject.declarations for place in _histories(session, subject, declaration)
    }
    return tuple(place for place in (*ours, *histories.values()) if _exists(session, place.table))


def list_elsewhere(session: Session, subject: Subject) -> tuple[Elsewhere, ...]:
    """The tables of the user's that the models read, each once, with what deletes the entity from them."""
    found: dict[str, Elsewhere] = {}
    for declaration in subject.declarations:
        for name, source in declaration.model.sources.items():
            table = show_table(name, source)
            if table not in found and (columns := list_columns(session, name, source)):
                may_read = all(grant.is_given for grant in list_grants(session, name, source))
                found[table] = _look_elsewhere(session, subject, Yours(table, name_table(name, source), may_read, columns))
    return tuple(found.values())


def _escape(written: str) -> str:
    return re.sub(r"(\W)", r"\\\1", written)


def _places_of_model(subject: Subject, declaration: Declaration) -> Iterator[Place]:
    model, kind = declaration.model.name, declaration.model.entity.stored_type
    mine = f"{ENTITY} = cast(:entity as {kind})"
    yield Place(f"features.{model}", f'features."{model}"', mine, model, "features")
    yield Place(f"labels.{model}", f'labels."{model}"', mine, model, "labels")
    yield Place(f"scores.{model}", f'scores."{model}"', mine, model, "scores")
    yield Place(f"scores.{model}$recipes", name_recipe_scores(model), mine, model)
    aside = f"model = '{model}' and ({ENTITY} = :entity or (source is not null and {_match_kept(subject)}))"
    yield Place("ledger.quarantine", "ledger.quarantine", aside, model)


def _facts_aside(subject: Subject, declaration: Declaration) -> Iterator[Place]:
    """Facts that a model of other entities has set aside, of tables that the models of this one read too."""
    tables = {source.locate(name) for each in subject.declarations for name, source in each.model.sources.items()}
    for name, source in declaration.model.sources.items():
        if source.locate(name) in tables:
            model = declaration.model.name
            aside = f"model = '{model}' and source = '{name}' and {_match_kept(subject)}"
            yield Place("ledger.quarantine", "ledger.quarantine", aside, model)


def _match_kept(subject: Subject) -> str:
    """Of a fact that was set aside whole."""
    return subject.match(lambda column: f"row_content ->> '{column}'")


def _match_text(subject: Subject) -> str:
    """Of a row of a table with the columns of the key."""
    return subject.match(lambda column: f"cast({quote_for_text(column)} as text)")


def _histories(session: Session, subject: Subject, declaration: Declaration) -> Iterator[Place]:
    """Captured tables that have a column of the key; a table without one names no entity."""
    for name, source in declaration.model.sources.items():
        history = name_history(name, source)
        if source.times == "captured" and set(subject.key) <= _list_columns(session, history):
            shown = f"history of {show_table(name, source)}"
            table = history.replace(":", "\\:")
            yield Place(shown, table, _match_text(subject), declaration.model.name)


def _list_columns(session: Session, table: str) -> set[str]:
    return {row.name for row in session.execute(queries.load("warehouse")["read_source_columns"], {"table": table})}


def _exists(session: Session, table: str) -> bool:
    found = session.execute(queries.load("warehouse")["relation_exists"], {"name": table.replace("\\:", ":")})
    return bool(found.scalar_one())


def _look_elsewhere(session: Session, subject: Subject, yours: Yours) -> Elsewhere:
    named = " and ".join(subject.key)
    if not set(subject.key) <= set(yours.columns):
        return Elsewhere(yours.shown, None, f"-- {yours.shown} has no column {named}: find its rows by what they refer to.")
    literals = ["'" + part.replace("'", "''") + "'" for part in subject.parts]
    where = " and ".join(f"{quote(column)} = {literal}" for column, literal in zip(subject.key, literals, strict=True))
    statement = f"delete from {yours.quoted} where {where};"  # noqa: S608 - printed, never run by us
    if not yours.may_read:
        return Elsewhere(yours.shown, None, statement)
    try:
        check_trusted(session, "A model names", yours.quoted)
    except ForbiddenSource as refusal:  # nobody is kept from being forgotten by what a loader has put there
        return Elsewhere(yours.shown, None, f"{statement} -- not counted. {refusal}")
    table = yours.quoted.replace(":", "\\:")
    count = f"select count(*) from {table} where {_match_text(subject)}"  # noqa: S608 - quoted
    return Elsewhere(yours.shown, session.execute(text(count), subject.values).scalar_one(), statement)
