"""A wish in, the files of a first model out: the table is profiled, the queries run on days of the past, nothing stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from perennial.config import Declaration
from perennial.errors import ConfigError, ForbiddenSource
from perennial.homes.new.choosing import Plan, make_plan
from perennial.homes.new.features import list_features
from perennial.homes.new.measuring import Seen, measure
from perennial.homes.new.wishes import Wish, check_table, explain_condition
from perennial.homes.new.writing import load_drafted, render_files
from perennial.records.profiles import FoundTable
from perennial.stores.sessions import Database, Session, explain_refusal
from perennial.stores.warehouse import first_covered_day
from perennial.stores.warehouse.probing import probe_day
from perennial.stores.warehouse.profiling import find_late_times, find_table, limit_time, list_readable, profile_table
from perennial.stores.warehouse.questions import Question
from perennial.tasks import task_of

MOST_PROBED = 6


@dataclass(frozen=True)
class Draft:
    """Everything about a first model that is not written yet."""

    plan: Plan
    seen: Seen
    files: Mapping[str, str]


def open_table(url: str, name: str) -> FoundTable:
    """Find the table of a first model, as role pipeline.

    Raises:
        ConfigError: there is none, or it may not be read.
    """
    database = Database(url, "perennial new")
    try:
        with database.transaction() as session:
            table = find_table(session, name)
    finally:
        database.dispose()
    check_table(table)
    return table


def list_tables(url: str) -> tuple[str, ...]:
    """Tables that the pipeline may read."""
    database = Database(url, "perennial new")
    try:
        with database.transaction() as session:
            return list_readable(session)
    finally:
        database.dispose()


def propose_learned(url: str, table: FoundTable, event_at: str) -> tuple[str, ...]:
    """Columns that may say when the warehouse learned of a row: they never lie before the event."""
    database = Database(url, "perennial new")
    try:
        with database.transaction() as session:
            return find_late_times(session, table, event_at)
    finally:
        database.dispose()


def draft_model(url: str, wish: Wish) -> Draft:
    """Profile the table, choose, draft the queries, run them on days of the past, and draft the rest; all is rolled back.

    Raises:
        ConfigError: the table holds too little, looking takes too long, or the condition is none.
    """
    database = Database(url, "perennial new")
    question = Question(wish.table, wish.entity, wish.event_at, wish.known_at, wish.timezone, wish.zone, wish.today)
    try:
        with database.transaction() as session, explain_refusal(f"A look at {wish.table.written}"):
            plan = make_plan(wish, profile_table(session, question))
            with load_drafted(wish.name, render_files(plan, None)) as declaration:
                seen = _look_back(session, declaration, plan)
            session.rollback()
    finally:
        database.dispose()
    files = render_files(plan, seen)
    with load_drafted(wish.name, files):
        return Draft(plan, seen, files)


def _look_back(session: Session, declaration: Declaration, plan: Plan) -> Seen:
    """Run the queries on some of the days that a first training builds, the oldest and the newest matured one among them."""
    model = declaration.model
    matured = model.latest_matured(model.known_until(plan.today))
    lived = model.bootstrap_as_ofs(first_covered_day(session, declaration), matured, plan.today)
    days = choose_days([day for day in lived if day <= matured]) or (plan.today,)
    try:
        with limit_time(session, f"{plan.profile.table.written}, as the drafted queries read it"):
            probed = [probe_day(session, declaration, day) for day in days]
    except (ConfigError, ForbiddenSource) as error:
        if plan.wish.is_condition and "labels.sql" in str(error):
            raise ConfigError(explain_condition(plan.wish, plan.source, str(error))) from error
        raise ConfigError(f"The drafted files do not fit this table, and none of them was written: {error}") from error
    return measure(probed, list_features(plan), matured, task_of(model))


def choose_days(days: Sequence[date]) -> tuple[date, ...]:
    """At most `MOST_PROBED` of them, evenly spread, the first and the last among them."""
    if len(days) <= MOST_PROBED:
        return tuple(days)
    step = (len(days) - 1) / (MOST_PROBED - 1)
    return tuple(days[round(place * step)] for place in range(MOST_PROBED))
