"""What two Dask workers cost against two threads: the same recipe on the same folds, in one run, and how far scores lie apart.

    python bench/engines.py [rows] [as_ofs]

Rows of 30 features are drawn into a throw-away PostgreSQL. `whole`: each fold is a task for one of two workers; `shared`: both
share each fit. They take turns, round by round, and every ratio is to the threads of its own round: the first, in which workers
read the rows from PostgreSQL, and the median of three that find them kept. Scores are those of the validated as_ofs, out of fold;
memory is the peak of the larger worker.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from statistics import median

import numpy as np
from distributed import LocalCluster
from people import declare
from sqlalchemy import text

from perennial.config import Declaration, Settings
from perennial.local.ports import find_free_port
from perennial.local.postgres import THROWAWAY, Postgres
from perennial.metrics import mean_auc
from perennial.pipeline import open_stores
from perennial.pipeline.engines import measure_memory, open_engine
from perennial.records import Recipe, TrainingSet
from perennial.stores.sessions import Database, run_script
from perennial.stores.warehouse import migrate, read_training_set, sync
from perennial.stores.warehouse.partitions import ensure_month
from perennial.train import Engine, FoldRows, Threads, describe_folds, make_folds
from perennial.train.boosters import REGULARISED_DEFAULTS
from perennial.train.rows import cut_folds, gather_rows

FIRST, SEED, ROUNDS, FOLDS = date(2020, 1, 6), 1, 100, 4
KEPT_ROUNDS = 3
NUMBERS = [f"f{place}" for place in range(28)]
NAMES = ", ".join([*NUMBERS, "flag", "kind"])
COLUMNS = ", ".join(f"{name} float8" for name in NUMBERS)
# Numbers that look drawn and are the same every time; the chance of a label follows three of them.
DRAWN = ", ".join(f"(hashfloat8(n * 31 + {place} + {{week}} * 7919) / 2147483648.0) as f{place}" for place in range(28))
FILL = f"""
insert into features.bench (as_of, entity_id, {NAMES})
select '{{as_of}}', n, {NAMES} from (
    select n, {DRAWN}, n % 2 = 0 as flag, 'kind ' || n % 4 as kind from generate_series(1, {{rows}}) as n) as drawn;
