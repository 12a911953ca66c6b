"""What people delete in MLflow: the ledger brings it back, or stops before anything is lost, and says how to go on."""

import os
from dataclasses import replace

import optuna
import pytest

from perennial import operate, pipeline
from perennial.errors import ArtifactCorrupt, NotPromoted, RegistryUnavailable, VersionMissing, WarehouseUnavailable
from perennial.local.ports import find_free_port
from perennial.pipeline.champion import load_version, open_promotion
from perennial.records import Move, Outcome, Recipe
from perennial.stores import ledger
from perennial.stores.analytics import read_run
from perennial.stores.registry import Registry, find_kept
from tests.integration.test_story import NEXT_DAY, make_snapshot
from tests.world import MODEL, challenge, edit_model

VERSIONS = "select version, mlflow_run_id from ledger.versions"
BUILT = "select count(*) from ledger.runs where stage = 'refresh'"
LIVE = "select count(*) from ledger.publications where as_of = :day and status = 'live'"
STAGES = {
    "refit": pipeline.refit,
    "train": pipeline.train,
    "assemble": pipeline.assemble,
    "challenge": lambda stores, run: pipeline.challenge(stores, run, recipe=Recipe("logistic", {"C": 0.5}), reason="A test."),
    "bootstrap": lambda stores, run: list(operate.bootstrap(stores, run)),
}


def silence_mlflow(world):
    return replace(world.stores, registry=Registry(f"http://127.0.0.1:{find_free_port()}"))


@pytest.fixture
def kept(world):
    """The folder in which this machine keeps the champion's files, as it does once it has scored."""
    with world.stores.warehouse.transaction() as session:
        champion = ledger.get_version(session, MODEL, 1)
    load_version(world.stores, champion)
    return find_kept(champion, world.settings.artifacts / "versions")


def test_a_deleted_registered_model_is_back_when_the_day_is_scored_and_the_next_fit_goes_on(world):
    world.stores.registry._client.delete_registered_model(MODEL)
    make_snapshot(world, NEXT_DAY)
    assert 1 == pipeline.score(world.stores, world.run(NEXT_DAY)).version
    assert 1 == world.stores.registry.get_champion(MODEL)
    world.stores.registry._client.delete_registered_model(MODEL)
    made = challenge(world, NEXT_DAY)
    assert (2, made.mlflow_run_id) == (made.version, dict(map(dict.values, world.ask(VERSIONS)))[2])


def test_another_run_under_the_champions_number_scores_nothing_until_the_name_is_cleared(world):
    client = world.stores.registry._client
    experiment_id = client.get_experiment_by_name(MODEL).experiment_id
    foreign = client.create_run(experiment_id, tags={"trained_for": NEXT_DAY.isoformat()})
    client.delete_registered_model(MODEL)
    client.create_registered_model(MODEL)
    client.create_model_version(MODEL, f"{foreign.info.artifact_uri}/model", foreign.info.run_id, await_creation_for=0)
    client.set_registered_model_alias(MODEL, "champion", "1")
    make_snapshot(world, NEXT_DAY)
    before = world.ask("select * from ledger.promotions")
    for ask in (pipeline.score, *STAGES.values()):
        with pytest.raises(VersionMissing, match=rf"there it is run {foreign.info.run_id}, in the ledger run"):
            ask(world.stores, world.run(NEXT_DAY))
    assert (0, before) == (world.ask_one(LIVE, day=NEXT_DAY), world.ask("select * from ledger.promotions"))
    client.rename_registered_model(MODEL, f"{MODEL}_aside")
    assert 1 == pipeline.score(world.stores, world.run(NEXT_DAY)).version
    client.delete_registered_model(f"{MODEL}_aside")


@pytest.mark.parametrize("stage", STAGES)
def test_what_keeps_no_training_is_found_before_it(world, stage):
    client, before = world.stores.registry._client, (world.ask(VERSIONS), world.ask_one(BUILT))
    experiment_id = client.get_experiment_by_name(MODEL).experiment_id
    deaf = silence_mlflow(world)
    with pytest.raises(RegistryUnavailable, match=r"did not (say whether it can keep a training|read the alias champion)"):
        STAGES[stage](deaf, world.run(NEXT_DAY))
    client.delete_experiment(experiment_id)
    try:
        with pytest.raises(VersionMissing, match="nothing was trained"):
            STAGES[stage](world.stores, world.run(NEXT_DAY))
    finally:
        client.restore_experiment(experiment_id)
    assert before == (world.ask(VERSIONS), world.ask_one(BUILT))


def test_a_day_is_scored_by_the_ledgers_champion_while_mlflow_is_down_and_its_owner_is_told(world, kept, caplog):
    assert kept.is_dir()
    make_snapshot(world, NEXT_DAY)
    run = replace(world.run(NEXT_DAY), dag_run_id="run-1")
    deaf = silence_mlflow(world)
    assert 1 == pipeline.score(deaf, run).version
    assert 1 == world.ask_one(LIVE, day=NEXT_DAY)
    (told,) = world.ask("select event, notice ->> 'headline' as headline from ledger.outbox where as_of = :day", day=NEXT_DAY)
    assert ("silence", "MLflow does not answer; version 1 scores from the files that are kept here") == (*told.values(),)
    (shown,) = read_run(world.stores.warehouse, MODEL, "run-1").notices
    assert ("the champion is the one of the ledger" in caplog.text, told["headline"]) == (True, shown["headline"])
    assert NEXT_DAY == pipeline.monitor(deaf, run).as_of
    assert NEXT_DAY == pipeline.decide(deaf, run).as_of


