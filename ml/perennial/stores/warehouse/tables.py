"""The tables of one model, made and altered to fit its SQL: features, labels and scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from perennial.config import ENTITY, Declaration, Model
from perennial.errors import ColumnContractBroken, ConfigError
from perennial.records import Column
from perennial.stores import queries
from perennial.stores.sessions import Session, run_script
from perennial.stores.warehouse.conditions import feature_bounds
from perennial.stores.warehouse.entities import check_key, describe_key, find_key
from perennial.stores.warehouse.identifiers import quote
from perennial.stores.warehouse.partitions import create_partitioned, partition_former
from perennial.stores.warehouse.point_in_time import open_views
from perennial.stores.warehouse.user_query import feature_parameters, open_query
from perennial.tasks import task_of

FEATURE_TYPES = ("bigint", "integer", "double precision", "boolean", "text")
ANY_DAY = date(2000, 1, 1)  # columns do not depend on the day
SCORE_COLUMNS = """score double precision not null, rank bigint not null, decile smallint not null,
    reason_1 text, reason_2 text, reason_3 text, publication_id bigint not null"""


def sync_tables(session: Session, declaration: Declaration) -> tuple[str, ...]:
    """Make what is missing and add new columns; returns a sentence for each change.

    Raises:
        ColumnContractBroken: a column was dropped or retyped.
        ConfigError, ForbiddenSource: features.sql cannot be described.
    """
    model, entity_type = declaration.model, declaration.model.entity.stored_type
    columns = describe_features(session, declaration)
    changes = _sync_features(session, model, columns, check_tables(session, model, columns))
    labels = f"as_of date, entity_id {entity_type}, label {task_of(model).label_column}, known_at timestamptz not null"
    scores = f"as_of date, entity_id {entity_type}, {SCORE_COLUMNS}"
    scores += "".join(f", {quote(name)} {column.type} not null" for name, column in task_of(model).published.items())
    changes += _create_table(session, f"labels.{model.name}", labels, "outcomes of matured days")
    changes += _add_beside(session, model)
    changes += _create_table(session, f"scores.{model.name}", scores, "published scores")
    changes += _create_recipe_scores(session, model, entity_type)
    return tuple(changes)


def describe_features(session: Session, declaration: Declaration) -> tuple[Column, ...]:
    """The columns that features.sql gives today, segments among them, without the entity."""
    model = declaration.model
    file = f"sql/{model.name}/features.sql"
    parameters = feature_parameters(model, ANY_DAY)
    with (
        open_views(session, declaration, feature_bounds(model, ANY_DAY)),
        open_query(session, file, declaration.features_sql, parameters) as columns,
    ):
        features = find_key(file, columns, model.entity).others
    _check_types(file, features)
    _check_asides(declaration, features)
    return features


def read_columns(session: Session, model: str) -> tuple[Column, ...]:
    """The columns that features.<model> has, without as_of and the entity; none if there is no such table."""
    rows = session.execute(queries.load("warehouse")["read_source_columns"], {"table": f'features."{model}"'})
    return tuple(Column(row.name, row.type) for row in rows if row.name not in ("as_of", ENTITY))


def check_columns(model: str, before: Sequence[Column], after: Sequence[Column]) -> tuple[Column, ...]:
    """The columns to add, so that a table with `before` can hold `after`.

    Raises:
        ColumnContractBroken: a column was dropped or retyped; what was trained on it would score something else.
    """
    types = {column.name: column.type for column in after}
    for column in before:
        if column.name not in types:
            raise ColumnContractBroken(
                f"{model}: features.sql no longer gives the column {column.name}: versions trained on it could not score. "
                f"Give it again (null will do), or begin a new model."
            )
        if types[column.name] != column.type:
            raise ColumnContractBroken(
                f"{model}: the column {column.name} was {column.type} and is now {types[column.name]}: cast it back in "
                "features.sql, or give the new one another name."
            )
    known = {column.name for column in before}
    return tuple(column for column in after if column.name not in known)


def check_tables(session: Session, model: Model, columns: Sequence[Column]) -> tuple[Column, ...]:
    """Ask whether the tables of a model, as they stand, can take what its files give now; the columns that they lack.

    Nothing but the catalogs is read: no lock of a table is taken that anybody waits for.

    Raises:
        ColumnContractBroken: the key is another one, a column was dropped or retyped, or labels are of another type.
    """
    check_key(session, model)
    before = read_columns(session, model.name)
    added = check_columns(model.name, before, columns) if before else tuple(columns)
    _check_label_type(session, model)
    return added


def _sync_features(session: Session, model: Model, columns: Sequence[Column], added: Sequence[Column]) -> list[str]:
    name, table = model.name, f'features."{model.name}"'
    if not read_columns(session, name):
        definition = ", ".join(f"{quote(column.name)} {column.type}" for column in columns)
        entity = f"as_of date, entity_id {model.entity.stored_type}"
        changes = _create_table(session, f"features.{name}", f"{entity}, {definition}", "snapshots")
        session.exec_driver_sql(f"comment on column {table}.entity_id is '{describe_key(model.entity)}'")
        return changes
    moved = _create_table(session, f"features.{name}", "", "snapshots")
    for column in added:
        run_script(session, f"alter table {table} add column {quote(column.name)} {column.type}")
    return moved + [
        f"features.{name}: added the column {column.name} ({column.type}); it is null in older snapshots" for column in added
    ]


def _check_label_type(session: Session, model: Model) -> None:
    rows = session.execute(queries.load("warehouse")["read_source_columns"], {"table": f'labels."{model.name}"'})
    found = next((row.type for row in rows if row.name == "label"), None)
    wanted = task_of(model).label_type
    if found not in (None, wanted):
        raise ColumnContractBroken(
            f"{model.name}: labels.{model.name} holds labels as {found}, and label.task = '{model.label.task}' asks for "
            f"{wanted}: write the former task again, or begin a new model: scores of the two mean different things."
        )


def _add_beside(session: Session, model: Model) -> list[str]:
    """Columns for what labels.sql gives beside the label, under the names of the keys."""
    rows = session.execute(queries.load("warehouse")["read_source_columns"], {"table": f'labels."{model.name}"'})
    missing = sorted(set(model.label.beside) - {row.name for row in rows})
    for name in missing:
        run_script(session, f'alter table labels."{model.name}" add column {name} double precision')
    return [f"labels.{model.name}: added the column {name}; older labels are built anew" for name in missing]


def name_recipe_scores(model: str) -> str:
    """The table of what weekly fits of recipes gave; no model can be called like it."""
    return f'scores."{model}$recipes"'


def _create_recipe_scores(session: Session, model: Model, entity_type: str) -> list[str]:
    table = name_recipe_scores(model.name)
    if session.execute(queries.load("warehouse")["relation_exists"], {"name": table}).scalar_one():
        return []
    said = " ".join(task_of(model).kept_as)
    columns = f"recipe integer, as_of date, entity_id {entity_type}, {said} not null"
    session.exec_driver_sql(f"create table {table} ({columns}, primary key (recipe, as_of, entity_id))")
    session.exec_driver_sql(
        f"comment on table {table} is 'One row per (recipe, as_of, entity_id): scores by fits that had not seen the day, kept "
        "until the tests of the recipe have ended'"
    )
    return [f"scores.{model.name}$recipes: created"]


def _create_table(session: Session, table: str, definition: str, holds: str) -> list[str]:
    schema, name = table.split(".")
    if session.execute(queries.load("warehouse")["relation_exists"], {"name": f'{schema}."{name}"'}).scalar_one():
        moved = partition_former(session, schema, name)
        return [f"{table}: its rows were moved into a table for each month"] if moved else []
    create_partitioned(session, schema, name, definition)
    session.exec_driver_sql(f"comment on table {schema}.\"{name}\" is 'One row per (as_of, entity_id): {holds}'")
    return [f"{table}: created"]


def _check_types(file: str, columns: Sequence[Column]) -> None:
    for column in columns:
        if column.type not in FEATURE_TYPES:
            raise ConfigError(f"{file}: the column {column.name} is {column.type}: cast it to one of {', '.join(FEATURE_TYPES)}.")
        if column.name == "as_of":
            raise ConfigError(f"{file}: leave the column as_of out: the store writes it.")


def _check_asides(declaration: Declaration, columns: Sequence[Column]) -> None:
    model = declaration.model
    types = {column.name: column.type for column in columns}
    in_key = "nothing but a column of the key, which is no feature: give it a second time under another name"
    shown = dict.fromkeys((column.name for column in model.entity.columns), in_key) | types
    for name in model.features.segments:
        if types.get(name) != "text":
            raise ConfigError(
                f"models/{model.name}.toml: features.segments names {name}, which sql/{model.name}/features.sql gives as "
                f"{shown.get(name, 'no column')}: a segment is a text column."
            )
    cluster = model.entity.cluster
    if cluster is not None and types.get(cluster) != "text":
        raise ConfigError(
            f"models/{model.name}.toml: entity.cluster names {cluster}, which sql/{model.name}/features.sql gives as "
            f"{types.get(cluster, 'no column')}: a cluster is a text column; cast it, or leave the key out."
        )
    for name in model.features.no_drift_trigger.columns:
        if name not in types:
            raise ConfigError(
                f"models/{model.name}.toml: features.no_drift_trigger names {name}, which features.sql does not give."
            )
    _check_named(model, types)


def _check_named(model: Model, types: Mapping[str, str]) -> None:
    """What a person ruled about a feature holds for one that exists; only a number can be monotone."""
    inputs = {name: kind for name, kind in types.items() if name not in model.asides}
    for key, names in model.training.named_features.items():
        for name in names:
            if name not in inputs or (key == "monotone" and inputs[name] == "text"):
                raise ConfigError(
                    f"models/{model.name}.toml: training.{key} names {name}, which sql/{model.name}/features.sql gives as "
                    f"{inputs.get(name, 'no feature')}: correct the name or leave it out."
                )
