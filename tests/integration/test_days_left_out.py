"""Days that cannot teach: what their source never delivered, what fails to be labelled, and what a former definition built.

The horizon is two weeks and the grace two days: 05-22 matures on 06-07, 05-29 on 06-14, 06-12 on 06-28.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from perennial import operate, pipeline
from perennial.demo.data import plant_null_column, repair_null_column
from perennial.errors import GrainViolated, NotAsked, SnapshotMissing
from perennial.stores import ledger
from tests.integration.test_ledger import RECIPE, VERDICT, VERSION
from tests.integration.test_ledger_days import CHECK
from tests.world import FIRST_DAY, MODEL, World, edit_model

BAD_DAY, WEEK = date(2017, 5, 15), timedelta(weeks=1)
OUTAGE = """
update source.orders set known_at = '2017-06-20' where ordered_at >= '2017-05-22' and ordered_at < '2017-05-29'"""
NULL_LABEL = "case when :as_of <> date '{day}' then (returned.household_id is null)::integer end as label"


@pytest.fixture
def history(postgres, backfilled, open_world):
    """A world with snapshots of 03-27 to 06-05, and no champion yet."""
    postgres.make("history", template=backfilled)
    with open_world("history") as world:
        yield world
    postgres.drop("history")


@pytest.fixture
def after_outage(history):
    """The orders of one week were loaded when the labels of 05-15 and 05-22, which need them, had matured."""
    history.tell(OUTAGE)
    return history


def edit_labels(world: World, after: str) -> None:
    file = world.settings.home / "sql" / MODEL / "labels.sql"
    file.write_text(file.read_text().replace("(returned.household_id is null)::integer as label", after))


def train_once(world: World, *, is_assessed: bool) -> None:
    before = replace(VERSION, trained_for=date(2017, 6, 7), training_as_ofs=(date(2017, 5, 15), date(2017, 5, 22)))
    with world.stores.warehouse.transaction() as session:
        ledger.enter_recipe(
            session, world.run("2017-06-07"), RECIPE, origin="search", chosen_on=date(2017, 5, 1), because="A test."
        )
        ledger.record_version(session, before)
        if is_assessed:
            ledger.record_evaluation(session, world.run("2017-06-07"), VERDICT)


def count_lapsed(world: World) -> int:
    return world.ask_one("select sum(label) from labels.lapse where as_of = '2017-04-10'")


# What the suites stop
def test_a_bad_day_of_the_past_is_set_aside_and_the_days_after_it_are_built(history):
    """Fully delivered again, it is built like any other."""
    plant_null_column(history.loader_url, BAD_DAY)
    first, bad, last = operate.backfill(history.stores, MODEL, BAD_DAY - WEEK, BAD_DAY + WEEK)
    assert ((BAD_DAY - WEEK, BAD_DAY + WEEK), BAD_DAY) == ((first.as_of, last.as_of), bad.as_of)
    assert "what was paid" in bad.reason
    assert "invalid" == history.ask_one("select status from ledger.snapshots where as_of = :d and kind = 'features'", d=BAD_DAY)
    repair_null_column(history.loader_url, BAD_DAY)
    (again,) = operate.backfill(history.stores, MODEL, BAD_DAY, BAD_DAY)
    assert again.rows > 0


# What was not delivered
def test_a_day_without_its_delivery_is_left_out_and_the_later_ones_train(after_outage):
    assembly = pipeline.assemble(after_outage.stores, after_outage.run("2017-06-21"))
    assert (date(2017, 5, 29), date(2017, 6, 5)) == assembly.search.holdout
    assert date(2017, 5, 8) == assembly.search.training[-1]
    assert ["lapse, as_of 2017-05-15", "lapse, as_of 2017-05-22"] == [reason.partition(":")[0] for reason in assembly.left_out]


def test_a_day_without_its_delivery_is_nothing_new_to_learn(after_outage):
    run = after_outage.run(FIRST_DAY)
    with after_outage.stores.warehouse.transaction() as session:
        ledger.record_drift_check(session, run, replace(CHECK, as_of=FIRST_DAY))
    assert date(2017, 5, 8) == pipeline.decide(after_outage.stores, run).evidence.newest_matured


def test_a_training_is_assembled_by_what_the_ledger_knows_of_labels_that_are_there(history):
    """Their rows are taken away without a word to the ledger, so that only who reads them can tell."""
    assembled = pipeline.assemble(history.stores, history.run(FIRST_DAY))
    history.tell("delete from features.lapse")
    history.tell("delete from labels.lapse")
    assert assembled == pipeline.assemble(history.stores, history.run(FIRST_DAY))


# What cannot be labelled
def test_a_day_whose_labels_fail_is_left_out_with_its_reason(history):
    edit_labels(history, NULL_LABEL.format(day="2017-05-15"))
    assembly = pipeline.assemble(history.stores, history.run(FIRST_DAY))
    assert date(2017, 5, 22) == assembly.search.holdout[-1]
    assert ("lapse, as_of 2017-05-15: labels.sql gives null as label: every row needs one.",) == assembly.left_out


def test_labels_that_fail_on_every_day_are_an_error(history):
    edit_labels(history, "null::integer as label")
    with pytest.raises(GrainViolated, match="gives null as label"):
        pipeline.assemble(history.stores, history.run(FIRST_DAY))


def test_a_publication_that_cannot_be_measured_stops_neither_the_others_nor_the_day(world, caplog):
    later, last = FIRST_DAY + timedelta(weeks=1), FIRST_DAY + timedelta(weeks=4)
    edit_labels(world, NULL_LABEL.format(day=FIRST_DAY))
    for day in (later, last):
        pipeline.refresh(world.stores, world.run(day))
        pipeline.validate(world.stores, world.run(day))
        pipeline.score(world.stores, world.run(day))
    pipeline.monitor(world.stores, world.run(last))
    assert [later] == [row["as_of"] for row in world.ask("select as_of from ledger.outcomes")]
    assert "cannot be measured: 1, the newest: lapse, as_of 2017-06-12: labels.sql gives null" in caplog.text
    assert pipeline.decide(world.stores, world.run(last)).evidence.newest_matured == later


# What a former definition built
def test_labels_of_a_former_horizon_are_built_anew(history):
    pipeline.assemble(history.stores, history.run(FIRST_DAY))
    former = count_lapsed(history)
    edit_model(history.settings.home, {"horizon_days = 14 ": "horizon_days = 7 "})
    pipeline.assemble(history.stores, history.run(FIRST_DAY))
    assert count_lapsed(history) > former


def test_when_the_features_are_defined_anew_nothing_trains_on_the_former_ones(history):
    file = history.settings.home / "sql" / MODEL / "features.sql"
    file.write_text(f"{file.read_text()}\nlimit 1000000\n")
    with pytest.raises(SnapshotMissing, match=r"run `perennial backfill lapse --from 2017-03-27 --to 2017-05-22`"):
        pipeline.assemble(history.stores, history.run(FIRST_DAY))


def test_snapshots_of_a_former_definition_are_left_out_where_enough_others_remain(history):
    history.tell("update ledger.snapshots set query_hash = 'former' where as_of < '2017-04-10'")
    assembly = pipeline.assemble(history.stores, history.run(FIRST_DAY))
    assert date(2017, 4, 10) == assembly.plan.training[0]
    assert "2 snapshots from 2017-03-27 to 2017-04-03" in " ".join(assembly.left_out)


# The first training
def test_a_first_training_is_asked_for_once_it_can_train(history):
    with pytest.raises(NotAsked, match="2017-04-12"):
        pipeline.ask_for_retraining(history.stores, history.run("2017-04-05"), reason="first")
    asked = pipeline.ask_for_retraining(history.stores, history.run(FIRST_DAY), reason="first")
    assert asked == "There is no champion yet, and 6 as_ofs can train."


def test_a_first_training_is_not_asked_for_again_on_the_same_days(history):
    train_once(history, is_assessed=True)
    with pytest.raises(NotAsked, match=r"version 3 had every as_of that can teach, up to 2017-05-22, and was not promoted"):
        pipeline.ask_for_retraining(history.stores, history.run(FIRST_DAY), reason="first")


def test_a_first_training_that_nobody_assessed_is_asked_for_again(history):
    train_once(history, is_assessed=False)
    assert pipeline.ask_for_retraining(history.stores, history.run(FIRST_DAY), reason="first")


def test_features_of_a_former_definition_ask_for_no_first_training(history):
    history.tell("update ledger.snapshots set query_hash = 'former'")
    with pytest.raises(NotAsked, match=r"run `perennial backfill lapse"):
        pipeline.ask_for_retraining(history.stores, history.run(FIRST_DAY), reason="first")
