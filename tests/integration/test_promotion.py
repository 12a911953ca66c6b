"""The promotion protocol on a real ledger and a real registry, with processes that are killed between its steps."""

from __future__ import annotations

import multiprocessing
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from itertools import count

import pytest
from mlflow import MlflowClient

from perennial.errors import ArtifactCorrupt, NothingToRollBackTo, PromotionRefused, RegistryUnavailable
from perennial.promote import PromotionContext, choose_challenger, promote, reconcile_alias, roll_back
from perennial.records import Outcome, Run, Verdict
from perennial.stores import ledger
from perennial.stores.registry import ChampionAlias, Registry
from perennial.stores.sessions import Database

DAY = date(2017, 11, 6)
NAMES = count(1)
BROKEN = 4  # the version whose files do not pass


@dataclass(frozen=True)
class FourVersions:
    """One model with four registered versions, of which the last is broken."""

    database: Database
    context: PromotionContext
    run: Run

    def promote(self, challenger: int, champion: int | None, context: PromotionContext | None = None):
        with self.database.transaction() as session:
            ledger.record_evaluation(session, self.run, self._assess(challenger, champion))
            evaluation = ledger.latest_evaluation(session, self.run.model, challenger)
        choose = partial(choose_challenger, evaluation=evaluation, run=self.run, approval="auto")
        return promote(context or self.context, choose)

    def roll_back(self, to: int | None = None, context: PromotionContext | None = None):
        return roll_back(context or self.context, self.run.model, to=to)

    def dying_after(self, step: str) -> PromotionContext:
        return replace(self.context, book=Dying(self.context.book, step), alias=Dying(self.context.alias, step))

    @property
    def state(self) -> tuple[list[int], int | None, bool]:
        """The champions of the ledger, the alias, and whether an intent is open."""
        book = self.context.book
        return [promotion.version for promotion in book.history()], self.context.alias.get(), book.find_open() is not None

    def _assess(self, challenger: int, champion: int | None) -> Verdict:
        return Verdict(self.run.model, DAY, Outcome.PROMOTE, challenger, champion, (), 0, 0, (), (), 84, ("Better.",))


class Dying:
    """A port whose process is killed right after one of its steps."""

    def __init__(self, port: object, step: str) -> None:
        self._port = port
        self._step = step

    def __getattr__(self, name: str) -> object:
        method = getattr(self._port, name)
        return partial(self._die_after, method) if name == self._step else method

    def _die_after(self, method, *arguments):
        method(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)


class SilentAlias:
    """A registry that goes away before the alias is moved."""

    def __init__(self, alias: ChampionAlias) -> None:
        self.get = alias.get

    def set(self, version: int | None) -> None:
        raise RegistryUnavailable(f"no answer for {version}")


def check(version: int) -> None:
    if version == BROKEN:
        raise ArtifactCorrupt(f"version {version} does not reproduce its golden rows")


def run_and_die(function, *arguments) -> None:
    process = multiprocessing.get_context("fork").Process(target=function, args=arguments)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL


@pytest.fixture(scope="module")
def client(mlflow_server):
    return MlflowClient(mlflow_server, mlflow_server)


@pytest.fixture(scope="module")
def mlflow_run(client):
    return client.create_run(client.create_experiment("promotions"))


@pytest.fixture
def four(warehouse_urls, mlflow_server, client, mlflow_run):
    run = Run(f"promotion_{next(NAMES)}", DAY, datetime(2017, 11, 6, 11, tzinfo=UTC), "simulation", actor="tests")
    client.create_registered_model(run.model)
    for _ in range(BROKEN):
        source = f"{mlflow_run.info.artifact_uri}/model"
        client.create_model_version(run.model, source, mlflow_run.info.run_id, await_creation_for=0)
    database = Database(warehouse_urls.pipeline, "tests")
    context = PromotionContext(
        ledger.PromotionBook(database, run), ChampionAlias(Registry(mlflow_server), run.model), check, run, 28
    )
    return FourVersions(database, context, run)


