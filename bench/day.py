"""What a day of the demo costs where it is not fitting: refresh, validate, and what `assemble` asks when labels exist.

Each figure stands beside a peer of the same run. Validate: Great Expectations alone on the same suites, and the floor of
one plain pass (the checksum over the same rows). Labels: all days together against each by itself. Assemble: reading the rows
for their count and hash, as it once did.
Growth: one rule of each kind for 30 columns, per row, from 10,000 to a million rows.

    python bench/day.py                 # the demo's history on a PostgreSQL of its own
    python bench/day.py --weeks 31      # all of it
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from statistics import median
from typing import TypeVar

from paths import ROOT
from sqlalchemy import text

from perennial import operate, pipeline
from perennial.config import Declaration, Settings
from perennial.demo.data import load_complete_journey
from perennial.demo.story import FIRST, HISTORY, MODEL
from perennial.local.ports import find_free_port
from perennial.local.postgres import THROWAWAY, Postgres
from perennial.pipeline import Stores
from perennial.pipeline.labelling import build_matured_labels, find_standing
from perennial.records import Run
from perennial.stores.sessions import Session, lend_connection
from perennial.stores.warehouse import (
    build_labels,
    build_labels_of_days,
    measure_training_set,
    migrate,
    open_audit,
    read_columns,
    read_training_set,
)
from perennial.stores.warehouse.days import measure_rows
from perennial.validate import Suite, load_suite, run_suite
from perennial.validate.counting import count_rules
from perennial.validate.running import judge_rules
from perennial.validate.suites import Note, Rule

Result = TypeVar("Result")
SIZES = (10_000, 100_000, 1_000_000)
COLUMNS, ROUNDS = 30, 3


def main() -> None:
    options = read_options()
    with tempfile.TemporaryDirectory(prefix="perennial-", ignore_cleanup_errors=True) as name, ExitStack() as stack:
        folder = Path(name)
        server = Postgres(folder / "postgres", find_free_port(), passwords=folder / "passwords.json", options=THROWAWAY)
        stack.callback(server.stop)
        server.start()
        settings = prepare(server, folder)
        stores = stack.enter_context(pipeline.open_stores(settings))
        days = build_days(stores, options.weeks)
        compare_validation(stores, days[-1])
        compare_assembly(stores)
        measure_growth(stores)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weeks", type=int, default=12, help="how many snapshots of the demo's history to build")
    return parser.parse_args()


def prepare(server: Postgres, folder: Path) -> Settings:
    server.ensure_roles()
    server.ensure_database("warehouse", "owner", guests=("loader", "pipeline", "analyst"))
    migrate(server.url("warehouse", "owner"))
    load_complete_journey(server.url("warehouse", "loader"))
    urls = [server.url("warehouse", role) for role in ("pipeline", "owner")]
    return Settings(*urls, "http://127.0.0.1:9", home=ROOT, artifacts=folder / "artifacts")


def timed(act: Callable[[], Result]) -> tuple[float, Result]:
    started = time.perf_counter()
    result = act()
    return time.perf_counter() - started, result


def build_days(stores: Stores, weeks: int) -> tuple[date, ...]:
    """Each day as `backfill` lives it."""
    model = stores.declaration(MODEL).model
    days = model.training_as_ofs(*HISTORY)[:weeks]
    operate.sync(stores, MODEL)
    runs = [Run(MODEL, day, clock=model.known_until(day), purpose="backfill") for day in days]
    seconds = [
        (timed(lambda run=run: pipeline.refresh(stores, run))[0], timed(lambda run=run: pipeline.validate(stores, run))[0])
        for run in runs
    ]
    refresh, validate = (median(column) for column in zip(*seconds, strict=True))
    print(f"{len(days)} days: {sum(map(sum, seconds)):.1f} s; median refresh {refresh:.2f} s, validate {validate:.2f} s")
    return tuple(days)


def compare_validation(stores: Stores, day: date) -> None:
    declaration = stores.declaration(MODEL)
    with stores.warehouse.transaction() as session:
        names = [column.name for column in read_columns(session, MODEL)]
        floor, _ = timed(lambda: measure_rows(session, f'features."{MODEL}"', day, names))
        audit(session, declaration, day, by_great_expectations)  # imports it
        theirs = audit(session, declaration, day, by_great_expectations)
        ours = audit(session, declaration, day, lambda engine, suite: dict(enumerate(run_suite(engine, suite))))
    print(f"validate: ours {ours:.3f} s, Great Expectations alone {theirs:.2f} s (imported): {theirs / ours:.1f}x")
    print(f"          checksum over the same rows {floor:.3f} s")


def audit(session: Session, declaration: Declaration, day: date, judge: Callable[..., object]) -> float:
    total = 0.0
    for which in ("source", "snapshot"):
        suite = load_suite(declaration, which)
        with open_audit(session, declaration, day, which, suite.windows) as engine:
            total += timed(lambda engine=engine, suite=suite: judge(engine, suite))[0]
    return total


def by_great_expectations(engine: object, suite: Suite) -> None:
    for view, rules in suite.views.items():
        judge_rules(engine, view, rules, suite)


def compare_assembly(stores: Stores) -> None:
    declaration = stores.declaration(MODEL)
    run = Run(MODEL, FIRST, declaration.model.known_until(FIRST), "simulation")
    with stores.warehouse.transaction() as session:
        time_labels(session, declaration, run)
        building, labelled = timed(lambda: build_matured_labels(session, declaration, run))
        again, _ = timed(lambda: build_matured_labels(session, declaration, run))
        asked, (rows, data_hash) = timed(lambda: measure_training_set(session, declaration, labelled.days))
        read, training = timed(lambda: read_training_set(session, declaration, labelled.days))
    assert (rows, data_hash) == (len(training.labels), training.data_hash)
    print(f"labels of {len(labelled.days)} days: built {building:.2f} s, there {again:.3f} s")
    print(f"assemble: ledger asked {asked:.4f} s, {rows} rows read {read:.2f} s: {read / asked:.0f}x")


def time_labels(session: Session, declaration: Declaration, run: Run) -> None:
    """All matured days together, and each by itself, as it once was, in turns."""
    days = find_standing(session, declaration, run.clock).current
    ways: tuple[Callable[[], object], ...] = (
        lambda: [build_labels(session, declaration, run, day) for day in days],
        lambda: build_labels_of_days(session, declaration, run, days),
    )
    apart, together = (
        median(column) for column in zip(*([undo(session, way) for way in ways] for _ in range(ROUNDS)), strict=True)
    )
    print(f"labels of {len(days)} days: one by one {apart:.2f} s, together {together:.2f} s: {together / apart:.2f} of the time")


def undo(session: Session, act: Callable[[], object]) -> float:
    """The seconds of something that is undone."""
    with session.begin_nested() as undone:
        seconds, _ = timed(act)
        undone.rollback()
    return seconds


def measure_growth(stores: Stores) -> None:
    rules = [
        Rule(type=f"expect_column_values_to_{what}", kwargs={"column": f"f{column}", **limits}, meta=Note(note="."))
        for column in range(COLUMNS)
        for what, limits in (("not_be_null", {}), ("be_between", {"min_value": 0, "max_value": 1}))
    ]
    rules.append(Rule(type="expect_column_values_to_be_unique", kwargs={"column": "entity_id"}, meta=Note(note=".")))
    suite = Suite(which="snapshot", rules=tuple(rules), key="entity_id")
    listed = ", ".join(f"random() as f{column}" for column in range(COLUMNS))
    for rows in SIZES:
        with stores.warehouse.transaction() as session:
            session.execute(
                text(f"create temporary table snapshot as select n as entity_id, {listed} from generate_series(1, {rows}) n")
            )
            with lend_connection(session) as engine:
                seconds, held = timed(lambda engine=engine: count_rules(engine, "snapshot", rules, suite))
            session.execute(text("drop table snapshot"))
        assert len(held) == len(rules)
        print(f"growth: {rows:>9} rows, {len(rules)} rules: {seconds:.3f} s, {1e6 * seconds / rows:.2f} us a row")


if __name__ == "__main__":
    main()
