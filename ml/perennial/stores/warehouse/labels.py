"""Labels: what labels.sql gives for the cohorts of matured days."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date

from sqlalchemy import TextClause, text

from perennial.config import Declaration, Model
from perennial.errors import ConfigError, GrainViolated, PermanentError, SnapshotMissing
from perennial.records import Column, Run, Snapshot
from perennial.stores import queries
from perennial.stores.sessions import Session, run_together, take_lock
from perennial.stores.warehouse.conditions import label_bounds
from perennial.stores.warehouse.days import Day, measure_query, record_rows, replace_rows
from perennial.stores.warehouse.entities import GivenKey, find_key_of_labels, read_key
from perennial.stores.warehouse.incomplete import refuse_incomplete, set_facts_aside
from perennial.stores.warehouse.point_in_time import define_views, open_views
from perennial.stores.warehouse.user_query import (
    CREATE,
    REPLACE,
    check_dependencies,
    define_query,
    feature_parameters,
    open_query,
)
from perennial.tasks import task_of

NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision")
KINDS = ("missing", "infinite", "negative")
RULES = {
    "weight": "every row needs a finite weight of 0 or more, and one row of a day one above 0.",
    "value": "every row needs a finite value; write 0 where acting on it is worth nothing.",
}


def build_labels(session: Session, declaration: Declaration, run: Run, as_of: date) -> Snapshot:
    """Replace labels.<model> of one day by what labels.sql gives for the cohort of its snapshot, one row each.

    The caller has seen to it that the day has matured on the run's clock (`Model.matured_at`, `find_undelivered`).

    Raises:
        SnapshotMissing: there is no snapshot, so no cohort.
        GrainViolated: an entity stands twice, is null, is missing, lies outside the cohort, or its label is none of the task.
        FactsIncomplete: too many facts of the horizon lack a time or a part of their key.
        ForbiddenSource, ConfigError: the SQL or a source is wrong, or `sync` was not run.
    """
    take_lock(session, declaration.model.name, as_of)
    with open_labels(session, declaration, as_of) as given:
        return _fill_day(session, declaration, run, as_of, given)


def build_labels_of_days(
    session: Session, declaration: Declaration, run: Run, as_ofs: Sequence[date]
) -> dict[date, Snapshot | PermanentError]:
    """The same for many days: each stands or fails alone, and for one that fails the error stands.

    Sources are held, and the query is judged, once: for every other day the very views get its bounds, as constants that the
    planner knows, and PostgreSQL says anew what the query reaches for. In one statement for all days the bounds would come from a
    row, so that no plan knew them, and one day that fails would take the others with it.
    """
    built: dict[date, Snapshot | PermanentError] = {}
    days = sorted(as_ofs)
    if not days:
        return built
    try:
        with session.begin_nested(), open_labels(session, declaration, days[0]) as given:
            for as_of in days:
                built[as_of] = _try_day(session, declaration, run, as_of, given, is_open=as_of == days[0])
    except PermanentError as failure:  # the sources or the query themselves, so that no day was begun
        return dict.fromkeys(days, failure)
    return built


def _try_day(
    session: Session, declaration: Declaration, run: Run, as_of: date, given: GivenKey, *, is_open: bool
) -> Snapshot | PermanentError:
    try:
        with session.begin_nested():
            take_lock(session, declaration.model.name, as_of)
            if not is_open:
                _move_labels(session, declaration, as_of)
            return _fill_day(session, declaration, run, as_of, given)
    except PermanentError as failure:
        return failure


@contextmanager
def open_labels(session: Session, declaration: Declaration, as_of: date) -> Iterator[GivenKey]:
    """While the block lasts, what labels.sql may see for one day is there as views, and labels.sql itself as `user_query`."""
    model = declaration.model
    file, parameters = f"sql/{model.name}/labels.sql", feature_parameters(model, as_of)
    with (
        open_views(session, declaration, label_bounds(model, as_of)),
        _open_cohort(session, model, as_of),
        open_query(session, file, declaration.labels_sql, parameters) as columns,
    ):
        given = find_key_of_labels(file, columns, model.entity)
        _check_label_columns(file, given.others, model)
        yield given


def _move_labels(session: Session, declaration: Declaration, as_of: date) -> None:
    """Give the open views the bounds of another day; what they are of stays what it is."""
    model = declaration.model
    file, parameters = f"sql/{model.name}/labels.sql", feature_parameters(model, as_of)
    run_together(
        session,
        [
            *define_views(session, declaration, label_bounds(model, as_of)),
            _define_cohort(model, as_of, verb=REPLACE),
            (define_query(file, declaration.labels_sql, parameters, verb=REPLACE), parameters),
        ],
    )
    check_dependencies(session, file)


def _fill_day(session: Session, declaration: Declaration, run: Run, as_of: date, given: GivenKey) -> Snapshot:
    model = declaration.model
    day = Day(declaration, as_of, "labels", name_columns(model))
    _check_facts(session, declaration, run, as_of)
    if not session.execute(queries.load("warehouse")["cohort_exists"]).scalar_one():
        raise SnapshotMissing(f"{model.name}, as_of {as_of}: there is no snapshot, so nobody to label: run refresh for it first.")
    replace_rows(session, day, given, known_at=model.matured_at(as_of))
    _check_cohort(session, day)
    _check_beside(session, day)
    return record_rows(session, day, run)


def rebuild_label_checksum(session: Session, declaration: Declaration, as_of: date) -> str:
    """The checksum that the labels of a day would have if they were built now; as `rebuild_checksum` of snapshots."""
    model = declaration.model
    day = Day(declaration, as_of, "labels", name_columns(model))
    with open_labels(session, declaration, as_of) as given:
        covered = [column.name for column in day.columns]
        return measure_query(session, day, given, covered, known_at=model.matured_at(as_of), without=())


def name_columns(model: Model) -> tuple[Column, ...]:
    """The columns of labels.<model> that a checksum covers."""
    beside = (Column(name, "double precision") for name in model.label.beside)
    return (Column("label", task_of(model).label_type), *beside)


def _check_facts(session: Session, declaration: Declaration, run: Run, as_of: date) -> None:
    """Only facts of the horizon: those before it were weighed with the snapshot, and would outnumber what is missing."""
    model, bounds = declaration.model, label_bounds(declaration.model, as_of)
    sources = {name: source.model_copy(update={"lookback_days": 0}) for name, source in model.sources.items()}
    horizon = declaration.model_copy(update={"model": model.model_copy(update={"sources": sources})})
    refuse_incomplete(declaration, bounds, set_facts_aside(session, horizon, run, bounds))


@contextmanager
def _open_cohort(session: Session, model: Model, as_of: date) -> Iterator[None]:
    session.execute(*_define_cohort(model, as_of))
    yield
    session.exec_driver_sql("drop view if exists pg_temp.cohort")


def _define_cohort(model: Model, as_of: date, *, verb: str = CREATE) -> tuple[TextClause, dict[str, object]]:
    parts = (
        read_key(model.entity) if model.entity.is_composite else ()
    )  # of one column entity_id is the key; queries name theirs bare
    listed = "".join(f', {part} as "{name}"' for name, part in parts)
    chosen = f'select entity_id{listed} from features."{model.name}" where as_of = :as_of'  # noqa: S608 - checked
    return text(f"{verb} cohort as {chosen}"), {"as_of": as_of}


def _check_label_columns(file: str, columns: tuple[Column, ...], model: Model) -> None:
    task, beside = task_of(model), model.label.beside
    types = {column.name: column.type for column in columns}
    wrong = [column for column in beside.values() if types.get(column) not in NUMBERS]
    if set(types) != {"label", *beside.values()} or types["label"] not in task.label_types or wrong:
        named = "".join(f", {column} (label.{name}, a number)" for name, column in beside.items())
        raise ConfigError(
            f"{file} must give the key and label ({task.label_said}, one of {', '.join(task.label_types)}){named}; beside the "
            f"key it gives {types}. models/{model.name}.toml names what weighs or values rows: label.weight, label.value."
        )


def _check_beside(session: Session, day: Day) -> None:
    """Nothing is missing or infinite, and weights are no debts: somebody must weigh something."""
    for name, column in day.declaration.model.label.beside.items():
        statement = f"""
            select count(*) as rows, count(*) filter (where {name} is null) as missing,
                count(*) filter (where {name} <= '-infinity' or {name} >= 'infinity') as infinite,
                count(*) filter (where {name} < 0) as negative, count(*) filter (where {name} <> 0) as told
            from {day.table} where as_of = :as_of"""  # noqa: S608 - checked identifiers
        found = session.execute(text(statement), {"as_of": day.as_of}).one()
        wrong = [f"{count} null" if kind == "missing" else f"{count} {kind}" for kind in KINDS if (count := getattr(found, kind))]
        if name == "value":
            wrong = [said for said in wrong if "negative" not in said]
        elif found.rows and not found.told:
            wrong.append("none above 0")
        if wrong:
            raise GrainViolated(
                f"{day} gives {', '.join(wrong)} of {found.rows} in {column}, which label.{name} names: {RULES[name]}"
            )


def _check_cohort(session: Session, day: Day) -> None:
    """Labels and snapshot hold the same entities."""
    statement = f"""
        select count(*) filter (where cohort.entity_id is null) as outside,
            count(*) filter (where labelled.entity_id is null) as unlabelled
        from (select entity_id from {day.table} where as_of = :as_of) labelled
        full join pg_temp.cohort on labelled.entity_id = cohort.entity_id"""  # noqa: S608 - checked identifiers
    found = session.execute(text(statement), {"as_of": day.as_of}).one()
    if found.outside or found.unlabelled:
        raise GrainViolated(
            f"{day} gives {found.outside} entities outside the cohort and none for {found.unlabelled} inside it: "
            "begin it with `from cohort left join ...`."
        )