def test_days_that_were_lost_are_named_while_mlflow_is_down_and_the_alias_with_them(world):
    make_snapshot(world, NEXT_DAY)
    alias, *lost = operate.reconcile(silence_mlflow(world), world.run(NEXT_DAY), start=False)
    assert ("score", NEXT_DAY) in [(each.missing, each.as_of) for each in lost]
    assert ("alias", True) == (alias.missing, alias.has_failed)
    assert "did not read the alias champion" in alias.outcome


def test_while_mlflow_is_down_nobody_scores_when_a_movement_has_not_ended(world):
    run = world.run(NEXT_DAY)
    open_promotion(world.stores, run).book.intend(Move(1, "manual", "A crash left it open."), 1)
    make_snapshot(world, NEXT_DAY)
    with pytest.raises(RegistryUnavailable, match="read the alias champion"):
        pipeline.score(silence_mlflow(world), run)
    assert 0 == world.ask_one(LIVE, day=NEXT_DAY)


def test_a_verdict_that_lets_nobody_in_is_told_while_mlflow_is_down(contenders):
    evaluation = contenders.assess(outcome=Outcome.REJECT)
    with pytest.raises(NotPromoted):
        pipeline.promote(silence_mlflow(contenders.world), contenders.run_of(evaluation))
    told = "select notice ->> 'headline' from ledger.outbox where as_of = :day and event = 'verdict'"
    assert contenders.world.ask_one(told, day=evaluation.verdict.as_of)


class Leaving(Registry):
    """MLflow that answers nobody any more once it has done one request: said who is champion, or moved the alias."""

    def leave_after(self, request: str) -> Registry:
        def ask_last(*arguments):
            answer = getattr(Registry, request)(self, *arguments)
            self._client = Registry(f"http://127.0.0.1:{find_free_port()}")._client
            return answer

        setattr(self, request, ask_last)
        return self


@pytest.mark.parametrize(
    ("approval", "last", "event"), [("auto", "set_champion", "verdict"), ("manual", "get_champion", "question")]
)
def test_a_champion_or_a_question_is_told_though_mlflow_is_lost_meanwhile(contenders, approval, last, event):
    world, evaluation = contenders.world, contenders.assess()
    edit_model(world.settings.home, {'approval = "auto"': f'approval = "{approval}"'})
    leaving = Leaving(world.settings.mlflow_uri).leave_after(last)
    pipeline.promote(replace(world.stores, registry=leaving), contenders.run_of(evaluation))
    told = world.ask("select event from ledger.outbox where as_of = :day", day=evaluation.verdict.as_of)
    assert [event] == [notice["event"].partition("_")[0] for notice in told]
    with pytest.raises(RegistryUnavailable):
        leaving.read_alias(MODEL)


def flip(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def block(file):
    """A reader would wait for ever."""
    file.unlink()
    os.mkfifo(file)


def overwrite(file):
    """The folder is no folder any more."""
    for each in file.parent.iterdir():
        each.unlink()
    file.parent.rmdir()
    file.parent.write_text("nothing")


@pytest.mark.parametrize("harm", [flip, block, os.unlink, overwrite])
def test_what_became_of_the_kept_files_is_mended_from_mlflow(world, kept, harm, caplog):
    make_snapshot(world, NEXT_DAY)
    (model,) = (file for file in kept.iterdir() if file.suffix != ".json")
    before = model.read_bytes()
    harm(model)
    with pytest.raises(RegistryUnavailable, match="find version 1"):
        pipeline.score(silence_mlflow(world), world.run(NEXT_DAY))
    assert [] == world.ask("select from ledger.outbox where event = 'silence'")
    assert 1 == pipeline.score(world.stores, world.run(NEXT_DAY)).version
    assert before == model.read_bytes()
    assert "what this machine keeps is fetched anew" in caplog.text
    assert [kept.name] == [path.name for path in kept.parent.iterdir() if path.name.startswith((".", "1-"))]


def test_files_that_are_damaged_in_mlflow_as_well_are_said_so(world, kept, server_folder):
    make_snapshot(world, NEXT_DAY)
    (model,) = (file for file in kept.iterdir() if file.suffix != ".json")
    (original,) = server_folder.glob(f"mlflow/**/{kept.name.partition('-')[2]}/artifacts/model/{model.name}")
    before = original.read_bytes()
    for file in (model, original):
        flip(file)
    try:
        with pytest.raises(ArtifactCorrupt, match=f"{model.name} has SHA-256.* `perennial rollback {MODEL}`"):
            pipeline.score(world.stores, world.run(NEXT_DAY))
    finally:
        original.write_bytes(before)
    assert 0 == world.ask_one(LIVE, day=NEXT_DAY)


END_SESSIONS = """
    select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
"""


def test_a_database_that_is_lost_while_a_search_runs_is_named_and_the_rerun_goes_on(world, monkeypatch):
    report, began = optuna.Trial.report, []

    def lose_the_database(trial, value, step):
        if not began:
            world.tell("alter role pipeline nologin")
            world.ask(END_SESSIONS)
        began.append(step)
        report(trial, value, step)

    edit_model(world.settings.home, {"search_every_days = 28": "search_every_days = 7"})
    monkeypatch.setattr(optuna.Trial, "report", lose_the_database)
    run = world.run(NEXT_DAY)
    try:
        with pytest.raises(WarehouseUnavailable, match="does not answer"):
            pipeline.train(world.stores, run)
    finally:
        world.tell("alter role pipeline login")
    assert began
    assert NEXT_DAY == pipeline.train(world.stores, run).trained_for
