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
from perennial.promote import Throne, choose_challenger, promote, reconcile, roll_back
from perennial.records import Outcome, Run, Verdict
from perennial.stores import ledger
from perennial.stores.registry import ChampionAlias, Registry
from perennial.stores.sessions import Database

DAY = date(2017, 11, 6)
NAMES = count(1)
BROKEN = 4  # the version whose files do not pass


@dataclass(frozen=True)
class Court:
    """One model with four registered versions, of which the last is broken."""

    database: Database
    throne: Throne
    run: Run

    def promote(self, challenger: int, champion: int | None, throne: Throne | None = None):
        with self.database.transaction() as session:
            ledger.record_evaluation(session, self.run, self._judge(challenger, champion))
            evaluation = ledger.latest_evaluation(session, self.run.model, challenger)
        choose = partial(choose_challenger, evaluation=evaluation, run=self.run, approval="auto")
        return promote(throne or self.throne, choose)

    def roll_back(self, to: int | None = None, throne: Throne | None = None):
        return roll_back(throne or self.throne, self.run.model, to=to)

    def dying_after(self, step: str) -> Throne:
        return replace(self.throne, book=Dying(self.throne.book, step), alias=Dying(self.throne.alias, step))

    @property
    def state(self) -> tuple[list[int], int | None, bool]:
        """The champions of the ledger, the alias, and whether an intent is open."""
        book = self.throne.book
        return [promotion.version for promotion in book.history()], self.throne.alias.get(), book.find_open() is not None

    def _judge(self, challenger: int, champion: int | None) -> Verdict:
        opponent = "champion" if champion else "baselines"
        return Verdict(
            self.run.model, DAY, Outcome.PROMOTE, challenger, champion, opponent, (), 0, 0, (), (), (), 84, ("Better.",)
        )


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
def court(warehouse_urls, mlflow_server, client, mlflow_run):
    run = Run(f"promotion_{next(NAMES)}", DAY, datetime(2017, 11, 6, 11, tzinfo=UTC), "simulation", actor="tests")
    client.create_registered_model(run.model)
    for _ in range(BROKEN):
        source = f"{mlflow_run.info.artifact_uri}/model"
        client.create_model_version(run.model, source, mlflow_run.info.run_id, await_creation_for=0)
    database = Database(warehouse_urls.pipeline, "tests")
    throne = Throne(ledger.PromotionBook(database, run), ChampionAlias(Registry(mlflow_server), run.model), check, run, 28)
    return Court(database, throne, run)


def test_the_first_champion_stands_in_ledger_and_registry(court):
    promotion = court.promote(1, champion=None)
    assert (promotion.status, promotion.previous_version, promotion.reason) == ("applied", None, "Better.")
    assert court.state == ([1], 1, False)


def test_a_rerun_finds_the_promotion_done(court):
    first = court.promote(1, champion=None)
    assert court.promote(1, champion=None) == first
    assert court.state == ([1], 1, False)


def test_a_version_whose_files_do_not_pass_is_not_even_intended(court):
    court.promote(1, champion=None)
    with pytest.raises(ArtifactCorrupt):
        court.promote(BROKEN, champion=1)
    assert court.state == ([1], 1, False)


@pytest.mark.parametrize("step", ["find_open", "intend", "set", "apply"])
def test_a_promoter_killed_after_any_step_leaves_a_rerun_the_same_end(court, step):
    court.promote(1, champion=None)
    run_and_die(court.promote, 2, 1, court.dying_after(step))
    between = court.state
    assert between[1] in {1, 2}
    assert between[0] in ([1], [1, 2])
    court.promote(2, champion=1)
    assert court.state == ([1, 2], 2, False)


@pytest.mark.parametrize(("step", "versions"), [("find_open", [1]), ("intend", [1, 2]), ("set", [1, 2]), ("apply", [1, 2])])
def test_reconciling_alone_finishes_what_was_intended(court, step, versions):
    court.promote(1, champion=None)
    run_and_die(court.promote, 2, 1, court.dying_after(step))
    reconcile(court.throne)
    assert court.state == (versions, versions[-1], False)


@pytest.mark.parametrize("step", ["intend", "set"])
def test_an_intent_whose_files_no_longer_pass_is_undone(court, step):
    court.promote(1, champion=None)
    unchecked = replace(court.dying_after(step), check=lambda version: None)
    run_and_die(court.promote, BROKEN, 1, unchecked)
    ended = reconcile(court.throne)
    assert (ended.status, ended.reason) == ("undone", "Better. Undone: version 4 does not reproduce its golden rows")
    assert court.state == ([1], 1, False)


@pytest.mark.parametrize("step", ["find_open", "intend", "set", "apply"])
def test_a_first_promotion_that_was_killed_is_finished_too(court, step):
    run_and_die(court.promote, 1, None, court.dying_after(step))
    reconcile(court.throne)
    court.promote(1, champion=None)
    assert court.state == ([1], 1, False)


