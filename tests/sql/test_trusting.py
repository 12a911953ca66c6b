"""What stands behind the name of a source: nobody's code runs with the rights of the pipeline."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError

from perennial.config import Entity, Source
from perennial.errors import ForbiddenSource
from perennial.stores.sessions import Database
from perennial.stores.warehouse import list_elsewhere
from perennial.stores.warehouse.profiling import find_table
from perennial.stores.warehouse.relations import check_access, list_columns
from perennial.stores.warehouse.subjects import find_subject
from perennial.stores.warehouse.trusting import check_trusted
from tests.drawn import declare

LAPSE = declare("lapse")
MODEL = LAPSE.model
COPY = "create table source.copied (seen text)"
SPY = f"""
    {COPY};
    grant insert on source.copied to public;
    create function source.copy() returns void language plpgsql volatile as $$
        begin insert into source.copied values (current_user); end $$;
    create function source.spy(id bigint) returns bigint language plpgsql immutable cost 0.0001 as $$
        begin perform source.copy(); return id; end $$;
"""


@pytest.fixture
def as_loader(warehouse_urls):
    """Run statements as the role that fills the schema source."""
    engine = create_engine(warehouse_urls.loader)

    def run(statements):
        with engine.begin() as connection:
            return connection.exec_driver_sql(statements)

    yield run
    engine.dispose()


@pytest.fixture
def trust(warehouse_urls):
    """Look at source.visits as the pipeline does, and read it afterwards."""
    database = Database(warehouse_urls.pipeline)

    def trust():
        with database.transaction() as session:
            check_trusted(session, "[sources.visits] names", '"source"."visits"')
            return session.exec_driver_sql("select count(*) from source.visits where seen_at < '2020-01-01'").scalar_one()

    yield trust
    database.dispose()


TABLE = "create table source.kept as select 1::bigint as id, timestamptz '2017-05-08' as seen_at, 'a'::text as word;"
ATTACKS = {
    "a function": "create view source.visits as select source.spy(id) as id, seen_at from source.kept",
    "in a condition": "create view source.visits as select id, seen_at from source.kept where source.spy(id) = 1",
    "behind another view": """
        create view source.inner as select source.spy(id) as id, seen_at from source.kept;
        create view source.visits as select * from source.inner""",
    "an operator": """
        create operator source.## (rightarg = bigint, function = source.spy);
        create view source.visits as select operator(source.##) id as id, seen_at from source.kept""",
    "an aggregate": """
        create function source.add(state bigint, id bigint) returns bigint language sql immutable as 'select source.spy(id)';
        create aggregate source.total(bigint) (sfunc = source.add, stype = bigint, initcond = '0');
        create view source.visits as select source.total(id) as id, max(seen_at) as seen_at from source.kept""",
    "the check of a domain": """
        create domain source.odd as bigint check (source.spy(value) is not null);
        create view source.visits as select id::source.odd as id, seen_at from source.kept""",
    "the check of a domain in a condition": """
        create domain source.odd as bigint check (source.spy(value) is not null);
        create view source.visits as select id, seen_at from source.kept where id::source.odd > 0""",
    "the check of a domain in an array in a condition": """
        create domain source.odd as bigint check (source.spy(value) is not null);
        create view source.visits as select id, seen_at from source.kept where ('{' || id || '}')::source.odd[] is not null""",
    "the check of a domain in an array": """
        create domain source.odd as bigint check (source.spy(value) is not null);
        create view source.visits as select (('{' || id || '}')::source.odd[])[1] as id, seen_at from source.kept""",
    "row security": """
        create table source.visits as select * from source.kept;
        alter table source.visits enable row level security;
        create policy spying on source.visits using (source.spy(id) = 1);
        grant select on source.visits to pipeline""",
    "a set of rows": """
        create function source.all() returns setof source.kept language sql immutable
            as 'select source.spy(1); select * from source.kept';
        create view source.visits as select * from source.all()""",
    "a view that row security reads": """
        create view source.hidden as select source.spy(id) as id from source.kept;
        create table source.visits as select * from source.kept;
        alter table source.visits enable row level security;
        create policy spying on source.visits using (exists (select from source.hidden where hidden.id = visits.id));
        grant select on source.visits, source.hidden to pipeline""",
    "SQL in a text": """
        create view source.visits as select id, seen_at from source.kept
            where (select count(*) from ts_stat('select to_tsvector(source.spy(1)::text)')) >= 0""",
    "a domain within a row of JSON": """
        create domain source.odd as bigint check (source.spy(value) is not null);
        create type source.pair as (one source.odd);
        create view source.visits as select id, seen_at from source.kept
            where (jsonb_populate_record(null::source.pair, '{"one": 1}')).one = 1""",
    "the input of a domain": """
        create domain source.odd as bigint check (source.spy(value) is not null);
        create view source.visits as select id, seen_at from source.kept
            where domain_in('1'::cstring, 'source.odd'::regtype, -1) is not null""",
    "a cast that JSON finds": """
        create type source.word as enum ('a');
        create function source.tell(word source.word) returns json language sql immutable
            as 'select to_json(source.spy(1))';
        create cast (source.word as json) with function source.tell(source.word);
        create view source.visits as select id, seen_at from source.kept where to_jsonb('a'::source.word) is not null""",
    "the wait for a lock": """
        create view source.visits as select source.spy(id) as id, seen_at from source.kept
            where pg_sleep(0) is not null and pg_advisory_xact_lock(1) is not null""",
}
PLANNED = {
    "an index": "create index on source.visits ((id + source.spy(1)))",
    "the condition of an index": "create index on source.visits (id) where id > source.spy(1)",
    "an index of a partition": """
        alter table source.visits rename to part;
        create table source.visits (like source.part) partition by list (word);
        alter table source.visits attach partition source.part for values in ('a');
        create index on source.part ((id + source.spy(1)))""",
    "a check": "alter table source.visits add check (id >= source.spy(1))",
    "the key of partitions": """
        alter table source.visits rename to part;
        create table source.visits (like source.part) partition by range ((id + source.spy(1)))""",
    "statistics": "create statistics source.told on (id + source.spy(1)), id from source.visits",
}


