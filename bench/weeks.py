"""The demo's weeks of any model, by replay: history, first champion, weekly fits and searches, and how the scores turned out.

As `make demo` lives them with `lapse` through Airflow, but for what is planted there. Scores are published, watched and compared
by the stages themselves, on a PostgreSQL and an MLflow of their own.

    python bench/weeks.py next_department       # half an hour; --trials 12 of every search, as in the demo
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from perennial import operate, pipeline
from perennial.demo.account import Account
from perennial.demo.data import load_complete_journey
from perennial.demo.story import COOLING, FIRST, HISTORY, MATURED
from perennial.errors import NothingToDo
from perennial.local import Stack
from perennial.pipeline import Stores
from perennial.records import Run
from perennial.stores import ledger


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="next_department")
    parser.add_argument("--trials", type=int, default=12)
    given = parser.parse_args()
    os.environ["PERENNIAL_TRIALS"] = str(given.trials)
    logging.getLogger().setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="perennial-", ignore_cleanup_errors=True) as folder:
        stack = Stack(Path(folder), simulated_until=MATURED)
        try:
            stack.up(only=("postgres", "mlflow"), tied=True)
            load_complete_journey(stack.environment()["PERENNIAL_LOADER_URL"])
            with pipeline.open_stores(stack.settings()) as stores:
                live(stores, given.model, Account())
        finally:
            stack.down()


def live(stores: Stores, name: str, account: Account) -> None:
    """Print the weeks as they are lived, and their outcomes once the labels have matured."""
    operate.sync(stores, name)
    model, began = stores.declaration(name).model, time.perf_counter()
    built = list(operate.backfill(stores, name, *HISTORY))
    account.say(f"{name}: {len(built)} snapshots built in {time.perf_counter() - began:.0f} s")
    began = time.perf_counter()
    weeks = [week.as_of for week in operate.replay(stores, name, FIRST, COOLING)]
    account.say(f"{len(weeks)} weeks lived in {time.perf_counter() - began:.0f} s")
    with suppress(NothingToDo):  # nothing was published for that day; what came true of the weeks is looked at all the same
        pipeline.monitor(stores, Run(name, MATURED, clock=model.known_until(MATURED), purpose="simulation"))
    account.table([operate.remember(stores, name, as_of).facts() for as_of in weeks])
    with stores.warehouse.transaction() as session:
        realised = ledger.outcomes(session, name, known_by=model.known_until(MATURED), limit=len(weeks))
        history = ledger.champion_history(session, name)
    for one in reversed(realised):
        figures = ", ".join(f"{metric} {found.estimate:.4f}" for metric, found in one.metrics.items())
        account.say(f"{one.as_of}: {one.rows:,} rows by version {one.version}, {figures}")
    for move in history:
        account.say(f"{move.kind}: version {move.version}, recipe {move.recipe}. {move.reason}")


if __name__ == "__main__":
    main()
