"""What a scrape of `perennial metrics` costs while the ledger grows: statements of PostgreSQL, and model files, apart.

    python -m perennial.local python bench/scrape.py [models] [attempts]

Each model has so many attempts of stages, and what else ten attempts a day leave behind; then
ten times as many. The peer is one plain count of ledger.runs by the same role, in turns with the scrapes.
"""

from __future__ import annotations

import resource
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from perennial.local.ports import find_free_port
from perennial.local.postgres import THROWAWAY, WAREHOUSE_ROLES, Postgres
from perennial.stores.sessions import Database
from perennial.stores.warehouse import migrate
from perennial.stores.watching import LedgerWatch
from perennial.watch import Exporter, read_models

ROOT = Path(__file__).parents[1]
ROUNDS = 7
GROW = """
insert into ledger.runs (model, stage, as_of, purpose, actor, status, effective_at, recorded_at, finished_at)
select
    %(model)s,
    (array['refresh', 'validate', 'score', 'monitor', 'decide', 'report', 'admit', 'refit', 'train', 'compare'])[1 + n %% 10],
    date '2020-01-01' + n / 10, 'live', 'a', case when n %% 50 = 7 then 'failed' else 'ok' end,
    began, began, began + interval '9 s'
from generate_series(%(first)s, %(last)s) as n, lateral (select timestamptz '2020-01-01' + n * interval '1 h' as began) as times;
insert into ledger.publications (
    model, as_of, version, attempt, status, rows, mean_score, snapshot_checksum, manifest_hash, config_hash, query_hash,
    code_version, purpose, effective_at, published_at
)
select
    %(model)s, date '2020-01-01' + n / 10, 1, 1, 'live', 100, .2, 's', 'm', 'c', 'q', '1', 'live', timestamptz '2020-01-01',
    timestamptz '2020-01-01'
from generate_series(%(first)s, %(last)s, 10) as n;
insert into ledger.decisions (model, as_of, choice, rule, sentence, evidence, purpose, effective_at)
select
    %(model)s, date '2020-01-01' + n / 10, 'SKIP', 'quiet', 's',
    jsonb_build_object('auc_loss', .01, 'columns', repeat('x', 2000)), 'live', timestamptz '2020-01-01'
from generate_series(%(first)s, %(last)s, 10) as n;
insert into ledger.events (model, as_of, kind, effective_at)
select %(model)s, date '2020-01-01' + n / 10, (array['checked', 'matured', 'decision'])[1 + n %% 3], timestamptz '2020-01-01'
from generate_series(%(first)s, %(last)s, 5) as n
"""


def make_home(folder: Path, models: int) -> Path:
    (folder / "models").mkdir(parents=True)
    text = (ROOT / "models" / "lapse.toml").read_text(encoding="utf-8")
    for number in range(models):
        (folder / "models" / f"m{number}.toml").write_text(
            text.replace('name = "lapse"', f'name = "m{number}"'), encoding="utf-8"
        )
    return folder


def grow(pipeline: Database, models: int, first: int, last: int) -> None:
    with pipeline.transaction() as session:
        for number in range(models):
            for statement in GROW.split(";\n"):
                session.exec_driver_sql(statement, {"model": f"m{number}", "first": first, "last": last})


def measure(home: Path, url: str, attempts: int) -> float:
    """Prints medians; gives the seconds of reading the ledger."""
    exporter, ledger, plain = Exporter(home, LedgerWatch(url, 600.0)), LedgerWatch(url, 600.0), Database(url)
    names = [each.name for each in read_models(home)]
    found: dict[str, list[float]] = {"ledger": [], "count": [], "files": [], "whole": []}
    for _ in range(ROUNDS):
        for what, act in {
            "ledger": lambda: ledger.read(names),
            "count": lambda: count_runs(plain),
            "files": lambda: read_models(home),
            "whole": exporter.write,
        }.items():
            begun = time.perf_counter()
            act()
            found[what].append(time.perf_counter() - begun)
    median = {what: statistics.median(seconds) for what, seconds in found.items()}
    said = ", ".join(f"{what} {seconds * 1000:.0f} ms" for what, seconds in median.items())
    print(f"{len(names)} models, {attempts:,} attempts each: {said}; ledger / count {median['ledger'] / median['count']:.1f}")
    return median["ledger"]


def count_runs(database: Database) -> int:
    with database.transaction() as session:
        return int(session.exec_driver_sql("select count(model) from ledger.runs").scalar_one())


def main(models: int, attempts: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="scrape-"))
    server = Postgres(folder / "postgres", find_free_port(), passwords=folder / "passwords.json", options=THROWAWAY)
    try:
        server.start(new_session=True)
        server.ensure_roles()
        server.ensure_database("warehouse", "owner", guests=[role for role in WAREHOUSE_ROLES if role != "owner"])
        migrate(server.url("warehouse", "owner"))
        home, pipeline = make_home(folder / "home", models), Database(server.url("warehouse", "pipeline"))
        grow(pipeline, models, 1, attempts)
        small = measure(home, server.url("warehouse", "watcher"), attempts)
        grow(pipeline, models, attempts + 1, 10 * attempts)
        large = measure(home, server.url("warehouse", "watcher"), 10 * attempts)
        print(f"ten times the ledger: {large / small:.1f} times the time")
        print(f"memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB at most")
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(*(int(argument) for argument in (sys.argv[1:] or ["20", "4000"])))
