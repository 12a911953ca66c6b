"""The champion over time in the whole system: the way back, hands in the registry, old runs, and what is never promoted."""

from __future__ import annotations

import shutil
import struct
from dataclasses import replace
from datetime import date, timedelta

import pytest
from mlflow.store.artifact.mlflow_artifacts_repo import MlflowArtifactsRepository

from perennial import operate, pipeline
from perennial.errors import (
    ArtifactCorrupt,
    MetricNotFinite,
    NothingToRollBackTo,
    PromotionRefused,
    VersionMissing,
)
from perennial.pipeline.approving import force
from perennial.pipeline.champion import find_movement, find_resting, list_movements, load_version
from perennial.records import Interval, MetricComparison, Outcome, Recipe, Version
from perennial.stores import ledger, warehouse
from tests.world import FIRST_DAY, MODEL, World, challenge

NEXT_DAY, DAY_AFTER = FIRST_DAY + timedelta(days=7), FIRST_DAY + timedelta(days=14)
SCORES = """
    select entity_id, float8send(score) as score, rank, decile, reason_1, reason_2, reason_3
    from scores.lapse where as_of = :as_of order by 1"""


def make_snapshot(world: World, as_of: date) -> None:
    pipeline.refresh(world.stores, world.run(as_of))
    pipeline.validate(world.stores, world.run(as_of))


def score(world: World, as_of: date) -> list[dict]:
    """The published rows of a day, each score as its bytes."""
    pipeline.score(world.stores, world.run(as_of))
    return world.ask(SCORES, as_of=as_of)


def find_champion(world: World) -> int:
    """Of ledger and alias, which must agree."""
    with world.stores.warehouse.transaction() as session:
        champion = ledger.champion(session, MODEL)
    assert champion == world.stores.registry.get_champion(MODEL)
    return champion


def read_version(world: World, number: int) -> Version:
    with world.stores.warehouse.transaction() as session:
        return ledger.get_version(session, MODEL, number)


def train(world: World) -> Version:
    """A challenger for the next day."""
    return challenge(world, NEXT_DAY)


def copy_champion(world: World, *, chosen_on: date | None = None, **changes: object) -> Version:
    """A version of its own with the champion's files, in an MLflow run and under a recipe of its own."""
    registry, champion = world.stores.registry, read_version(world, find_champion(world))
    files = registry.fetch(champion, world.settings.artifacts / "copied")
    client = registry._client
    tags = {"trained_for": NEXT_DAY.isoformat()}
    run = client.create_run(client.get_experiment_by_name(MODEL).experiment_id, tags=tags)
    client.log_artifacts(run.info.run_id, str(files), "model")
    source = f"{run.info.artifact_uri}/model"
    made = client.create_model_version(MODEL, source, run.info.run_id, tags=tags, await_creation_for=0)
    changes.setdefault("recipe", enter_recipe(world, int(made.version), chosen_on))
    version = replace(
        champion,
        version=int(made.version),
        mlflow_run_id=run.info.run_id,
        **{"trained_for": NEXT_DAY, "data_hash": f"copy {made.version}", **changes},
    )
    with world.stores.warehouse.transaction() as session:
        return ledger.record_version(session, version)


def enter_recipe(world: World, version: int, chosen_on: date | None) -> int:
    """The number of a recipe that no other version has."""
    recipe = Recipe("logistic", {"C": float(version)})
    with world.stores.warehouse.transaction() as session:
        entry = ledger.enter_recipe(
            session, world.run(NEXT_DAY), recipe, origin="search", chosen_on=chosen_on or date(2017, 5, 1), because="A test."
        )
    return entry.number


def assess(world: World, version: int, as_of: date = NEXT_DAY) -> None:
    """Record that a version has earned it against the champion."""
    champion = find_champion(world)
    with world.stores.warehouse.transaction() as session:
        first = ledger.latest_evaluation(session, MODEL, champion)
        verdict = replace(
            first.verdict,
            as_of=as_of,
            outcome=Outcome.PROMOTE,
            challenger_version=version,
            champion_version=champion,
            challenger_recipe=ledger.get_version(session, MODEL, version).recipe,
            champion_recipe=ledger.get_version(session, MODEL, champion).recipe,
            reasons=("AUC is better.",),
        )
        ledger.record_evaluation(session, world.run(as_of), verdict)


