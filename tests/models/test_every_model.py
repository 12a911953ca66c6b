"""What holds for every file in models/: it loads, one row per entity, its suites fit, and the future changes nothing."""

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import text

from perennial.config.cron import find_first_firing
from perennial.config.inputs import Source
from perennial.stores import queries
from perennial.stores.warehouse import build_labels, build_snapshot, read_columns
from perennial.validate import load_suite
from tests.drawn import run_of
from tests.model_tables import HOMES

# How values of a type are changed; a column of any other type stays as it is.
CHANGES = {
    "smallint": "{} + 77",
    "integer": "{} + 77777",
    "bigint": "{} + 77777",
    "real": "{} + 77777",
    "double precision": "{} + 77777",
    "numeric": "{} + 77777",
    "boolean": "not {}",
    "text": "'changed'",
    "character varying": "'changed'",
    "date": "{} - 77",
    "timestamp with time zone": "{} - interval '77 days'",
    "timestamp without time zone": "{} - interval '77 days'",
    "interval": "{} + interval '77 days'",
}

pytestmark = pytest.mark.parametrize("name", sorted(HOMES))


@pytest.fixture
def run(declaration, day):
    return run_of(declaration, day)


@pytest.fixture
def free_tables(tables):
    """Versions and changed copies may stand beside each other: the source tables lose constraints and lengths."""
    statements = tables.execute(
        text("""
            select format('alter table %s drop constraint if exists %I cascade', conrelid::regclass, conname)
            from pg_constraint where contype <> 'n' and connamespace = 'source'::regnamespace
            union all
            select format('alter table %s alter %I type %s', attrelid::regclass, attname, format_type(atttypid, null))
            from pg_attribute join pg_class on pg_class.oid = attrelid and relnamespace = 'source'::regnamespace and relkind = 'r'
            where attnum > 0 and atttypmod <> -1 and atttypid in ('numeric'::regtype, 'varchar'::regtype)
        """)
    ).scalars()
    for statement in list(statements):
        tables.execute(text(statement))


def versioned(declaration) -> list[tuple[str, Source]]:
    return [(name, source) for name, source in declaration.model.sources.items() if source.times == "versioned"]


def other_columns(session, name: str, source: Source) -> dict[str, str]:
    """The columns that are neither key nor date, each with an expression that changes it."""
    rows = session.execute(queries.load("warehouse")["read_source_columns"], {"table": f"source.{name}"})
    fixed = (*source.key, source.event_at, source.known_at)
    return {row.name: CHANGES.get(row.type, "{}").format(f'"{row.name}"') for row in rows if row.name not in fixed}


def test_it_loads(declaration, name):
    assert declaration.model.name == name


def test_every_day_of_a_year_has_settled_when_its_refresh_fires(declaration):
    """2027-03-14 is the day on which New York has settled at 07:00 by the clock on the wall, not at 06:00."""
    model = declaration.model
    fires_at = find_first_firing(model.schedule.refresh)
    days = [date(2027, 1, 1) + timedelta(days=number) for number in range(365)]
    assert [day for day in days if datetime.combine(day, fires_at, model.zone) < model.known_until(day)] == []


def test_its_tables_are_there(find_fault, declaration):
    fault = find_fault(declaration)
    assert not fault, fault


def test_a_snapshot_has_one_row_per_entity(tables, declaration, run, day, name):
    built = build_snapshot(tables, declaration, run)
    entities = tables.execute(text(f'select count(distinct entity_id) from features."{name}" where as_of = :d'), {"d": day})
    assert (built.rows, built.rows > 10) == (entities.scalar_one(), True)


def test_labels_are_built_for_the_whole_cohort(tables, declaration, run, day):
    built = build_snapshot(tables, declaration, run)
    assert build_labels(tables, declaration, run, day).rows == built.rows


def test_the_columns_of_its_snapshot_suite_exist(tables, declaration, name):
    columns = {"entity_id", *(column.name for column in read_columns(tables, name))}
    named = {part for rule in load_suite(declaration, "snapshot").rules if rule.column for part in rule.column.split(", ")}
    assert named <= columns


