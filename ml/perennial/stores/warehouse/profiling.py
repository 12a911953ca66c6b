"""What a table holds that no model reads yet: asked as role pipeline, with a time limit, and of a sample where it is large.

Counts by day are exact; whatever is said of single columns comes from the rows of a temporary copy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date

from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from perennial.config import Source
from perennial.errors import ConfigError
from perennial.records.profiles import ColumnProfile, FoundColumn, FoundTable, Range, TableProfile
from perennial.stores import queries
from perennial.stores.sessions import Session, read_code
from perennial.stores.warehouse.pace import count_rows_each, find_rhythm, list_recent_days, measure_delay
from perennial.stores.warehouse.questions import Question, ask, ask_number
from perennial.stores.warehouse.relations import CLOCK, DAY, INSTANT
from perennial.stores.warehouse.trusting import check_trusted

NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision")
TEXTS = ("text", "character varying", "character", "enum")
TIMES = (INSTANT, CLOCK, DAY)
LIMIT_SECONDS = 120
LARGE_ROWS = 200_000
"""A table with more rows is looked at by a sample of about so many."""
MOST_VALUES = 50
MOST_NAMED = 30


@contextmanager
def limit_time(session: Session, what: str) -> Iterator[None]:
    """While the block lasts, a statement that takes longer than `LIMIT_SECONDS` ends.

    Raises:
        ConfigError: one did; the message says what was looked at.
    """
    session.exec_driver_sql(f"set local statement_timeout = '{LIMIT_SECONDS}s'")
    try:
        yield
    except DBAPIError as error:
        if read_code(error) != "57014":  # PostgreSQL, appendix A: query_canceled
            raise
        raise ConfigError(
            f"{what}: looking took longer than {LIMIT_SECONDS} s and was given up; nothing was written. An index on the column "
            "that says when a fact happened helps, or a smaller copy of the table."
        ) from error
    session.exec_driver_sql("set local statement_timeout to default")


def read_server_timezone(url: str) -> str:
    """The timezone of the server, which sessions of ours replace by UTC."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        zone: str = connection.exec_driver_sql("show timezone").scalar_one()
    engine.dispose()
    return zone


def find_table(session: Session, name: str) -> FoundTable:
    """A table as `sources.<name>.table` of a model file names it; without a schema it stands in `source`.

    Raises:
        ConfigError: there is none, or it may not be read; the message lists those that may.
    """
    asked = queries.load("profiling")
    schema, bare = Source.model_construct(table=name).locate(name)
    row = session.execute(asked["read_relation"], {"schema": schema, "name": bare}).one_or_none()
    if row is None:
        raise ConfigError(
            f"--table {name}: there is no such table; the role pipeline may read "
            f"{', '.join(list_readable(session)) or 'none'}. Capitals count, and a name with a dot stands in double quotes."
        )
    if not row.is_readable:
        raise ConfigError(
            f"--table {name}: the role pipeline may not read it; its owner runs: grant usage on schema {row.schema} to pipeline; "
            f"grant select on {row.written} to pipeline;"
        )
    check_trusted(session, "--table names", row.written)
    rows = session.execute(asked["read_columns"], {"name": row.written})
    columns = tuple(FoundColumn(column.name, column.written, column.type, column.in_primary_key) for column in rows)
    return FoundTable(row.schema, row.name, row.written, row.is_view, row.estimated_rows, columns, row.is_reserved)


def list_readable(session: Session) -> tuple[str, ...]:
    """Tables and views that may be read, as `--table` takes them; not ours, and no more than fit a message."""
    return tuple(session.execute(queries.load("profiling")["list_readable_tables"], {"most": MOST_NAMED}).scalars())


def profile_table(session: Session, question: Question) -> TableProfile:
    """Look at a table; the temporary copy is gone with the transaction.

    Raises:
        ConfigError: it took too long.
    """
    table, who = question.table, question.get(question.entity).written
    with limit_time(session, table.written):
        counts = _count_rows(session, question)
        days = _count_days(session, question)
        _copy_sample(session, question)
        looked_at = ask_number(session, "select count(*) from pg_temp.profiled")
        return TableProfile(
            table=table,
            **counts,
            days=days,
            looked_at=looked_at,
            columns=tuple(_profile_column(session, column, looked_at) for column in _plain_columns(table)),
            entities=ask_number(session, f"select count(distinct {who}) from pg_temp.profiled"),  # noqa: S608 - quoted
            delay=measure_delay(session, question),
            rhythm=find_rhythm(session, question),
            rows_each=count_rows_each(session, question),
            loads=_list_loads(session, question),
        )


