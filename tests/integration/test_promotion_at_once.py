"""Several processes move one champion at the same time, on a real ledger and a real registry, while another one watches."""

from __future__ import annotations

import multiprocessing
import random
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial

import pytest
from mlflow import MlflowClient

from perennial.errors import NothingToRollBackTo, PromotionRefused
from perennial.promote import PromotionContext, choose_challenger, choose_forced, newest_champion, promote, roll_back
from perennial.records import Outcome, Run, Verdict
from perennial.stores import ledger
from perennial.stores.registry import ChampionAlias, Registry
from perennial.stores.sessions import Database

MODEL = "contended"
DAY = date(2017, 11, 6)
CLOCK = datetime(2017, 11, 6, 11, tzinfo=UTC)
VERSIONS = range(1, 9)
PROMOTERS, TURNS = 4, 5
MOST_SECONDS = 400  # on a machine that does much else


@dataclass(frozen=True)
class Site:
    """Where the processes meet."""

    warehouse_url: str
    mlflow_uri: str

    def open_promotion(self, actor: str) -> PromotionContext:
        run = Run(MODEL, DAY, CLOCK, "simulation", actor=actor)
        book = ledger.PromotionBook(Database(self.warehouse_url, actor), run)
        return PromotionContext(book, ChampionAlias(Registry(self.mlflow_uri), MODEL), lambda number: None, run, 0)


def contend(site: Site, actor: str, seed: int) -> None:
    """Promote by verdict, by force, and roll back, in an order of one's own; being refused is part of it."""
    context, chance = site.open_promotion(actor), random.Random(seed)
    for _ in range(TURNS):
        try:
            chance.choice((_promote, _force, _roll_back))(site, context, chance.choice(VERSIONS))
        except (PromotionRefused, NothingToRollBackTo):
            continue


def _promote(site: Site, context: PromotionContext, version: int) -> None:
    """By a verdict against the champion that served a moment ago: somebody else may be faster."""
    with Database(site.warehouse_url).transaction() as session:
        champion = ledger.champion(session, MODEL)
        reasons = ("Better.",)
        verdict = Verdict(MODEL, DAY, Outcome.PROMOTE, version, champion, (), 0, 0, (), (), 84, reasons)
        ledger.record_evaluation(session, context.run, verdict)
        evaluation = ledger.latest_evaluation(session, MODEL, version)
    promote(context, partial(choose_challenger, evaluation=evaluation, run=context.run, approval="auto"))


def _force(site: Site, context: PromotionContext, version: int) -> None:
    promote(context, partial(choose_forced, run=context.run, version=version, reason="I insist."))


def _roll_back(site: Site, context: PromotionContext, version: int) -> None:
    roll_back(context, MODEL)


def watch(site: Site, stop, seen) -> None:
    """Read the alias all the time; a moment without it is a None in what was seen."""
    alias = ChampionAlias(Registry(site.mlflow_uri), MODEL)
    found = []
    while not stop.is_set():
        found.append(alias.get())
    seen.put(found)


@pytest.fixture
def site(warehouse_urls, mlflow_server) -> Site:
    client = MlflowClient(mlflow_server, mlflow_server)
    client.create_registered_model(MODEL)
    run = client.create_run(client.create_experiment(MODEL))
    for _ in VERSIONS:
        client.create_model_version(MODEL, f"{run.info.artifact_uri}/model", run.info.run_id, await_creation_for=0)
    return Site(warehouse_urls.pipeline, mlflow_server)


def test_promoters_and_rollbacks_at_once_leave_a_chain_and_never_a_moment_without_champion(site):
    context = site.open_promotion("first")
    promote(context, partial(choose_forced, run=context.run, version=1, reason="Somebody must."))
    processes = multiprocessing.get_context("forkserver")
    stop, seen = processes.Event(), processes.Queue()
    watcher = processes.Process(target=watch, args=(site, stop, seen))
    promoters = [processes.Process(target=contend, args=(site, f"promoter {n}", n)) for n in range(PROMOTERS)]
    for process in (watcher, *promoters):
        process.start()
    deadline = time.monotonic() + MOST_SECONDS
    for process in promoters:
        process.join(deadline - time.monotonic())
    stop.set()
    found = seen.get(timeout=60)
    watcher.join(60)

    assert [0] * PROMOTERS == [process.exitcode for process in promoters]
    history = context.book.history()
    assert context.book.find_open() is None
    assert [None, *(movement.version for movement in history[:-1])] == [movement.previous_version for movement in history]
    assert newest_champion(history) == context.alias.get()
    assert len({movement.actor for movement in history}) > 1
    assert {movement.kind for movement in history} >= {"forced", "rollback"}
    assert "manual" not in {movement.kind for movement in history}
    assert len(found) > PROMOTERS
    assert set(found) <= {movement.version for movement in history}
