"""What stands behind the name of a source: nobody's code runs with the rights of the pipeline."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError

from perennial.config import Source
from perennial.errors import ForbiddenSource
from perennial.stores.sessions import Database
from perennial.stores.warehouse.relations import check_access, list_columns
from perennial.stores.warehouse.trusting import check_trusted
from tests.drawn import declare

MODEL = declare("lapse").model
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
}


@pytest.mark.attack("a source runs code of its loader as the pipeline")
@pytest.mark.parametrize("attack", ATTACKS)
def test_what_a_loader_wrote_does_not_run_as_the_pipeline(as_loader, trust, attack):
    as_loader(f"{TABLE} {SPY}; {ATTACKS[attack]}")
    with pytest.raises(ForbiddenSource, match=r"\[sources.visits\] names .* with the rights of this program. Take it out"):
        trust()
    assert [] == as_loader("select * from source.copied").all()


def test_the_attack_would_have_worked(as_loader, warehouse_urls):
    """Read without a look at it, the view writes as the pipeline: this is what is refused."""
    as_loader(f"{TABLE} {SPY}; {ATTACKS['a function']}")
    pipeline = create_engine(warehouse_urls.pipeline)
    with pipeline.begin() as connection:
        connection.exec_driver_sql("select id from source.visits")
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
            create policy plain on source.visits using (id > 0)""",
    ],
)
def test_tables_and_plain_views_are_read(as_loader, trust, made):
    as_loader(f"{TABLE} {made}; grant select on source.visits to pipeline")
    assert trust() in (0, 1)


@pytest.mark.attack("a source runs code of its loader as the pipeline")
def test_a_source_stays_what_it_was_found_to_be(as_loader, warehouse_urls):
    as_loader(f"{TABLE} {SPY}; create view source.visits as select id, seen_at from source.kept")
    database = Database(warehouse_urls.pipeline)
    with database.transaction() as session:
        check_trusted(session, "[sources.visits] names", '"source"."visits"')
        with pytest.raises(DBAPIError, match="lock timeout"):
            as_loader(f"set lock_timeout = '50ms'; {ATTACKS['a function'].replace('create', 'create or replace')}")
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
