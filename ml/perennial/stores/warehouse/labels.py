"""Labels: what labels.sql gives for the cohort of one matured day, and whether its source had delivered by then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from statistics import median

from sqlalchemy import text

from perennial.config import Declaration, Model
from perennial.errors import ConfigError, GrainViolated, SnapshotMissing
from perennial.records import Column, Run, Snapshot
from perennial.stores import queries
from perennial.stores.sessions import Session, take_lock
from perennial.stores.warehouse.conditions import Bounds, label_bounds
from perennial.stores.warehouse.days import Day, measure_query, record_rows, replace_rows
from perennial.stores.warehouse.entities import find_key_of_labels, read_key
from perennial.stores.warehouse.incomplete import refuse_incomplete, set_facts_aside
from perennial.stores.warehouse.point_in_time import open_views
from perennial.stores.warehouse.relations import resolve
from perennial.stores.warehouse.user_query import feature_parameters, open_query
from perennial.tasks import task_of

USUAL_WEEKS = 8
WEEK_DAYS = 7
NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision")
KINDS = ("missing", "infinite", "negative")
RULES = {
    "weight": "every row needs a finite weight of 0 or more, and one row of a day one above 0.",
    "value": "every row needs a finite value; write 0 where acting on it is worth nothing.",
}


def build_labels(session: Session, declaration: Declaration, run: Run, as_of: date) -> Snapshot:
    """Replace labels.<model> of one day by what labels.sql gives for the cohort of its snapshot, one row each.

    The caller has seen to it that the day has matured on the run's clock (`Model.matured_at`, `label_delivery`).

    Raises:
        SnapshotMissing: there is no snapshot, so no cohort.
        GrainViolated: an entity stands twice, is null, is missing, lies outside the cohort, or its label is none of the task.
        FactsIncomplete: too many facts of the horizon lack a time or a part of their key.
        ForbiddenSource, ConfigError: the SQL or a source is wrong, or `sync` was not run.
    """
    model = declaration.model
    file = f"sql/{model.name}/labels.sql"
    take_lock(session, model.name, as_of)
    _check_facts(session, declaration, run, as_of)
    day = Day(declaration, as_of, "labels", name_columns(model))
    with (
        open_views(session, declaration, label_bounds(model, as_of)),
        _open_cohort(session, day),
        open_query(session, file, declaration.labels_sql, feature_parameters(model, as_of)) as columns,
    ):
        given = find_key_of_labels(file, columns, model.entity)
        _check_label_columns(file, given.others, model)
        replace_rows(session, day, given, known_at=model.matured_at(as_of))
        _check_cohort(session, day)
        _check_beside(session, day)
    return record_rows(session, day, run)


def rebuild_label_checksum(session: Session, declaration: Declaration, as_of: date) -> str:
    """The checksum that the labels of a day would have if they were built now; as `rebuild_checksum` of snapshots."""
    model, file = declaration.model, f"sql/{declaration.model.name}/labels.sql"
    day = Day(declaration, as_of, "labels", name_columns(model))
    with (
        open_views(session, declaration, label_bounds(model, as_of)),
        _open_cohort(session, day),
        open_query(session, file, declaration.labels_sql, feature_parameters(model, as_of)) as columns,
    ):
        given = find_key_of_labels(file, columns, model.entity)
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


def label_delivery(session: Session, declaration: Declaration, as_of: date, clock: datetime) -> str | None:
    """Say why the source of an `absence_of` label may not have delivered the whole horizon of `as_of` yet, or None.

    Only facts learned by the clock of the run (and within the grace) speak. Other labels count what is there: always None.
    """
    model = declaration.model
    absent = model.label.absence_of
    if absent is None:
        return None
    known_until = min(clock, model.matured_at(as_of))
    bounds = Bounds(as_of, known_until + timedelta(microseconds=1), known_until)
    # What is usual is measured over eight weeks, however far the queries look back.
    guarded = {absent: model.sources[absent].model_copy(update={"lookback_days": WEEK_DAYS * USUAL_WEEKS})}
    watched = declaration.model_copy(update={"model": model.model_copy(update={"sources": guarded})})
    with open_views(session, watched, bounds):
        days = _count_days(session, model, absent)
    return assess_delivery(model, as_of, days)


def assess_delivery(model: Model, as_of: date, days: Mapping[date, int]) -> str | None:
    """Why the horizon of `as_of` may be incomplete, or None.

    The newest fact must lie on the last local day of the horizon or later, and each week of the horizon must hold its
    share (`min_weekly_volume`) of the median of the eight weeks before `as_of`, as far as history goes back, at least one.
    Single days may be empty: shops close on Christmas Day.

    Args:
        model: horizon and limits.
        as_of: the first day of the horizon.
        days: facts per local day, before and after `as_of`; days without facts may be left out.
    """
    source, horizon = model.label.absence_of, model.label.horizon_days
    last = as_of + timedelta(days=horizon - 1)
    newest = max(days, default=None)
    if newest is None or newest < last:
        return (
            f"{model.name}, as_of {as_of}: the newest fact of {source} is of {newest}; labels need it up to {last}."
            + _say_way_out(model)
        )
    usual = _usual_week(as_of, days)
    if not usual:
        return (
            f"{model.name}, as_of {as_of}: {source} holds no usual week before this day to measure its delivery by: labels "
            "need at least one."
        )
    for week in range(0, horizon, WEEK_DAYS):
        length = min(WEEK_DAYS, horizon - week)
        begins = as_of + timedelta(days=week)
        volume = _sum_days(days, begins, length)
        needed = model.label.min_weekly_volume * usual * length / WEEK_DAYS
        if volume < needed:
            return (
                f"{model.name}, as_of {as_of}: {source} holds {volume} facts in the {length} days from {begins}, and its usual "
                f"week {usual:.0f}: at least {needed:.0f} must be there, else an outage would look like an outcome."
                + _say_way_out(model)
            )
    return None


def _say_way_out(model: Model) -> str:
    """Where the cohort may be empty, a season may have ended."""
    if not model.entity.may_be_empty:
        return ""
    return (
        f" If a season ended, these labels stay out and nothing waits for them; to count its silence as an outcome, take "
        f"absence_of out of [label] in models/{model.name}.toml."
    )


def _usual_week(as_of: date, days: Mapping[date, int]) -> float:
    begins = [as_of - timedelta(days=WEEK_DAYS * week) for week in range(1, USUAL_WEEKS + 1)]
    first = min(days)
    volumes = [_sum_days(days, begin, WEEK_DAYS) for begin in begins if begin >= first]
    return float(median(volumes)) if volumes else 0.0


def _sum_days(days: Mapping[date, int], begins: date, length: int) -> int:
    return sum(days.get(begins + timedelta(days=offset), 0) for offset in range(length))


def _count_days(session: Session, model: Model, source: str) -> dict[date, int]:
    relation = resolve(session, model, source)
    statement = f"""
        select ({relation.event_at} at time zone :timezone)::date as day, count(*) as facts
        from pg_temp."{source}" group by 1"""  # noqa: S608 - checked identifiers
    values = {"timezone": model.timezone} | relation.values
    return {row.day: row.facts for row in session.execute(text(statement), values)}


@contextmanager
def _open_cohort(session: Session, day: Day) -> Iterator[None]:
    entity = day.declaration.model.entity
    parts = read_key(entity) if entity.is_composite else ()  # of one column entity_id is the key; queries name theirs unqualified
    listed = "".join(f', {part} as "{name}"' for name, part in parts)
    statement = f'create temporary view cohort as select entity_id{listed} from features."{day.model}" where as_of = :as_of'  # noqa: S608 - checked
    session.execute(text(statement), {"as_of": day.as_of})
    if not session.execute(queries.load("warehouse")["cohort_exists"]).scalar_one():
        raise SnapshotMissing(
            f"{day.model}, as_of {day.as_of}: there is no snapshot, so nobody to label: run refresh for it first."
        )
    yield
    session.exec_driver_sql("drop view if exists pg_temp.cohort")


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
