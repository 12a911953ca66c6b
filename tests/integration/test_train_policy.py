"""When the trainings of a living model search, and what is kept and said of it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from perennial import pipeline
from perennial.records import Choice, Decision, DecisionEvidence, Run, Version
from perennial.stores import ledger
from tests.world import FIRST_DAY, MODEL, World

NEXT_WEEK = "2017-06-19"


@dataclass(frozen=True)
class Trained:
    """The first training of a world, and one of the week after."""

    world: World
    first: Version
    weekly: Version


@pytest.fixture(scope="module")
def trained(copy_world):
    with copy_world() as world:
        with world.stores.warehouse.transaction() as session:
            first = ledger.trained_on_day(session, MODEL, FIRST_DAY)
        yield Trained(world, first, pipeline.train(world.stores, world.run(NEXT_WEEK)))


def find_drift(run: Run) -> DecisionEvidence:
    """Two drifted checks, and nothing else."""
    return DecisionEvidence(
        model=run.model,
        as_of=run.as_of,
        clock=run.clock,
        blocked_because=None,
        champion_version=1,
        champion_age_days=7,
        checks=(True, True),
        drifted_share=0.5,
        prediction_shift=0.2,
        drifted_columns=("orders_28d",),
        auc_loss=None,
        last_training_at=None,
        retrains=(),
        newest_matured=None,
        newest_trained=None,
        next_maturity=run.as_of,
        labels_mature_on=None,
    )


def test_the_first_training_searches(trained):
    tuning = trained.first.tuning
    assert (tuning.is_searched, tuning.because) == (True, "Nothing was searched before.")


def test_a_week_later_the_last_good_parameters_are_fitted_again(trained):
    former, tuning = trained.first.tuning, trained.weekly.tuning
    assert (tuning.is_searched, tuning.trials) == (False, 0)
    assert (tuning.recipe, tuning.basis) == (former.recipe, former.basis)
    assert tuning.because == "The last search is 7 days old (search_every_days = 28)."


def test_what_the_parameters_are_worth_is_printed_and_kept(trained):
    stores, version = trained.world.stores, trained.weekly
    with stores.warehouse.transaction() as session:
        sentence = ledger.get_version(session, MODEL, version.version).tuning.sentence
    assert sentence.startswith("The last search is 7 days old (search_every_days = 28). Its parameters ")
    assert pipeline.describe(version)["tuning"] == sentence
    assert stores.registry._client.get_run(version.mlflow_run_id).data.tags["tuning"] == sentence


def test_a_training_that_drift_asked_for_searches(world):
    run = world.run(NEXT_WEEK)
    decision = Decision(MODEL, run.as_of, Choice.TRAIN, "drift", "It drifted.", find_drift(run))
    with world.stores.warehouse.transaction() as session:
        ledger.record_decision(session, run, decision)
    tuning = pipeline.train(world.stores, run).tuning
    assert (tuning.is_searched, tuning.because) == (True, "Drift asked for this training (search_on_drift).")