@pytest.mark.attack("a source runs code of its loader as the pipeline")
@pytest.mark.parametrize("attack", ATTACKS)
def test_what_a_loader_wrote_does_not_run_as_the_pipeline(as_loader, trust, attack):
    as_loader(f"{TABLE} {SPY}; {ATTACKS[attack]}")
    with pytest.raises(ForbiddenSource, match=r"\[sources.visits\] names .* with the rights of this program. Take it out"):
        trust()
    assert [] == as_loader("select * from source.copied").all()


@pytest.mark.attack("a source runs code of its loader as the pipeline")
@pytest.mark.parametrize("attack", PLANNED)
def test_what_a_planner_would_work_out_does_not_run_as_the_pipeline(as_loader, trust, attack):
    as_loader(
        f"{TABLE} create table source.visits as select * from source.kept; {SPY}; {PLANNED[attack]}; delete from source.copied"
    )
    with pytest.raises(ForbiddenSource, match=r"a table with .* that runs source.spy\(bigint\) with the rights of this program"):
        trust()
    assert [] == as_loader("select * from source.copied").all()


@pytest.mark.attack("a source runs code of its loader as the pipeline")
@pytest.mark.parametrize(
    "made",
    [
        """
            create type source.word as enum ('a');
            create function source.tell(word source.word) returns text language sql immutable as 'select source.spy(1)::text';
            create cast (source.word as text) with function source.tell(source.word)""",
        "create domain source.word as text check (source.spy(1) = 1)",
    ],
    ids=["a cast", "the check of a domain"],
)
def test_a_column_of_a_type_that_runs_code_is_refused_by_name(as_loader, trust, made):
    as_loader(f"{TABLE} {SPY}; {made}; create table source.visits (words source.word[], seen_at timestamptz)")
    with pytest.raises(ForbiddenSource, match=r"whose column words is of the type source.word\[\], a cast or check"):
        trust()


@pytest.mark.parametrize(
    ("attack", "reading"),
    [
        (ATTACKS["a function"], "select id from source.visits"),
        (ATTACKS["a view that row security reads"], "select id from source.visits"),
        (ATTACKS["SQL in a text"], "select from source.visits"),
        (ATTACKS["a domain within a row of JSON"], "select from source.visits"),
        (ATTACKS["a cast that JSON finds"], "select from source.visits"),
        (f"create table source.visits as select * from source.kept; {PLANNED['an index']}", "select from source.visits"),
        (f"create table source.visits as select * from source.kept; {PLANNED['statistics']}", "select from source.visits"),
    ],
)
def test_the_attack_would_have_worked(as_loader, warehouse_urls, attack, reading):
    """Read without a look at it, the source writes as the pipeline: this is what is refused."""
    as_loader(f"{TABLE} {SPY}; {attack}; delete from source.copied")
    pipeline = create_engine(warehouse_urls.pipeline)
    with pipeline.begin() as connection:
        connection.exec_driver_sql(reading)
    pipeline.dispose()
    assert [("pipeline",)] == as_loader("select distinct seen from source.copied").all()


