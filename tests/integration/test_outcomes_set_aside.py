"""What came true on a day that rests counts for nothing: it is shown, and held against nobody."""

from __future__ import annotations

from datetime import date
from html import unescape

import pytest

from perennial import operate, pipeline
from perennial.pipeline import admitting
from tests.integration.test_card import open_pages
from tests.poison import FLIPPED, HONEST, LOOKED_AT, POISONED, SCORED, WEEK_AFTER, events, write_label
from tests.world import MODEL, World


@pytest.fixture
def published(in_summer):
    """The scores of 07-10 were published, and its labels are poisoned."""
    write_label(in_summer, HONEST, FLIPPED)
    pipeline.score(in_summer.stores, in_summer.run(POISONED))
    return in_summer


def live(world: World, day: date):
    for stage in (pipeline.refresh, pipeline.validate, pipeline.score, pipeline.monitor):
        stage(world.stores, world.run(day))
    return pipeline.decide(world.stores, world.run(day))


def limit(world: World) -> float:
    return world.stores.declaration(MODEL).model.monitoring.max_auc_loss


def outcome(world: World) -> tuple[object, ...]:
    operate.sync(world.stores, MODEL)
    (row,) = world.ask("select auc_high, is_set_aside from analytics.lapse_outcomes where as_of = :day", day=POISONED)
    return tuple(row.values())


def test_a_poisoned_week_is_not_held_against_the_champion(published):
    decision = live(published, LOOKED_AT)
    poisoned_high, is_set_aside = outcome(published)
    (before,) = published.ask("select auc_high from analytics.lapse_outcomes where as_of = :day", day=SCORED[1])
    promised = decision.evidence.auc_loss + before["auc_high"]
    assert (["rest"], True) == (events(published), is_set_aside)
    assert decision.evidence.auc_loss < limit(published) < promised - poisoned_high
    notice = published.ask_one("select notice from ledger.outbox where event = 'decision' and as_of = :day", day=LOOKED_AT)
    shown = {row[0]: row[3] for row in notice["moved"]}
    assert shown[f"AUC of {POISONED}"].endswith("its labels are set aside, and this counts for nothing")
    assert shown[f"AUC of {SCORED[1]}"].endswith("rows")


def test_once_a_person_admits_it_it_is(published):
    live(published, LOOKED_AT)
    admitting.admit(published.stores, published.run(POISONED), reason="A strike: it is true.")
    assert live(published, WEEK_AFTER).evidence.auc_loss > limit(published)
    assert outcome(published)[1] is False


def test_what_came_true_on_a_repaired_day_is_measured_anew(published):
    live(published, LOOKED_AT)
    poisoned_high, _ = outcome(published)
    write_label(published, FLIPPED, HONEST)
    list(operate.backfill(published.stores, MODEL, POISONED, POISONED))
    assert live(published, WEEK_AFTER).evidence.auc_loss < limit(published)
    repaired_high, is_set_aside = outcome(published)
    assert (["rest", "admit"], False) == (events(published), is_set_aside)
    assert repaired_high > poisoned_high + 0.1


def test_the_owner_of_a_repaired_day_is_told_that_it_teaches(published):
    live(published, LOOKED_AT)
    write_label(published, FLIPPED, HONEST)
    list(operate.backfill(published.stores, MODEL, POISONED, POISONED))
    live(published, WEEK_AFTER)
    notice = published.ask_one("select notice from ledger.outbox where event = 'release_20170710' and as_of = :d", d=WEEK_AFTER)
    assert "ADMIT: the labels of 2017-07-10 teach from now on" == notice["headline"]
    assert "Admitted: its labels agree" in notice["summary"]


def test_the_page_shows_that_it_counts_for_nothing(published, tmp_path):
    live(published, LOOKED_AT)
    operate.sync(published.stores, MODEL)
    (page,) = open_pages(published, tmp_path, [f"/dags/{MODEL}"])
    head, days = unescape(page["page"]).split("<h2>Published days</h2>")
    row = next(line for line in days.split("<tr>") if f">{POISONED}<" in line)
    assert "set aside" in row
    assert f"realised on {SCORED[1]}" in head