def lose_files(world: World, version: Version) -> None:
    MlflowArtifactsRepository(
        world.stores.registry._client.get_run(version.mlflow_run_id).info.artifact_uri, tracking_uri=world.settings.mlflow_uri
    ).delete_artifacts("model")


def spoil_files(world: World, version: Version) -> None:
    world.stores.registry._client.log_text(version.mlflow_run_id, "{}", "model/contract.json")


def read_mail(world: World) -> list[str]:
    return [
        row["headline"] for row in world.ask("select notice ->> 'headline' as headline from ledger.outbox where event = 'alias'")
    ]


# The way back
@pytest.mark.mltest("I7")
def test_a_rollback_restores_the_exact_former_scores_and_the_next_days_are_the_former_champions_too(world):
    first = find_champion(world)
    make_snapshot(world, NEXT_DAY)
    before = score(world, NEXT_DAY)
    second = train(world).version
    assess(world, second)
    assert pipeline.promote(world.stores, world.run(NEXT_DAY)).version == second
    assert before != score(world, NEXT_DAY)
    make_snapshot(world, DAY_AFTER)
    by_second = score(world, DAY_AFTER)

    assert pipeline.rollback(world.stores, world.run(DAY_AFTER)).version == first == find_champion(world)
    assert before == score(world, NEXT_DAY)
    by_first = score(world, DAY_AFTER)
    assert by_first != by_second
    with world.stores.warehouse.transaction() as session:
        snapshot = warehouse.read_snapshot(session, world.stores.declaration(MODEL), DAY_AFTER)
    expected = load_version(world.stores, read_version(world, first)).score(snapshot)
    assert [bytes(row["score"]) for row in by_first] == [struct.pack(">d", value) for value in expected]


def test_a_version_that_was_taken_back_rests_and_people_see_until_when(world):
    first = find_champion(world)
    second = train(world).version
    assess(world, second)
    pipeline.promote(world.stores, world.run(NEXT_DAY))
    back = pipeline.rollback(world.stores, world.run(NEXT_DAY))
    assess(world, second, DAY_AFTER)
    with pytest.raises(
        PromotionRefused, match=rf"version {second} was taken back on 2017-06-19 and rests for 28 days.*2017-07-17"
    ):
        pipeline.promote(world.stores, world.run(DAY_AFTER))
    assert {second: back.effective_at + timedelta(days=28)} == find_resting(world.stores, MODEL)

    pipeline.rollback(world.stores, world.run(DAY_AFTER), to=second)
    assert {} == find_resting(world.stores, MODEL)
    assert [first, second, first, second] == [movement.version for movement in list_movements(world.stores, MODEL)]
    served = [find_movement(world.stores, MODEL, world.run(day).clock).version for day in (FIRST_DAY, NEXT_DAY, DAY_AFTER)]
    assert [first, first, second] == served


def test_another_fit_of_a_recipe_that_was_taken_back_rests_too(world):
    second = copy_champion(world)
    assess(world, second.version)
    pipeline.promote(world.stores, world.run(NEXT_DAY))
    pipeline.rollback(world.stores, world.run(NEXT_DAY))
    later = copy_champion(world, recipe=second.recipe, trained_for=DAY_AFTER)
    assess(world, later.version, DAY_AFTER)
    with pytest.raises(PromotionRefused, match=f"version {second.version}, a fit of the same recipe as version {later.version}"):
        pipeline.promote(world.stores, world.run(DAY_AFTER))


def test_there_is_no_way_back_to_what_never_was_champion(world):
    with pytest.raises(NothingToRollBackTo, match="was never champion"):
        pipeline.rollback(world.stores, world.run(NEXT_DAY), to=copy_champion(world).version)