def test_the_source_suite_looks_at_declared_sources_only(declaration):
    looked_at = {rule.meta.table for rule in load_suite(declaration, "source").rules}
    assert looked_at <= set(declaration.model.sources)


def test_segments_and_columns_without_drift_trigger_exist(tables, declaration, name):
    features = declaration.model.features
    columns = {column.name for column in read_columns(tables, name)}
    assert {*features.segments, *features.no_drift_trigger.columns} <= columns


def test_features_that_the_training_names_exist(tables, declaration, name):
    features = {column.name for column in read_columns(tables, name)} - set(declaration.model.features.segments)
    named = declaration.model.training.named_features
    assert {key: set(names) - features for key, names in named.items()} == {key: set() for key in named}


def test_deleting_facts_at_or_after_the_as_of_changes_nothing(tables, declaration, run, day):
    former = build_snapshot(tables, declaration, run)
    for name, source in versioned(declaration):
        tables.execute(text(f"delete from source.{name} where {source.event_at} >= :s"), {"s": declaration.model.start(day)})
    assert build_snapshot(tables, declaration, run) == former


def test_deleting_facts_learned_after_the_day_has_settled_changes_nothing(tables, declaration, run, day):
    former = build_snapshot(tables, declaration, run)
    until = declaration.model.known_until(day)
    for name, source in versioned(declaration):
        tables.execute(text(f"delete from source.{name} where {source.known_at} > :u"), {"u": until})
    assert build_snapshot(tables, declaration, run) == former


def test_shuffling_facts_at_or_after_the_as_of_changes_nothing(tables, free_tables, declaration, run, day):
    former = build_snapshot(tables, declaration, run)
    for name, source in versioned(declaration):
        changes = ", ".join(f"{column} = {change}" for column, change in other_columns(tables, name, source).items())
        moved = f"{source.event_at} = {source.event_at} + interval '3 days'" + (f", {changes}" if changes else "")
        tables.execute(
            text(f"update source.{name} set {moved} where {source.event_at} >= :s"), {"s": declaration.model.start(day)}
        )
    assert build_snapshot(tables, declaration, run) == former


def test_adding_facts_that_happen_later_changes_nothing(tables, free_tables, declaration, run, day):
    former = build_snapshot(tables, declaration, run)
    add_copies(tables, declaration, {"event_at": declaration.model.start(day)})
    assert build_snapshot(tables, declaration, run) == former


def test_late_facts_and_corrections_of_the_past_change_nothing(tables, free_tables, declaration, run):
    former = build_snapshot(tables, declaration, run)
    add_copies(tables, declaration, {"known_at": run.clock}, later="interval '1 second'")
    assert build_snapshot(tables, declaration, run) == former


def test_facts_learned_in_time_do_change_the_snapshot(tables, free_tables, declaration, run):
    former = build_snapshot(tables, declaration, run)
    add_copies(tables, declaration, {"known_at": run.clock})
    assert build_snapshot(tables, declaration, run).checksum != former.checksum


def test_labels_built_again_after_the_grace_are_the_same(tables, free_tables, declaration, run, day):
    build_snapshot(tables, declaration, run)
    former = build_labels(tables, declaration, run, day)
    add_copies(tables, declaration, {"known_at": declaration.model.matured_at(day)}, later="interval '1 second'")
    assert build_labels(tables, declaration, run, day) == former


def test_labels_do_not_see_what_happens_after_the_horizon(tables, free_tables, declaration, run, day):
    build_snapshot(tables, declaration, run)
    former = build_labels(tables, declaration, run, day)
    add_copies(tables, declaration, {"event_at": declaration.model.label_end(day)})
    assert build_labels(tables, declaration, run, day) == former


def add_copies(session, declaration, dates: dict, later: str = "interval '0'") -> None:
    """Beside every fact a changed copy of it, with one of its dates set."""
    for name, source in versioned(declaration):
        changes = other_columns(session, name, source)
        kept = {column: column for column in (*source.key, source.event_at, source.known_at)}
        moved = {getattr(source, which): f"cast(:{which} as timestamptz) + {later}" for which in dates}
        values = kept | changes | moved
        session.execute(
            text(f"insert into source.{name} ({', '.join(values)}) select {', '.join(values.values())} from source.{name}"), dates
        )
