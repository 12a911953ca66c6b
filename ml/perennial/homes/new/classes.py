"""Classes of a first model: what came on real days, which values share a name, the query that names them, and their suite.

The class of an entity is the value that most of its rows in the horizon hold; who has no such row is a class as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from perennial.records.profiles import ProbedDay

FEWEST_ENTITIES = 30
"""Of a day: of a class that fewer have nobody can say how well it is told from the others, as `perennial check` says."""
MOST_CLASSES, FEWEST_CLASSES = 8, 2
OTHER = "other"
LABELS_OF_CLASSES = """\
with counted as (
    select {entity} as entity_id, {value} as class, count(*) as facts
    from {source}
    where {within} and {column}::text <> ''
    group by 1, 2
),

most as (
    select distinct on (entity_id) entity_id, class
    from counted
    order by entity_id asc, facts desc, class asc
)

select cohort.entity_id, coalesce(most.class, {nothing}) as label
from cohort
left join most on cohort.entity_id = most.entity_id
"""


@dataclass(frozen=True)
class SeenClasses:
    """Labels that are classes, of all matured days together.

    Attributes:
        shares: of each class, the commonest first.
        rare: those of them that get one name together, for too few entities of a day have them, or there are too many.
    """

    shares: Mapping[str, float]
    rare: tuple[str, ...]

    @property
    def kept(self) -> tuple[str, ...]:
        """Those that keep a name of their own."""
        return tuple(name for name in self.shares if name not in self.rare)

    @property
    def named(self) -> tuple[str, ...]:
        """All that a label may be."""
        return (*self.kept, OTHER) if self.rare and OTHER not in self.kept else self.kept


def sum_classes(labelled: Sequence[ProbedDay]) -> SeenClasses | None:
    """What came; nothing is rare where fewer than two classes would be left."""
    if not labelled:
        return None
    counts = [day.sample["label"].value_counts(normalize=True) * day.rows for day in labelled]
    entities = pd.concat(counts, axis="columns").fillna(0.0).mean(axis="columns").sort_index()
    entities = entities.sort_values(ascending=False, kind="stable")
    common = [str(name) for name, count in entities.head(MOST_CLASSES).items() if count >= FEWEST_ENTITIES]
    kept = common if len(common) >= FEWEST_CLASSES else list(map(str, entities.head(MOST_CLASSES).index))
    shares = {str(name): float(share) for name, share in (entities / entities.sum()).items()}
    return SeenClasses(shares, tuple(name for name in shares if name not in kept))


def name_nothing(source: str) -> str:
    """The class of who has no row."""
    return f"no {source}"


def render_classes(entity: str, column: str, source: str, within: str, seen: SeenClasses | None) -> str:
    """Labels by the value that most rows hold, with one name for rare ones."""
    value, nothing = f"{column}::text", name_nothing(source)
    if seen is not None and seen.rare:
        listed = ", ".join(quote_text(name) for name in seen.kept if name != nothing)
        value = f"case when {value} in ({listed}) then {value} else '{OTHER}' end"
        nothing = OTHER if nothing in seen.rare else nothing
    return LABELS_OF_CLASSES.format(
        entity=entity, value=value, source=source, within=within, column=column, nothing=quote_text(nothing)
    )


def quote_text(value: str) -> str:
    """A text as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"


def say_classes(seen: SeenClasses) -> str:
    """What came, the commonest first, and what shares a name."""
    shown = ", ".join(f"{name} {share:.0%}" for name, share in list(seen.shares.items())[:MOST_CLASSES])
    rare = f"; {len(seen.rare)} that few have are called {OTHER} together" if seen.rare else ""
    return f"{len(seen.shares)} classes came, {shown}{rare}"