# By hand
def test_an_alias_moved_by_hand_is_checked_before_it_scores_and_told(world):
    make_snapshot(world, NEXT_DAY)
    other = copy_champion(world)
    world.stores.registry.set_champion(MODEL, other.version)
    assert pipeline.score(world.stores, world.run(NEXT_DAY)).version == other.version == find_champion(world)
    assert "manual somebody applied" == world.ask_one(
        "select concat_ws(' ', kind, actor, status) from ledger.promotions order by promotion_id desc limit 1"
    )
    assert [f"the alias champion was moved by hand; version {other.version} serves now"] == read_mail(world)


@pytest.mark.attack("the alias of the champion is moved by hand")
@pytest.mark.parametrize(("harm", "said"), [(spoil_files, "SHA-256"), (lose_files, "lost the files")])
def test_an_alias_moved_by_hand_to_files_that_do_not_pass_is_moved_back_and_told(world, harm, said):
    first = find_champion(world)
    make_snapshot(world, NEXT_DAY)
    other = copy_champion(world)
    harm(world, other)
    world.stores.registry.set_champion(MODEL, other.version)
    assert pipeline.score(world.stores, world.run(NEXT_DAY)).version == first == find_champion(world)
    undone = list_movements(world.stores, MODEL)[-1]
    assert ("manual", "undone", True) == (undone.kind, undone.status, said in undone.reason)
    assert [f"the alias champion was moved by hand; version {first} still serves"] == read_mail(world)


@pytest.mark.attack("the alias of the champion is moved by hand")
def test_an_alias_moved_by_hand_to_a_version_that_the_ledger_does_not_know_is_moved_back(world):
    first = find_champion(world)
    known = world.stores.registry._client.get_model_version(MODEL, str(first))
    foreign = world.stores.registry._client.create_model_version(
        MODEL, known.source, known.run_id, tags=dict(known.tags), await_creation_for=0
    )
    world.stores.registry.set_champion(MODEL, int(foreign.version))
    pipeline.settle(world.stores, world.run(NEXT_DAY))
    assert first == find_champion(world)
    assert f"does not know version {foreign.version}" in list_movements(world.stores, MODEL)[-1].reason


def test_an_alias_taken_away_by_hand_is_set_again_and_told(world):
    first = find_champion(world)
    world.stores.registry.set_champion(MODEL, None)
    pipeline.settle(world.stores, world.run(NEXT_DAY))
    assert first == find_champion(world)
    assert [f"the alias champion was moved by hand; version {first} still serves"] == read_mail(world)


# Old runs
def test_an_old_backfill_moves_nothing(world):
    first, second = find_champion(world), copy_champion(world).version
    assess(world, second)
    backfill = world.run(NEXT_DAY, "backfill")
    for move in (pipeline.promote, pipeline.rollback):
        with pytest.raises(PromotionRefused, match="a backfill never moves the champion"):
            move(world.stores, backfill)
    with pytest.raises(PromotionRefused, match="a backfill never moves the champion"):
        force(world.stores, backfill, second, reason="I insist.")
    assert first == find_champion(world)


def test_a_backfill_leaves_an_alias_that_was_moved_by_hand_to_the_next_run(world):
    first, second = find_champion(world), copy_champion(world).version
    world.stores.registry.set_champion(MODEL, second)
    backfill = world.run(NEXT_DAY, "backfill")
    pipeline.refresh(world.stores, backfill)
    pipeline.validate(world.stores, backfill)
    assert first == pipeline.score(world.stores, backfill).version
    operate.reconcile(world.stores, backfill, start=True)
    assert [first] == [movement.version for movement in list_movements(world.stores, MODEL)]


def test_an_older_run_does_not_move_a_newer_champion(world):
    first, second, third = find_champion(world), copy_champion(world).version, copy_champion(world).version
    force(world.stores, world.run(DAY_AFTER), second, reason="I insist.")
    pipeline.rollback(world.stores, world.run(DAY_AFTER))
    assess(world, third)
    with pytest.raises(PromotionRefused, match="an older run"):
        pipeline.promote(world.stores, world.run(NEXT_DAY))
    assert first == find_champion(world)


