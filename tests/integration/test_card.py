"""The card of the small world's champion: after its promotion, and as the outcomes of what it published come in."""

from __future__ import annotations

from datetime import timedelta
from html import unescape

from ml import pipeline
from ml.pipeline.carding import write_card
from ml.stores.registry import read_card
from tests.world import FIRST_DAY, MODEL


def champion_of(world):
    return world.ask_one("select version from ledger.versions")


def serve(world, as_of):
    """A day without decision and retraining."""
    for stage in (pipeline.refresh, pipeline.validate, pipeline.score, pipeline.monitor):
        stage(world.stores, world.run(as_of))


def read_file(world, path):
    run_id = world.ask_one("select mlflow_run_id from ledger.versions")
    return world.stores.registry.read_file(run_id, path)


def described(world):
    return world.stores.registry._client.get_model_version(MODEL, str(champion_of(world)))


def test_a_first_champions_card_is_provisional_and_lies_beside_the_version(world):
    card = write_card(world.stores, world.run(FIRST_DAY), champion_of(world))
    assert ("champion", "provisional", 0) == (card.role, card.status, card.matured)
    page = read_card(world.settings.mlflow_uri, world.ask_one("select mlflow_run_id from ledger.versions")).decode()
    assert card.headline in unescape(page)
    assert card.headline in read_file(world, "card/model_card.md").decode()
    assert b"\x89PNG" == read_file(world, "card/reliability.png")[:4]
    assert f"/perennial/cards/{MODEL}/{champion_of(world)}" in described(world).description


def test_writing_a_card_twice_sends_it_once(world):
    first = write_card(world.stores, world.run(FIRST_DAY), champion_of(world))
    stamp = described(world).last_updated_timestamp
    assert first == write_card(world.stores, world.run(FIRST_DAY), champion_of(world))
    assert stamp == described(world).last_updated_timestamp


def test_four_matured_as_ofs_after_the_promotion_make_it_final(world):
    days = [FIRST_DAY + timedelta(weeks=week) for week in range(7)]
    cards = [write_card(world.stores, world.run(FIRST_DAY), champion_of(world))]
    for day in days[1:]:
        serve(world, day)
        cards.append(write_card(world.stores, world.run(day), champion_of(world)))
    assert [0, 0, 0, 1, 2, 3, 4] == [card.matured for card in cards]
    assert [*["provisional"] * 6, "final"] == [card.status for card in cards]
    assert cards[-1].headline in unescape(read_file(world, "card/model_card.html").decode())