def find_late_times(session: Session, table: FoundTable, event_at: str) -> tuple[str, ...]:
    """Other instants of the table that never lie before the event: perhaps they say when a row was learned."""
    event = table.get(event_at)
    if event is None or event.type == CLOCK:
        return ()  # which clock it shows is not known yet
    others = [column for column in table.columns if column.type == INSTANT and column.name != event_at]
    found = []
    with limit_time(session, table.written):
        for column in others:
            query = f"""
                select coalesce(bool_and({column.written} >= {event.written}), false)
                from (select * from {table.written} limit {LARGE_ROWS}) as rows"""  # noqa: S608 - quoted
            found += [column.name] if ask(session, query).scalar_one() else []
    return tuple(found)


def _count_rows(session: Session, question: Question) -> dict[str, int]:
    query = text(f"""
        select count(*) as rows, count(*) filter (where {question.happened} is null) as undated,
            count(*) filter (where {question.happened} < :ancient) as ancient,
            count(*) filter (where {question.happened} >= :tomorrow) as future
        from {question.relation}""")  # noqa: S608 - quoted
    found = session.execute(query, question.bounds).one()
    return {"rows": found.rows, "undated": found.undated, "ancient": found.ancient, "future": found.future}


def _count_days(session: Session, question: Question) -> Mapping[date, int]:
    query = text(f"""
        select cast({question.happened} at time zone :timezone as date) as day, count(*) as rows
        from {question.relation} where {question.is_dated} group by 1 order by 1""")  # noqa: S608 - quoted
    rows = session.execute(query, {"timezone": question.timezone, **question.bounds})
    return {row.day: row.rows for row in rows if row.day <= question.today}


def _list_loads(session: Session, question: Question) -> tuple[date, ...]:
    """The recent days on which rows were learned; none where no column of its own says it."""
    if question.known_at in (None, question.event_at):
        return ()
    relation, learned = question.relation, question.learned
    return list_recent_days(session, relation, learned, {}, timezone=question.timezone, today=question.today)


def _plain_columns(table: FoundTable) -> tuple[FoundColumn, ...]:
    """Those whose values can be counted, ordered or listed."""
    return tuple(column for column in table.columns if column.type in (*NUMBERS, *TEXTS, *TIMES, "boolean", "uuid"))


def _copy_sample(session: Session, question: Question) -> None:
    """The newest rows of a view, pages of a large table drawn by chance, or all of it."""
    table = question.table
    listed = ", ".join(column.written for column in _plain_columns(table))
    sample = ""
    if table.is_view:
        sample = f" order by {question.get(question.event_at).written} desc nulls last limit {LARGE_ROWS}"
    elif (table.estimated_rows or 0) > LARGE_ROWS:
        percent = 100 * LARGE_ROWS / (table.estimated_rows or 1)
        sample = f" tablesample system ({percent:.6f}) repeatable (7)"
    query = f"create temporary table profiled on commit drop as select {listed} from {table.written}{sample}"  # noqa: S608 - quoted
    ask(session, query)


def _profile_column(session: Session, column: FoundColumn, rows: int) -> ColumnProfile:
    name = column.written
    known = ask_number(session, f"select count({name}) from pg_temp.profiled")  # noqa: S608 - quoted
    distinct = ask_number(session, f"select count(distinct {name}) from pg_temp.profiled")  # noqa: S608 - quoted
    is_number, is_text = column.type in NUMBERS, column.type in TEXTS
    return ColumnProfile(
        column=column,
        null_share=1 - known / rows if rows else 0.0,
        distinct=distinct,
        numbers=_read_range(session, name) if is_number and known else None,
        values=_list_values(session, name) if is_text and distinct <= MOST_VALUES else (),
    )


def _read_range(session: Session, name: str) -> Range | None:
    """None where a number is infinite, or none: nothing can learn from such a column."""
    query = f"""
        select min(number) as least, max(number) as most, bool_or(number in ('infinity', '-infinity', 'nan')) as is_odd,
            percentile_disc(0.001) within group (order by number) as low,
            percentile_disc(0.999) within group (order by number) as high
        from (select cast({name} as double precision) as number from pg_temp.profiled) as cast_ones"""  # noqa: S608 - quoted
    row = ask(session, query).one()
    return None if row.is_odd else Range(row.least, row.low, row.high, row.most)


def _list_values(session: Session, name: str) -> tuple[str, ...]:
    query = f"""
        select cast({name} as text) as value from pg_temp.profiled
        where {name} is not null group by 1 order by count(*) desc, 1"""  # noqa: S608 - quoted
    return tuple(ask(session, query).scalars())