def test_a_rollback_by_an_older_run_does_not_rewrite_what_was_true_before(world):
    second = copy_champion(world).version
    forced = force(world.stores, world.run(DAY_AFTER), second, reason="I insist.")
    back = pipeline.rollback(world.stores, world.run(NEXT_DAY))
    assert forced.effective_at == back.effective_at


# Never promoted
def test_a_champion_whose_choice_has_seen_every_row_leaves_the_verdict_open_with_its_date(world):
    """Chosen on 05-29: 06-12 and 06-19 are unseen, and the labels of 06-19 mature on 06-19 + 14 + 2 days."""
    challenger = train(world)
    forced = copy_champion(world, trained_for=FIRST_DAY, chosen_on=date(2017, 5, 29))
    force(world.stores, world.run(NEXT_DAY), forced.version, reason="Chosen by hand on all there is.")
    pipeline.compare(world.stores, world.run(NEXT_DAY))
    with world.stores.warehouse.transaction() as session:
        verdict = ledger.latest_evaluation(session, MODEL, challenger.version).verdict
    assert (verdict.outcome, verdict.champion_version) == (Outcome.INCONCLUSIVE, forced.version)
    assert verdict.compared_again_on == date(2017, 7, 5)
    assert "there are enough from 2017-07-05" in verdict.reasons[0]


@pytest.fixture
def refuse(world):
    """Comparing ends in the error, leaves no verdict, and nobody can be promoted for the day."""

    def refuse_with(error, match):
        champion = find_champion(world)
        with pytest.raises(error, match=match):
            pipeline.compare(world.stores, world.run(NEXT_DAY))
        assert [] == world.ask("select 1 from ledger.evaluations where as_of = :day", day=NEXT_DAY)
        with pytest.raises(PromotionRefused, match="no challenger of this day has a verdict"):
            pipeline.promote(world.stores, world.run(NEXT_DAY))
        assert champion == find_champion(world)

    return refuse_with


@pytest.mark.parametrize(
    ("harm", "error", "said"), [(lose_files, VersionMissing, "lost the files"), (spoil_files, ArtifactCorrupt, "SHA-256")]
)
def test_a_champion_whose_files_are_gone_or_damaged_is_compared_with_nobody(world, refuse, harm, error, said):
    train(world)
    champion = copy_champion(world, trained_for=FIRST_DAY)
    force(world.stores, world.run(NEXT_DAY), champion.version, reason="A test wants it.")
    harm(world, champion)
    # Of files that were checked before: another machine has none.
    shutil.rmtree(world.settings.artifacts / "versions", ignore_errors=True)
    refuse(error, said)


@pytest.mark.parametrize(("harm", "error"), [(lose_files, VersionMissing), (spoil_files, ArtifactCorrupt)])
def test_a_verdict_does_not_carry_a_challenger_whose_files_are_gone_or_damaged(world, harm, error):
    first, second = find_champion(world), copy_champion(world)
    load_version(world.stores, second)  # this machine has them still
    assess(world, second.version)
    harm(world, second)
    with pytest.raises(error):
        pipeline.promote(world.stores, world.run(NEXT_DAY))
    assert first == find_champion(world)
    assert [first] == [movement.version for movement in list_movements(world.stores, MODEL)]


@pytest.mark.mltest("O5")
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_verdict_with_a_figure_that_is_not_finite_is_not_recorded(world, value):
    with world.stores.warehouse.transaction() as session:
        verdict = ledger.latest_evaluation(session, MODEL, find_champion(world)).verdict
        figure = MetricComparison("auc", 0.8, 0.9, Interval(value, 0.01, 0.02, 0.001))
        with pytest.raises(MetricNotFinite, match="auc"):
            ledger.record_evaluation(session, world.run(NEXT_DAY), replace(verdict, metrics=(figure,)))
