"""Small lives of one model each, by task: what is done on which day, and what of it is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import takewhile

from perennial.records import Run
from tests.faults.place import CAPTURED, MODEL, Place
from tests.faults.stages import DAYS, FIRST, HISTORY, LAST, SECOND, THIRD

Steps = tuple[tuple[date, str], ...]
"""Operations, each on a day."""


@dataclass(frozen=True)
class Story:
    """What befalls a model, in order.

    Attributes:
        world: of tests/cases.
        days: of every operation that is looked at, in the order in which they are lived.
        before: what is lived besides, before an operation, and not looked at.
        history: the first and the last as_of that are there from the beginning.
        approval: `promotion.approval` of the model.
        kept_days: after so many nobody needs to keep anything.
        is_everywhere: `make faults` kills in each gap, and not only behind calls that leave something.
    """

    model: str
    days: Mapping[str, date]
    before: Mapping[str, Steps] = field(default_factory=dict)
    history: tuple[date, date] = HISTORY
    approval: str = "auto"
    world: str = "plain"
    kept_days: int = 400
    is_everywhere: bool = False

    @property
    def operations(self) -> tuple[str, ...]:
        return tuple(self.days)

    @property
    def models(self) -> tuple[str, ...]:
        """All that its home declares."""
        return (self.model, CAPTURED) if "capture" in self.days else (self.model,)

    def run(self, place: Place, operation: str) -> Run:
        return place.run(self.days[operation], self.model)

    def look_only_at(self, operation: str) -> Story:
        """The same life up to there, where nothing else is looked at."""
        earlier = tuple(takewhile(lambda name: name != operation, self.days))
        lived = [step for name in earlier for step in (*self.before.get(name, ()), (self.days[name], name))]
        before = {operation: (*lived, *self.before.get(operation, ()))}
        return replace(self, days={operation: self.days[operation]}, before=before)


STAY = Story(
    MODEL,
    DAYS,
    {
        "refresh": ((FIRST, "refresh"), (FIRST, "validate"), (FIRST, "score"), (FIRST, "monitor"), (FIRST, "decide")),
        "monitor": ((SECOND, "score"),),
        "score_canary": ((THIRD, "refresh"), (THIRD, "validate")),
        "purge": ((LAST, "refresh"), (LAST, "validate"), (LAST, "score"), (LAST, "monitor")),
    },
    approval="manual",
    kept_days=45,
    is_everywhere=True,
)
"""Yes or no, with everything that a shell or a task starts; its history is too short for a search."""

SEARCHED = (HISTORY[0], date(2025, 5, 12))
BEGUN, REALISED = date(2025, 5, 19), date(2025, 6, 2)
"""A day with history enough for a search, and one on which what was published then has come true."""

LEARNING = dict.fromkeys(("train", "compare", "promote"), BEGUN)
SERVING = dict.fromkeys(("score", "shards", "monitor", "decide", "refit", "look"), REALISED)
PUBLISHED: Mapping[str, Steps] = {
    "score": ((BEGUN, "refresh"), (BEGUN, "validate"), (BEGUN, "score"), (REALISED, "refresh"), (REALISED, "validate")),
    "monitor": ((REALISED, "score"),),
    "look": ((REALISED, "challenge"),),
}
SOUGHT = Story("sought", {"train": BEGUN}, history=SEARCHED)
MINUTES = Story("minutes_spent", {**LEARNING, **SERVING}, PUBLISHED, history=SEARCHED, world="minutes")
HABITS = Story("habits", {**LEARNING, **SERVING}, PUBLISHED, history=SEARCHED, world="habits")
STORIES = (STAY, SOUGHT, MINUTES, HABITS)
"""A search of yes or no, then an amount and classes: what asks the task for labels, fits, scores or figures."""