def test_the_first_champion_stands_in_ledger_and_registry(four):
    promotion = four.promote(1, champion=None)
    assert (promotion.status, promotion.previous_version, promotion.reason) == ("applied", None, "Better.")
    assert four.state == ([1], 1, False)


def test_a_rerun_finds_the_promotion_done(four):
    first = four.promote(1, champion=None)
    assert four.promote(1, champion=None) == first
    assert four.state == ([1], 1, False)


@pytest.mark.mltest("I4")
def test_a_version_whose_files_do_not_pass_is_not_even_intended(four):
    four.promote(1, champion=None)
    with pytest.raises(ArtifactCorrupt):
        four.promote(BROKEN, champion=1)
    assert four.state == ([1], 1, False)


@pytest.mark.attack("a process is killed, or goes on after it was given up")
@pytest.mark.parametrize("step", ["find_open", "intend", "set", "apply"])
def test_a_promoter_killed_after_any_step_leaves_a_rerun_the_same_end(four, step):
    four.promote(1, champion=None)
    run_and_die(four.promote, 2, 1, four.dying_after(step))
    between = four.state
    assert between[1] in {1, 2}
    assert between[0] in ([1], [1, 2])
    four.promote(2, champion=1)
    assert four.state == ([1, 2], 2, False)


@pytest.mark.parametrize(("step", "versions"), [("find_open", [1]), ("intend", [1, 2]), ("set", [1, 2]), ("apply", [1, 2])])
def test_reconciling_alone_finishes_what_was_intended(four, step, versions):
    four.promote(1, champion=None)
    run_and_die(four.promote, 2, 1, four.dying_after(step))
    reconcile_alias(four.context)
    assert four.state == (versions, versions[-1], False)


@pytest.mark.parametrize("step", ["intend", "set"])
def test_an_intent_whose_files_no_longer_pass_is_undone(four, step):
    four.promote(1, champion=None)
    unchecked = replace(four.dying_after(step), check=lambda version: None)
    run_and_die(four.promote, BROKEN, 1, unchecked)
    ended = reconcile_alias(four.context)
    assert (ended.status, ended.reason) == ("undone", "Better. Undone: version 4 does not reproduce its golden rows")
    assert four.state == ([1], 1, False)


@pytest.mark.parametrize("step", ["find_open", "intend", "set", "apply"])
def test_a_first_promotion_that_was_killed_is_finished_too(four, step):
    run_and_die(four.promote, 1, None, four.dying_after(step))
    reconcile_alias(four.context)
    four.promote(1, champion=None)
    assert four.state == ([1], 1, False)


def test_a_registry_that_goes_away_leaves_an_intent_for_the_next_reconcile(four):
    four.promote(1, champion=None)
    with pytest.raises(RegistryUnavailable):
        four.promote(2, champion=1, context=replace(four.context, alias=SilentAlias(four.context.alias)))
    assert four.state == ([1], 1, True)
    assert reconcile_alias(four.context).status == "applied"
    assert four.state == ([1, 2], 2, False)


# By hand
def test_nothing_to_reconcile_is_nothing(four):
    assert reconcile_alias(four.context) is None
    four.promote(1, champion=None)
    assert reconcile_alias(four.context) is None


def test_an_alias_moved_by_hand_is_recorded_as_manual(four):
    four.promote(1, champion=None)
    four.context.alias.set(3)
    found = reconcile_alias(four.context)
    assert (found.kind, found.status, found.version, found.previous_version) == ("manual", "applied", 3, 1)
    assert (found.actor, found.reason) == (ledger.SOMEBODY, "The alias was found moved by hand from version 1 to version 3.")
    assert four.state == ([1, 3], 3, False)


@pytest.mark.attack("the alias of the champion is moved by hand")
def test_an_alias_moved_by_hand_to_a_version_that_does_not_pass_is_moved_back(four):
    four.promote(1, champion=None)
    four.context.alias.set(BROKEN)
    found = reconcile_alias(four.context)
    assert (found.kind, found.status) == ("manual", "undone")
    assert four.state == ([1], 1, False)


