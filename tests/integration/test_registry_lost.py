"""What people delete in MLflow: the ledger brings it back, or stops before anything is lost, and says how to go on."""

from dataclasses import replace

import pytest

from perennial import operate, pipeline
from perennial.errors import RegistryUnavailable, VersionMissing
from perennial.local.ports import find_free_port
from perennial.records import Recipe
from perennial.stores.registry import Registry
from tests.integration.test_story import NEXT_DAY, make_snapshot
from tests.world import MODEL, challenge

VERSIONS = "select version, mlflow_run_id from ledger.versions"
LIVE = "select count(*) from ledger.publications where as_of = :day and status = 'live'"
STAGES = {
    "refit": pipeline.refit,
    "train": pipeline.train,
    "assemble": pipeline.assemble,
    "challenge": lambda stores, run: pipeline.challenge(stores, run, recipe=Recipe("logistic", {"C": 0.5}), reason="A test."),
    "bootstrap": lambda stores, run: list(operate.bootstrap(stores, run)),
}


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
    client, before = world.stores.registry._client, world.ask(VERSIONS)
    experiment_id = client.get_experiment_by_name(MODEL).experiment_id
    deaf = replace(world.stores, registry=Registry(f"http://127.0.0.1:{find_free_port()}"))
    with pytest.raises(RegistryUnavailable, match=r"did not (say whether it can keep a training|read the alias champion)"):
        STAGES[stage](deaf, world.run(NEXT_DAY))
    client.delete_experiment(experiment_id)
    try:
        with pytest.raises(VersionMissing, match="nothing was trained"):
            STAGES[stage](world.stores, world.run(NEXT_DAY))
    finally:
        client.restore_experiment(experiment_id)
    assert before == world.ask(VERSIONS)
