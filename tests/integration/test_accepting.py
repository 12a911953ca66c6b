"""A level that is new and stays: the day is stopped, a person accepts, and from then on days are compared with it."""

import pytest
from sqlalchemy import text

from perennial import pipeline
from perennial.errors import AcceptanceRefused, PublicationBlocked, ValidationFailed
from perennial.pipeline import accepting
from perennial.records import Choice
from perennial.stores.sessions import Database
from tests.integration.test_story import DAY_AFTER, NEXT_DAY, make_snapshot
from tests.world import FIRST_DAY, edit_model, lower_level


def lose_households(world):
    """A chain sells a third of its cards: those households never buy again, nor ever did."""
    loader = Database(world.loader_url, "loader")
    try:
        with loader.transaction() as session:
            for table in ("orders", "order_items", "campaign_members", "coupon_redemptions", "customers"):
                session.execute(text(f"delete from source.{table} where household_id % 3 = 0"))
    finally:
        loader.dispose()


def accept(world, as_of, accepted):
    return accepting.accept(world.stores, world.run(as_of), accepted, reason="A test wants it.")


def test_another_number_of_rows_stops_the_day_until_a_person_accepts_it_for_good(world):
    edit_model(world.settings.home, {"row_count_band = 0.5 ": "row_count_band = 0.2 "})
    lose_households(world)
    pipeline.refresh(world.stores, world.run(NEXT_DAY))
    with pytest.raises(ValidationFailed, match=f'perennial accept lapse --as-of {NEXT_DAY} --check rows --reason "..."'):
        pipeline.validate(world.stores, world.run(NEXT_DAY))
    entry = accept(world, NEXT_DAY, "rows")
    assert entry.level < 350
    assert pipeline.validate(world.stores, world.run(NEXT_DAY)).passed
    assert "rows" == world.ask_one("select accepted from ledger.acceptances where as_of = :d", d=NEXT_DAY)
    make_snapshot(world, DAY_AFTER)


def test_another_mean_score_stops_the_day_until_a_person_accepts_it(world):
    edit_model(world.settings.home, {"publish_max_shift = 0.50": "publish_max_shift = 0.0001"})
    lower_level(world)
    make_snapshot(world, NEXT_DAY)
    with pytest.raises(PublicationBlocked, match=r"more than 0% away .*, and more than chance gives \d+ rows"):
        pipeline.score(world.stores, world.run(NEXT_DAY))
    assert "perennial accept lapse" in world.ask_one("select sentence from ledger.decisions where as_of = :d", d=NEXT_DAY)
    entry = accept(world, NEXT_DAY, "shift")
    published = pipeline.score(world.stores, world.run(NEXT_DAY))
    assert published.mean_score == pytest.approx(entry.level)
    assert Choice.BLOCK is not pipeline.decide(world.stores, world.run(NEXT_DAY)).choice


@pytest.mark.parametrize("accepted", ["rows", "shift"])
def test_a_day_that_was_not_stopped_has_no_level_to_accept(world, accepted):
    with pytest.raises(AcceptanceRefused, match="stopped"):
        accept(world, FIRST_DAY, accepted)
