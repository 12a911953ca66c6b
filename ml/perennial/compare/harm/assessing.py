"""All guards of one comparison, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass

from perennial.compare.contest import ComparisonInput
from perennial.compare.harm.costs import guard_costs
from perennial.compare.harm.guards import answer
from perennial.compare.harm.pair import make_pair
from perennial.compare.harm.radius import doubt_blast_radius, measure_blast_radius, warn_of_blast_radius
from perennial.compare.harm.segments import guard_segments
from perennial.compare.harm.whole import guard_whole
from perennial.records import BlastRadius, Guard


@dataclass(frozen=True)
class Harm:
    """What a promotion would harm and change.

    Attributes:
        guards: every question, those not assessed as well.
        blast_radius: None without a champion.
        doubts: sentences, each of which turns an automatic promotion into a question to a person.
        vetoes: sentences, each of which stops a promotion.
        warnings: sentences about a wide blast radius, which stops nothing by itself.
    """

    guards: tuple[Guard, ...] = ()
    blast_radius: BlastRadius | None = None
    doubts: tuple[str, ...] = ()
    vetoes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def assess_harm(contest: ComparisonInput) -> Harm:
    """Ask every guard about the challenger against the champion, on the rows to compare on; without a champion there is none.

    Raises:
        MisalignedScores: somebody's scores do not cover exactly the rows of the labels.
        MetricNotFinite: a score or a figure is NaN or infinite.
    """
    if contest.champion is None or contest.labels.empty:
        return Harm()
    pair = make_pair(contest, contest.champion)
    guards = answer((*guard_whole(pair), *guard_segments(pair), *guard_costs(pair)), contest.model.promotion.veto_level)
    radius = measure_blast_radius(pair)
    return Harm(
        guards=guards,
        blast_radius=radius,
        doubts=(*_sentences(guards, "doubtful"), *doubt_blast_radius(pair, radius)),
        vetoes=_sentences(guards, "veto"),
        warnings=warn_of_blast_radius(pair, radius),
    )


def _sentences(guards: tuple[Guard, ...], state: str) -> tuple[str, ...]:
    return tuple(guard.sentence for guard in guards if guard.state == state)
