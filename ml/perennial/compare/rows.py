"""Which rows may be compared on: the same for everybody, and seen by nobody who chose one of the recipes.

The fits that score them had not seen them either: that is the business of whoever scores.

Worked example (lapse, embargo 28 days): a recipe chosen on as_ofs up to 08-14 has seen labels up to 09-11, so 09-11 is the first
as_of that may judge it. A champion's recipe chosen on 08-21 forbids 09-11 as well; were it chosen on 09-25, the first four
unseen as_ofs are 10-23 to 11-13, whose labels have matured by 12-13: the pair is assessed again then.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from perennial.compare.contest import ComparisonInput
from perennial.errors import RowsSeenInTraining
from perennial.metrics import check_same_rows

FEWEST_AS_OFS = 2  # one week is noise: weekly AUC has a standard deviation of .012


def unseen_as_ofs(candidates: Iterable[date], chosen_on: Iterable[date | None], *, embargo: timedelta) -> tuple[date, ...]:
    """The candidates that lie at least the embargo after the last as_of that any of the choices looked at, oldest first."""
    looked_at = [day for day in chosen_on if day is not None]
    first = max(looked_at) + embargo if looked_at else date.min
    return tuple(sorted(as_of for as_of in candidates if as_of >= first))


def needed_as_ofs(contest: ComparisonInput) -> int:
    """The fewest to compare on: those of the first look."""
    return contest.model.training.holdout_as_ofs


def check_rows(contest: ComparisonInput) -> tuple[date, ...]:
    """The as_ofs that may be compared on; fewer than `needed_as_ofs` mean that nothing can be said yet.

    Raises:
        MisalignedScores: scores, labels and segments do not cover the same rows.
        RowsSeenInTraining: a row lies within the embargo of what the challenger's recipe was chosen on, or the champion's
            while enough other rows were there to choose.
    """
    for rows in (*(series.index for series in contest.every_series), contest.segments.index):
        check_same_rows(rows, contest.labels.index)
    embargo = contest.model.embargo
    unseen = contest.holdout_as_ofs
    for contestant in contest.contestants:
        unseen = unseen_as_ofs(unseen, (contestant.chosen_on,), embargo=embargo)
        seen = sorted(set(contest.holdout_as_ofs) - set(unseen))
        if seen and (contestant is contest.challenger or len(unseen) >= FEWEST_AS_OFS):
            assert contestant.chosen_on is not None
            raise RowsSeenInTraining(
                f"{contest}: recipe {contestant.recipe} was chosen on as_ofs up to {contestant.chosen_on}, so rows before "
                f"{contestant.chosen_on + embargo} cannot assess it; found {_list(seen)}. Leave them out of the comparison."
            )
    return unseen


def compared_again_on(contest: ComparisonInput) -> date | None:
    """The day on which enough as_ofs that neither has seen will have matured; None when that day has passed already."""
    model = contest.model
    chosen_on = [each.chosen_on for each in contest.contestants if each.chosen_on is not None]
    first = max(chosen_on) + model.embargo if chosen_on else contest.as_of
    last_needed = model.grid.count_on(first, needed_as_ofs(contest))[-1]
    day = model.matured_at(last_needed).astimezone(model.zone).date()
    return day if day > contest.as_of else None


def _list(days: Iterable[date]) -> str:
    return ", ".join(str(day) for day in days)