def test_a_registry_that_goes_away_leaves_an_intent_for_the_next_reconcile(court):
    court.promote(1, champion=None)
    with pytest.raises(RegistryUnavailable):
        court.promote(2, champion=1, throne=replace(court.throne, alias=SilentAlias(court.throne.alias)))
    assert court.state == ([1], 1, True)
    assert reconcile(court.throne).status == "applied"
    assert court.state == ([1, 2], 2, False)


# By hand
def test_nothing_to_reconcile_is_nothing(court):
    assert reconcile(court.throne) is None
    court.promote(1, champion=None)
    assert reconcile(court.throne) is None


def test_an_alias_moved_by_hand_is_recorded_as_manual(court):
    court.promote(1, champion=None)
    court.throne.alias.set(3)
    found = reconcile(court.throne)
    assert (found.kind, found.status, found.version, found.previous_version) == ("manual", "applied", 3, 1)
    assert (found.actor, found.reason) == (ledger.SOMEBODY, "The alias was found moved by hand from version 1 to version 3.")
    assert court.state == ([1, 3], 3, False)


def test_an_alias_moved_by_hand_to_a_version_that_does_not_pass_is_moved_back(court):
    court.promote(1, champion=None)
    court.throne.alias.set(BROKEN)
    found = reconcile(court.throne)
    assert (found.kind, found.status) == ("manual", "undone")
    assert court.state == ([1], 1, False)


def test_an_alias_set_by_hand_before_the_first_champion_is_taken_away_if_it_does_not_pass(court):
    court.throne.alias.set(BROKEN)
    assert reconcile(court.throne).status == "undone"
    assert court.state == ([], None, False)


def test_a_lost_alias_is_set_again(court):
    court.promote(1, champion=None)
    court.throne.alias.set(None)
    found = reconcile(court.throne)
    assert (found.kind, found.status) == ("manual", "undone")
    assert found.reason == "The alias was found taken away by hand. Undone: It names version 1 again."
    assert court.state == ([1], 1, False)


def test_a_champion_that_was_deleted_is_said_to_be_missing_and_can_be_rolled_back_from(court, client):
    court.promote(1, champion=None)
    court.promote(2, champion=1)
    client.delete_model_version(court.run.model, "2")
    found = reconcile(court.throne)
    assert (found.status, court.state) == ("undone", ([1, 2], None, False))
    assert "no version 2 of" in found.reason
    court.roll_back()
    assert court.state == ([1, 2, 1], 1, False)


def test_a_hand_that_points_at_what_does_not_pass_after_the_champion_was_deleted_changes_nothing(court, client):
    court.promote(1, champion=None)
    court.promote(2, champion=1)
    client.delete_model_version(court.run.model, "2")
    court.throne.alias.set(BROKEN)
    assert reconcile(court.throne).status == "undone"
    court.roll_back()
    assert court.state == ([1, 2, 1], 1, False)


def test_a_hand_that_moves_the_alias_during_a_promotion_wins(court):
    court.promote(1, champion=None)
    run_and_die(court.promote, 2, 1, court.dying_after("intend"))
    court.throne.alias.set(3)
    reconcile(court.throne)
    assert court.state == ([1, 3], 3, False)


def test_a_verdict_against_the_champion_before_the_hand_does_not_count(court):
    court.promote(1, champion=None)
    court.throne.alias.set(3)
    with pytest.raises(PromotionRefused, match="the champion is now version 3"):
        court.promote(2, champion=1)


# At once
def _try(promotion):
    try:
        return promotion().status
    except PromotionRefused:
        return "refused"


def test_of_two_challengers_at_once_one_becomes_champion(court):
    court.promote(1, champion=None)
    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(_try, [partial(court.promote, 2, 1), partial(court.promote, 3, 1)]))
    assert sorted(ends) == ["applied", "refused"]
    versions, alias, is_open = court.state
    assert (len(versions), alias, is_open) == (2, versions[-1], False)


def test_the_same_promotion_twice_at_once_happens_once(court):
    court.promote(1, champion=None)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: court.promote(2, champion=1), range(2))
    assert first == second
    assert court.state == ([1, 2], 2, False)


# Back
def test_a_rollback_restores_the_champion_before(court):
    court.promote(1, champion=None)
    court.promote(2, champion=1)
    rolled = court.roll_back()
    assert (rolled.kind, rolled.version, rolled.previous_version) == ("rollback", 1, 2)
    assert court.state == ([1, 2, 1], 1, False)


def test_a_rollback_beyond_the_first_champion_is_refused_and_leaves_it(court):
    court.promote(1, champion=None)
    with pytest.raises(NothingToRollBackTo):
        court.roll_back()
    assert court.state == ([1], 1, False)


@pytest.mark.parametrize("step", ["intend", "set"])
def test_a_rollback_that_was_killed_is_finished_and_not_repeated(court, step):
    for challenger, champion in ((1, None), (2, 1), (3, 2)):
        court.promote(challenger, champion)
    run_and_die(court.roll_back, None, court.dying_after(step))
    court.roll_back()
    assert court.state == ([1, 2, 3, 2], 2, False)