insert into labels.bench (as_of, entity_id, label, known_at)
select as_of, entity_id, (f0 + f1 * f2 + hashfloat8(entity_id + {{week}} * 104729) / 1500000000.0 > 0.8)::integer, '2021-01-01'
from features.bench where as_of = '{{as_of}}';
insert into ledger.snapshots (model, as_of, kind, rows, checksum, query_hash, config_hash, status, purpose, effective_at)
select 'bench', '{{as_of}}', kind, {{rows}}, 'c', 'q', 'c', 'valid', 'simulation', '2020-01-01'
from (values ('features'), ('labels')) as kinds (kind);
"""


def main(rows: int, as_ofs: int) -> None:
    logging.getLogger("distributed").setLevel(logging.ERROR)
    days = [FIRST + timedelta(days=7 * week) for week in range(as_ofs)]
    folder = Path(tempfile.mkdtemp(prefix="perennial-"))
    server = Postgres(folder / "postgres", find_free_port(), passwords=folder / "passwords.json", options=THROWAWAY)
    try:
        server.start()
        server.ensure_roles()
        server.ensure_database("warehouse", "owner", guests=("loader", "pipeline", "analyst"))
        fill(server, rows, days)
        url = server.url("warehouse", "pipeline")
        os.environ["PERENNIAL_WAREHOUSE_URL"] = url
        with Database(url).transaction() as session:
            training = read_training_set(session, declare(NAMES), days)
        measure(training, Settings(url, "", "http://127.0.0.1:9", home=folder, artifacts=folder))
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def fill(server: Postgres, rows: int, days: list[date]) -> None:
    migrate(server.url("warehouse", "owner"))
    with Database(server.url("warehouse", "loader")).transaction() as session:
        session.execute(text(f"create table source.people (entity_id bigint, {COLUMNS}, flag boolean, kind text)"))
    with Database(server.url("warehouse", "pipeline")).transaction() as session:
        sync(session, declare(NAMES))
        for week, as_of in enumerate(days):
            for schema in ("features", "labels"):
                ensure_month(session, schema, "bench", as_of)
            run_script(session, FILL.format(as_of=as_of, rows=rows // len(days), week=week))
    server.run_sql("warehouse", "vacuum analyze features.bench;")


def measure(training: TrainingSet, settings: Settings) -> None:
    declaration = declare(NAMES)
    rows = gather_rows(declaration.model, training)
    folds = cut_folds(rows, make_folds(training.as_ofs, FOLDS, declaration.model.embargo))
    part = describe_folds(folds)
    print(f"{len(rows.labels):,} rows of {len(rows.features)} features on {len(training.as_ofs)} as_ofs, {len(folds)} folds")
    needed = measure_memory(part.cells) / 1e6
    print(f"rows as numbers {part.cells * 8 / 1e6:,.0f} MB; a worker of whole fits is held to need {needed:,.0f} MB")
    for algorithm, recipe in REGULARISED_DEFAULTS.items():
        print(f"{algorithm}, until it stops, then {ROUNDS} rounds on the rows of the last fold")
        with start(settings, declaration, 1) as (whole, one), start(settings, declaration, 2) as (shared, other):
            engines: dict[str, Engine] = {"2 threads": Threads(2), "whole": whole, "shared": shared}
            rounds = [{name: run(engine, recipe, folds) for name, engine in engines.items()} for _ in range(1 + KEPT_ROUNDS)]
            for name, cluster in (("whole", one), ("shared", other)):
                with cluster.get_client() as client:
                    report(name, rounds, folds, max(client.run(find_peak).values()))


@contextmanager
def start(settings: Settings, declaration: Declaration, workers_per_fit: int) -> Iterator[tuple[Engine, LocalCluster]]:
    """The engine on two fresh workers."""
    keys = {"engine": "dask", "workers_per_fit": workers_per_fit}
    model = declaration.model.model_copy(update={"training": declaration.model.training.model_copy(update=keys)})
    local = LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", memory_limit=0)
    with (
        local,
        open_stores(replace(settings, dask_address=local.scheduler_address)) as stores,
        open_engine(stores, declaration.model_copy(update={"model": model})) as engine,
    ):
        yield engine, local


def find_peak() -> float:
    """Peak memory of this process in MB."""
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


@dataclass(frozen=True, eq=False)
class Measured:
    """Out-of-fold scores, and seconds."""

    raw: list[np.ndarray]
    folds: float
    fit: float


def run(engine: Engine, recipe: Recipe, folds: tuple[FoldRows, ...]) -> Measured:
    """Try the recipe on the folds, then fit it on the rows of the last one."""
    begun = time.perf_counter()
    raw = [scores for scores, _ in engine.validate(recipe, SEED, folds)]
    validated = time.perf_counter()
    engine.fit(recipe, ROUNDS, SEED, folds[-1].training)
    return Measured(raw, validated - begun, time.perf_counter() - validated)


def report(name: str, rounds: list[dict[str, Measured]], folds: tuple[FoldRows, ...], peak: float) -> None:
    ours, threads = [each[name] for each in rounds], [each["2 threads"] for each in rounds]
    ratios = [one.folds / other.folds for one, other in zip(ours, threads, strict=True)]
    fits = [one.fit / other.fit for one, other in zip(ours, threads, strict=True)]
    apart = max(np.abs(one - other).max() for one, other in zip(ours[0].raw, threads[0].raw, strict=True))
    again = all(np.array_equal(one, other) for each in ours for one, other in zip(ours[0].raw, each.raw, strict=True))
    first, kept, fit = f"{ratios[0]:.2f}", say_median(ratios[1:]), say_median(fits[1:])
    print(f"{name:8} folds {first} of threads while rows are read, then {kept}; one fit {fit}")
    auc = f"AUC {average_auc(ours[0], folds):.4f} beside {average_auc(threads[0], folds):.4f}"
    same = "the same" if again else "NOT the same"
    print(
        f"{'':8} {auc}, largest difference of a score {apart:.4f}; {same} in every round; peak of a worker {peak:,.0f} MB",
        flush=True,
    )


def say_median(ratios: list[float]) -> str:
    return f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def average_auc(measured: Measured, folds: tuple[FoldRows, ...]) -> float:
    pairs = zip(folds, measured.raw, strict=True)
    return float(np.mean([mean_auc(fold.validation.frame(raw), fold.validation.named) for fold, raw in pairs]))


if __name__ == "__main__":
    main(*(int(argument) for argument in (*sys.argv[1:], *("60000", "12")[len(sys.argv) - 1 :])))
