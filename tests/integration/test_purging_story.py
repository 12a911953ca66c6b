"""A world that is purged lives on as one that is not: the same fits, scores, decisions and mails, and the same way back."""

from datetime import date

from perennial import pipeline
from perennial.pipeline import purging
from perennial.stores import ledger
from tests.integration.test_purging import LATER, RETENTION
from tests.integration.test_story import NEXT_DAY
from tests.world import FIRST_DAY, MODEL, edit_model, end_state

EARLY = (date(2017, 3, 28), date(2017, 4, 4), date(2017, 4, 11))  # days that no training wants
AGED = {before: f"{before.partition(' ')[0]} = 30 " for before in RETENTION}
OF_ALL_DAYS = ("quarantine", "validations")


def live_on(world, *, is_purged):
    """The next week after some days that grew old, purged in between or not, and then back to the champion before."""
    edit_model(world.settings.home, AGED)
    for day in EARLY:
        pipeline.refresh(world.stores, world.run(day, "backfill"))
        pipeline.validate(world.stores, world.run(day, "backfill"))
    gone = purging.purge(world.stores, MODEL, LATER).gone if is_purged else ()
    world.live(NEXT_DAY)
    end = {
        name: [row for row in rows if row.get("as_of") not in EARLY]
        for name, rows in end_state(world).items()
        if name not in OF_ALL_DAYS
    }
    back = pipeline.rollback(world.stores, world.run(NEXT_DAY))
    with world.stores.warehouse.transaction() as session:
        return gone, end, ledger.get_version(session, MODEL, back.version).trained_for


def test_the_next_week_and_the_way_back_are_the_same_after_a_purge(copy_world):
    with copy_world() as world:
        _, expected, back = live_on(world, is_purged=False)
        assert FIRST_DAY in {row["as_of"] for row in expected["publications"]}
    with copy_world() as world:
        gone, end, back_again = live_on(world, is_purged=True)
        assert 0 == world.ask_one("select count(*) from features.lapse where as_of = any(:days)", days=list(EARLY))
    assert {item.as_of for item in gone if item.kind == "snapshots"} == set(EARLY)
    assert {item.kind for item in gone} >= {"snapshots", "findings"}
    assert (end, back_again) == (expected, back)
