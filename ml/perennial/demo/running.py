"""`perennial demo`: from an empty folder to seven weeks of a model's life, and then a stack to look around in."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import time
from datetime import date
from functools import partial
from pathlib import Path

from perennial import operate, pipeline
from perennial.demo import data
from perennial.demo.account import Account
from perennial.demo.life import Life, Look
from perennial.demo.story import MATURED, MODEL, WEEKS, Story
from perennial.errors import PerennialError, StackError
from perennial.local import Stack

TRIALS = "12"  # Optuna's trials for each training of the demo
FAULT = 1


def run_demo(var: Path, *, exit_at_end: bool) -> int:
    """Live the story in `var`, which is emptied first; 0 when every step did what it should."""
    logging.getLogger().setLevel(logging.WARNING)
    os.environ.setdefault("PERENNIAL_TRIALS", TRIALS)
    account = Account()
    stack = Stack(var, simulated_until=MATURED)
    if stack.record is not None:
        raise StackError(
            f"A demo is running in {var}: end it with Ctrl-C in its terminal, or `PERENNIAL_VAR={var} perennial down`."
        )
    shutil.rmtree(var, ignore_errors=True)
    started = time.monotonic()
    try:
        _live(stack, account)
        account.say(f"\nThe demo took {time.monotonic() - started:.0f} s.")
        _say_where(stack, account)
        if not exit_at_end:
            _wait_for_ctrl_c(account)
    finally:
        account.say("Stopping every server ...")
        stack.down()
    for failure in account.failures:
        account.say(f"NOT SO: {failure}")
    return FAULT if account.failures else 0


def _live(stack: Stack, account: Account) -> None:
    account.headline("Start: PostgreSQL, MLflow, Airflow and a mail sink, all on 127.0.0.1")
    stack.up(lambda event: account.say(f"  {event}"), account.show, tied=True)
    account.headline("Load: the purchases of 2,469 households in 2017 (Complete Journey)")
    loader_url = stack.environment()["PERENNIAL_LOADER_URL"]
    loaded = data.load_complete_journey(loader_url)
    account.say("  " + ", ".join(f"{name} {rows:,}" for name, rows in loaded.items()))
    with pipeline.open_stores(stack.settings()) as stores:
        life = Life(stack.airflow, MODEL, stack.patience, partial(_watch_search, stores, account))
        story = Story(stores, life, account, loader_url)
        operate.sync(stores, MODEL)
        life.wake()
        try:
            story.tell()
        except PerennialError as error:
            account.expect(holds=False, what=str(error))
        _show_weeks(stores, account, WEEKS)


def _watch_search(stores: pipeline.Stores, account: Account) -> Look:
    """From now on each look shows how many trials are done of a search that goes on in Airflow."""
    watch = pipeline.SearchWatch(stores, MODEL)

    def look() -> None:
        seen = watch.look()
        if seen is not None:
            account.show(seen.sentence)

    look()  # what is there now is not going on
    return look


def _show_weeks(stores: pipeline.Stores, account: Account, weeks: tuple[date, ...]) -> None:
    account.headline("Every week")
    account.table([operate.remember(stores, MODEL, week).facts() for week in weeks])


def _say_where(stack: Stack, account: Account) -> None:
    user, password = stack.login
    addresses = stack.addresses
    account.headline("Look around")
    account.say(f"  Airflow   {addresses.airflow_url}   login {user} / {password}")
    user, password = addresses.mlflow_login
    account.say(f"  MLflow    {addresses.mlflow_url}/#/models/{MODEL}   login {user} / {password}")
    account.say(f"  Mail      {addresses.mail_folder}/*.eml")
    account.say(f"  Analyst   psql '{addresses.database_url('analyst').replace('+psycopg2', '')}'")
    account.say(f"  Shell     export PERENNIAL_VAR={stack.var}; perennial status")


def _wait_for_ctrl_c(account: Account) -> None:
    account.say("\nThe stack stays up until Ctrl-C.")
    stop = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    try:
        signal.sigwait(stop)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, stop)