@pytest.mark.attack("the alias of the champion is moved by hand")
def test_an_alias_set_by_hand_before_the_first_champion_is_taken_away_if_it_does_not_pass(four):
    four.context.alias.set(BROKEN)
    assert reconcile_alias(four.context).status == "undone"
    assert four.state == ([], None, False)


def test_a_lost_alias_is_set_again(four):
    four.promote(1, champion=None)
    four.context.alias.set(None)
    found = reconcile_alias(four.context)
    assert (found.kind, found.status) == ("manual", "undone")
    assert found.reason == "The alias was found taken away by hand. Undone: It names version 1 again."
    assert four.state == ([1], 1, False)


def test_a_champion_that_was_deleted_is_said_to_be_missing_and_can_be_rolled_back_from(four, client):
    four.promote(1, champion=None)
    four.promote(2, champion=1)
    client.delete_model_version(four.run.model, "2")
    found = reconcile_alias(four.context)
    assert (found.status, four.state) == ("undone", ([1, 2], None, False))
    assert "no version 2 of" in found.reason
    four.roll_back()
    assert four.state == ([1, 2, 1], 1, False)


def test_a_hand_that_points_at_what_does_not_pass_after_the_champion_was_deleted_changes_nothing(four, client):
    four.promote(1, champion=None)
    four.promote(2, champion=1)
    client.delete_model_version(four.run.model, "2")
    four.context.alias.set(BROKEN)
    assert reconcile_alias(four.context).status == "undone"
    four.roll_back()
    assert four.state == ([1, 2, 1], 1, False)


def test_a_hand_that_moves_the_alias_during_a_promotion_wins(four):
    four.promote(1, champion=None)
    run_and_die(four.promote, 2, 1, four.dying_after("intend"))
    four.context.alias.set(3)
    reconcile_alias(four.context)
    assert four.state == ([1, 3], 3, False)


def test_a_verdict_against_the_champion_before_the_hand_does_not_count(four):
    four.promote(1, champion=None)
    four.context.alias.set(3)
    with pytest.raises(PromotionRefused, match="the champion is now version 3"):
        four.promote(2, champion=1)


# At once
def _try(promotion):
    try:
        return promotion().status
    except PromotionRefused:
        return "refused"


def test_of_two_challengers_at_once_one_becomes_champion(four):
    four.promote(1, champion=None)
    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(_try, [partial(four.promote, 2, 1), partial(four.promote, 3, 1)]))
    assert sorted(ends) == ["applied", "refused"]
    versions, alias, is_open = four.state
    assert (len(versions), alias, is_open) == (2, versions[-1], False)


def test_the_same_promotion_twice_at_once_happens_once(four):
    four.promote(1, champion=None)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: four.promote(2, champion=1), range(2))
    assert first == second
    assert four.state == ([1, 2], 2, False)


# Back
def test_a_rollback_restores_the_champion_before(four):
    four.promote(1, champion=None)
    four.promote(2, champion=1)
    rolled = four.roll_back()
    assert (rolled.kind, rolled.version, rolled.previous_version) == ("rollback", 1, 2)
    assert four.state == ([1, 2, 1], 1, False)


def test_a_rollback_beyond_the_first_champion_is_refused_and_leaves_it(four):
    four.promote(1, champion=None)
    with pytest.raises(NothingToRollBackTo):
        four.roll_back()
    assert four.state == ([1], 1, False)


@pytest.mark.parametrize("step", ["intend", "set"])
def test_a_rollback_that_was_killed_is_finished_and_not_repeated(four, step):
    for challenger, champion in ((1, None), (2, 1), (3, 2)):
        four.promote(challenger, champion)
    run_and_die(four.roll_back, None, four.dying_after(step))
    four.roll_back()
    assert four.state == ([1, 2, 3, 2], 2, False)
