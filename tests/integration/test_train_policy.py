"""When the trainings of a living model search, and what is kept and said of it."""

from __future__ import annotations

import pytest

from perennial import pipeline
from perennial.errors import NothingToTrain
from perennial.records import Choice, Decision, DecisionEvidence, Run
from perennial.stores import ledger
from tests.world import FIRST_DAY, MODEL

NEXT_WEEK = "2017-06-19"


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


@pytest.mark.mltest("M3")
def test_the_first_training_searches_and_says_so_everywhere(world):
    with world.stores.warehouse.transaction() as session:
        version = ledger.trained_on_day(session, MODEL, FIRST_DAY)
    assert (version.tuning.is_searched, version.tuning.because) == (True, "Nothing was searched before.")
    assert version.tuning.sentence == pipeline.describe(version)["tuning"]
    run = world.stores.registry._client.get_run(version.mlflow_run_id)
    assert version.tuning.sentence == run.data.tags["tuning"]


def test_a_week_later_nothing_new_is_looked_for(world):
    with pytest.raises(NothingToTrain, match=r"no new recipe is looked for\. The last search is 7 days old"):
        pipeline.train(world.stores, world.run(NEXT_WEEK))


def test_a_training_that_drift_asked_for_searches(world):
    run = world.run(NEXT_WEEK)
    decision = Decision(MODEL, run.as_of, Choice.TRAIN, "drift", "It drifted.", find_drift(run))
    with world.stores.warehouse.transaction() as session:
        ledger.record_decision(session, run, decision)
    tuning = pipeline.train(world.stores, run).tuning
    assert (tuning.is_searched, tuning.because) == (True, "Drift asked for this training (search_on_drift).")