@pytest.mark.parametrize(
    "made",
    [
        "create table source.visits as select * from source.kept",
        "create materialized view source.visits as select * from source.kept",
        "create table source.visits (id bigint, seen_at timestamptz) partition by range (seen_at)",
        "create view source.visits as select id, date_trunc('day', seen_at) as seen_at, upper(word) from source.kept",
        "create type source.word as enum ('a'); create view source.visits as select word::source.word, seen_at from source.kept",
        """
            create table source.visits as select * from source.kept;
            alter table source.visits enable row level security;
            create policy plain on source.visits using (id > 0 and word <> current_setting('application_name'))""",
        """
            create domain source.small as bigint check (value < 9);
            create table source.visits (id source.small check (id > 0), word text, seen_at timestamptz check (seen_at <= now()));
            create index on source.visits (lower(word)) where id > 1""",
    ],
)
def test_tables_and_plain_views_are_read(as_loader, trust, made):
    as_loader(f"{TABLE} {made}; grant select on source.visits to pipeline")
    assert trust() in (0, 1)


@pytest.mark.attack("a source runs code of its loader as the pipeline")
@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("view", ATTACKS["a function"].replace("create", "create or replace")),
        ("table", "alter table source.visits rename to former"),
        ("materialized view", "alter materialized view source.visits rename to former"),
    ],
    ids=["a view", "a table", "a materialised view"],
)
def test_a_source_stays_what_it_was_found_to_be(as_loader, warehouse_urls, kind, change):
    as_loader(f"{TABLE} {SPY}; create {kind} source.visits as select id, seen_at from source.kept")
    database = Database(warehouse_urls.pipeline)
    with database.transaction() as session:
        check_trusted(session, "[sources.visits] names", '"source"."visits"')
        with pytest.raises(DBAPIError, match="lock timeout"):
            as_loader(f"set lock_timeout = '50ms'; {change}")
    database.dispose()


@pytest.mark.attack("a source runs code of its loader as the pipeline")
def test_a_source_of_a_model_is_looked_at_wherever_it_is_resolved(as_loader, warehouse_urls):
    as_loader(f"{TABLE} {SPY}; {ATTACKS['a function']}")
    source = Source(key=("id",), event_at="seen_at", known_at="seen_at")
    model = MODEL.model_copy(update={"sources": {"visits": source}})
    database = Database(warehouse_urls.pipeline)
    with database.transaction() as session:
        columns = list_columns(session, "visits", source)
        with pytest.raises(ForbiddenSource, match=r"models/lapse.toml: \[sources.visits\] names"):
            check_access(session, model, "visits", columns, ("id",))
    database.dispose()


@pytest.mark.attack("a source runs code of its loader as the pipeline")
def test_a_table_of_which_a_model_is_drafted_is_looked_at_first(as_loader, warehouse_urls):
    as_loader(f"{TABLE} {SPY}; {ATTACKS['a function']}")
    database = Database(warehouse_urls.pipeline)
    with database.transaction() as session, pytest.raises(ForbiddenSource, match="--table names"):
        find_table(session, "visits")
    database.dispose()


@pytest.mark.attack("a source runs code of its loader as the pipeline")
def test_whoever_is_forgotten_is_not_counted_where_that_would_run_code(as_loader, warehouse_urls):
    as_loader(f"{TABLE} {SPY}; {ATTACKS['a function']}")
    source = Source(key=("id",), event_at="seen_at", known_at="seen_at")
    model = MODEL.model_copy(update={"entity": Entity(key="id"), "sources": {"visits": source}})
    subject = find_subject([LAPSE.model_copy(update={"model": model})], "lapse", "1", only=True)
    database = Database(warehouse_urls.pipeline)
    with database.transaction() as session:
        (left,) = list_elsewhere(session, subject)
    database.dispose()
    assert left.rows is None
    assert left.statement.startswith("""delete from "source"."visits" where "id" = '1'; -- not counted. A model names""")
    assert [] == as_loader("select * from source.copied").all()
