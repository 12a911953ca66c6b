"""Drift against what the champion was trained on, also when the tables no longer hold it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest

from perennial import operate, pipeline
from perennial.errors import RegistryUnavailable
from perennial.pipeline.profiling import PROFILE
from perennial.stores.registry import Registry
from tests.world import MODEL, challenge

NEXT_DAY = date(2017, 6, 19)
SPEND = "coalesce(cents_84d, 0) / 100.0::double precision as spend_84d"


def edit_features(world, before, after):
    file = world.settings.home / "sql" / MODEL / "features.sql"
    content = file.read_text(encoding="utf-8")
    assert content.count(before) == 1
    file.write_text(content.replace(before, after), encoding="utf-8")


def check_day(world):
    run = world.run(NEXT_DAY)
    for stage in (pipeline.refresh, pipeline.validate, pipeline.score):
        stage(world.stores, run)
    return pipeline.monitor(world.stores, run)


def test_a_history_rebuilt_in_another_unit_is_said_and_hides_no_shift_of_the_scores(world):
    edit_features(world, SPEND, SPEND.replace("100.0", "90.0"))
    (version,) = world.ask("select training_as_ofs, holdout_as_ofs, holdout_mean_score from ledger.versions")
    for day in (version["training_as_ofs"][0], *version["holdout_as_ofs"]):
        list(operate.backfill(world.stores, MODEL, day, day))
    check = check_day(world)
    mean_score = world.ask_one("select mean_score from ledger.publications where as_of = :day and status = 'live'", day=NEXT_DAY)
    assert check.prediction_shift == pytest.approx(mean_score / version["holdout_mean_score"] - 1)
    assert check.is_restated
    pipeline.decide(world.stores, world.run(NEXT_DAY))
    notice = world.ask_one("select notice from ledger.outbox where event = 'decision' and as_of = :day", day=NEXT_DAY)
    assert f"not those that version {check.version} was trained on" in notice["you_must"][0]


def test_a_column_that_the_champion_does_not_read_has_not_drifted(world):
    edit_features(world, SPEND, f"{SPEND}, recency_days as recency_again")
    check = check_day(world)
    assert "recency_again" not in [feature.column for feature in check.features]
    assert not check.is_restated


class SilentRegistry(Registry):
    """MLflow that hands out no profile and keeps none."""

    def read_file(self, *_):
        raise RegistryUnavailable("Connection refused")

    keep_profile = read_file


def read_profile(world):
    return world.stores.registry.read_file(world.ask_one("select mlflow_run_id from ledger.versions where version = 1"), PROFILE)


@pytest.fixture(scope="module")
def checked(copy_world):
    """A world whose newest day was checked, for all tests below; each leaves behind what it found."""
    with copy_world() as world:
        check_day(world)
        yield world


def test_a_profile_is_kept_by_the_training_itself(checked):
    made = challenge(checked, NEXT_DAY)
    assert {"made_of", "sha256", "profile"} == set(json.loads(checked.stores.registry.read_file(made.mlflow_run_id, PROFILE)))


def test_without_its_profile_a_check_says_the_same_of_the_rows(checked):
    run = checked.run(NEXT_DAY)
    silent = replace(checked.stores, registry=SilentRegistry(checked.settings.mlflow_uri))
    assert pipeline.monitor(checked.stores, run) == pipeline.monitor(silent, run)


def test_a_damaged_profile_is_made_again(checked):
    before, kept = pipeline.monitor(checked.stores, checked.run(NEXT_DAY)), read_profile(checked)
    run_id = checked.ask_one("select mlflow_run_id from ledger.versions where version = 1")
    one_count_off = json.loads(kept)
    one_count_off["profile"] = one_count_off["profile"].replace('"rows":', '"rows":1')
    for damaged in (kept[:-70].decode(), json.dumps(one_count_off)):
        checked.stores.registry.keep_profile(run_id, PROFILE, damaged)
        assert before == pipeline.monitor(checked.stores, checked.run(NEXT_DAY))
        assert kept == read_profile(checked)


def test_a_check_reads_no_row_that_the_version_was_trained_on(checked):
    """They are taken away without a word to the ledger, so that only who reads them can tell."""
    before = pipeline.monitor(checked.stores, checked.run(NEXT_DAY))
    (days,) = checked.ask("select training_as_ofs || holdout_as_ofs as days from ledger.versions where version = 1")
    checked.tell("create table public.aside as select * from features.lapse where as_of = any(:days)", **days)
    checked.tell("delete from features.lapse where as_of = any(:days)", **days)
    assert before == pipeline.monitor(checked.stores, checked.run(NEXT_DAY))
    checked.tell("insert into features.lapse select * from public.aside")


def test_a_profile_is_made_again_of_a_training_day_that_was_built_anew(checked):
    before, kept = pipeline.monitor(checked.stores, checked.run(NEXT_DAY)), json.loads(read_profile(checked))
    edit_features(checked, SPEND, SPEND.replace("100.0", "90.0"))
    (version,) = checked.ask("select training_as_ofs from ledger.versions where version = 1")
    list(operate.backfill(checked.stores, MODEL, version["training_as_ofs"][0], version["training_as_ofs"][0]))
    after = pipeline.monitor(checked.stores, checked.run(NEXT_DAY))
    means = [{each.column: each.reference_mean for each in check.features} for check in (before, after)]
    assert means[0]["spend_84d"] < means[1]["spend_84d"]
    assert kept["made_of"] != json.loads(read_profile(checked))["made_of"]
