"""What stands between a publication and its decision: monitor and decide, and the page that is drawn afterwards.

On the demo's rows, with a PostgreSQL and an MLflow of its own, in turns: the decision with the kept profile; and the way it once
went, with the training rows read anew and every column drawn before anybody decides. The page of today is timed
apart, and so is a training that is assembled of labels that are there.

    python bench/decision.py --weeks 31 --rounds 3
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import median

from day import build_days, prepare
from paths import ROOT

from perennial import pipeline
from perennial.demo.story import FIRST, MODEL
from perennial.local.ports import find_free_port
from perennial.local.postgres import THROWAWAY, Postgres
from perennial.local.servers import make_mlflow
from perennial.pipeline import Stores
from perennial.pipeline.profiling import drop_profiles
from perennial.records import Run, Version
from perennial.stores import ledger

WEEK = timedelta(weeks=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weeks", type=int, default=31, help="how many snapshots of the demo's history to build")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(prefix="perennial-", ignore_cleanup_errors=True) as name, ExitStack() as stack:
        stores = open_world(Path(name), stack)
        build_days(stores, given.weeks)
        run = Run(MODEL, FIRST, stores.declaration(MODEL).model.known_until(FIRST), "simulation")
        version = publish_first_day(stores, run)
        compare(stores, run, version, given.rounds)


def open_world(folder: Path, stack: ExitStack) -> Stores:
    postgres = Postgres(folder / "postgres", find_free_port(), passwords=folder / "passwords.json", options=THROWAWAY)
    stack.callback(postgres.stop)
    postgres.start()
    settings = prepare(postgres, folder)
    postgres.ensure_database("mlflow", "mlflow")
    port = find_free_port()
    mlflow = make_mlflow(folder / "mlflow", port, backend_url=postgres.url("mlflow", "mlflow"))
    stack.callback(mlflow.stop)
    mlflow.start(new_session=True)
    mlflow.wait()
    settings = replace(settings, mlflow_uri=f"http://127.0.0.1:{port}", home=ROOT, trials=1)
    return stack.enter_context(pipeline.open_stores(settings))


def publish_first_day(stores: Stores, run: Run) -> Version:
    for stage in ("refresh", "validate", "train", "compare", "promote", "score", "monitor", "report"):  # the last two import
        pipeline.STAGES[stage](stores, run)
    with stores.warehouse.transaction() as session:
        publication = ledger.live_publication(session, MODEL, FIRST)
        assert publication is not None
        return ledger.get_version(session, MODEL, publication.version)


def compare(stores: Stores, run: Run, version: Version, rounds: int) -> None:
    def decide() -> None:
        pipeline.monitor(stores, run)
        pipeline.decide(stores, run)

    def decide_after_drawing() -> None:
        drop_profiles(stores.registry, (version,))
        pipeline.monitor(stores, run)
        pipeline.report(stores, run, all_columns=True)
        pipeline.decide(stores, run)

    tasks: dict[str, Callable[[], object]] = {
        "monitor and decide": decide,
        "rows read, all drawn, then decided": decide_after_drawing,
        "report, apart": lambda: pipeline.report(stores, run),
    }
    seconds = {name: median(column) for name, column in zip(tasks, zip(*take_turns(tasks, rounds), strict=True), strict=True)}
    later = replace(run, as_of=FIRST + WEEK, clock=stores.declaration(MODEL).model.known_until(FIRST + WEEK))
    pipeline.assemble(stores, later)  # builds labels
    seconds["assemble, where labels are"] = median(
        measure_seconds(lambda: pipeline.assemble(stores, later)) for _ in range(rounds)
    )
    for name, taken in seconds.items():
        print(f"{name:36} {taken:6.2f} s  {taken / seconds['monitor and decide']:5.1f}x")
    page = stores.registry.read_file(version.mlflow_run_id, f"reports/{FIRST}.html.gz")
    print(f"of a day alone the page holds {len(page or b'') / 1e3:.0f} kB")


def take_turns(tasks: dict[str, Callable[[], object]], rounds: int) -> list[list[float]]:
    return [[measure_seconds(task) for task in tasks.values()] for _ in range(rounds)]


def measure_seconds(task: Callable[[], object]) -> float:
    began = time.perf_counter()
    task()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
