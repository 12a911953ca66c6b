"""Drift against what the champion was trained on, also when the tables no longer hold it."""

from __future__ import annotations

from datetime import date

import pytest

from perennial import operate, pipeline
from tests.world import MODEL

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
