"""An as_of of the small world whose labels were poisoned, and what the ledger says became of it.

The horizon is two weeks and the grace two days: 07-10 matures on 07-26, and the first champion has scored four days before it.
"""

from __future__ import annotations

from datetime import date

from tests.world import FIRST_DAY, MODEL, World

POISONED = date(2017, 7, 10)
SCORED = (FIRST_DAY, date(2017, 6, 19), date(2017, 6, 26), date(2017, 7, 3))
LOOKED_AT, WEEK_AFTER, RELEASED = date(2017, 7, 31), date(2017, 8, 7), date(2017, 8, 14)
HONEST = "(returned.household_id is null)::integer"
FLIPPED = f"case when :as_of = date '{POISONED}' and mod(cohort.entity_id, 10) < 6 then 1 - {HONEST} else {HONEST} end"
ENTRIES = "select event from ledger.admissions where as_of = :day order by admission_id"


def write_label(world: World, before: str, after: str) -> None:
    """Edit the label's definition."""
    file = world.settings.home / "sql" / MODEL / "labels.sql"
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))


def events(world: World, day: date = POISONED) -> list[object]:
    return [row["event"] for row in world.ask(ENTRIES, day=day)]
