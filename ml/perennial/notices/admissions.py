"""Notices about what may teach: an as_of was set to rest, or was released by itself."""

from __future__ import annotations

from datetime import date

from perennial.config import describe_figure, name_figure, write_figure
from perennial.notices.figures import show_number
from perennial.records import Admission, AdmissionEntry, Notice, Statistic

ALONE = {True: "rank measure by itself", False: "AUC by itself"}
CALIBRATION = {True: "calibration, as a logarithm", False: "calibration, in log-odds"}


def say_why_aside(entry: AdmissionEntry) -> str:
    """The sentence about an as_of that may not teach."""
    if entry.event == "reject":
        return f"{entry}: rejected by {entry.actor}. {entry.reason}"
    return f"{entry}: rests until {entry.rests_until}. {entry.reason}"


def write_rest(entry: AdmissionEntry, admission: Admission, as_of: date) -> Notice:
    """The mail about an as_of that was set to rest.

    Args:
        as_of: of the run that looked.
    """
    model, day = entry.model, entry.as_of
    anew = f"`perennial backfill {model} --from {day} --to {day}`; the next monitoring or training looks at it again"
    return Notice(
        model=model,
        as_of=as_of,
        event=f"rest_{day:%Y%m%d}",
        headline=f"REST: the labels of {day} look wrong and do not teach for now",
        summary=(
            f"The labels of {day} have matured, and do not agree with the scores that were made for that day as those of the "
            f"weeks before did. {entry.reason}"
        ),
        moved=tuple(_show(_name(name, admission), name, statistic) for name, statistic in admission.statistics.items()),
        system_did=(
            f"Set {day} to rest: nothing learns from it, and no challenger is compared on it.",
            "Kept the champion, the scores and all other days as they are.",
            f"Lets it teach by itself from {entry.rests_until} on: a real change of the world must be learned.",
        ),
        you_must=(
            f"Look whether facts of the period after {day} are missing, doubled or wrong in the source.",
            f"If so, repair them there, with the known_at that they should have had, and build the day anew: {anew}.",
            f'If the labels are right: `perennial admit {model} --as-of {day} --reason "..."`.',
            f'If they cannot be repaired: `perennial reject {model} --as-of {day} --reason "..."`, and they never teach.',
        ),
        chart={str(other): round(value, 4) for other, value in _list_headlines(admission)},
        chart_title=f"{_head(admission)} of the scores of each day, by its labels",
    )


def _name(name: str, admission: Admission) -> str:
    has_units = any(describe_figure(metric).of_amounts for metric in admission.statistics)
    known = {"calibration": CALIBRATION[has_units], "feature": ALONE[has_units]}
    return known.get(name) or f"{name_figure(name)} of the scores of that time"


def _head(admission: Admission) -> str:
    headline = next(iter(admission.statistics))
    return name_figure(headline)


def _show(what: str, name: str, statistic: Statistic) -> tuple[str, str, str, str]:
    named = f"{what}: {statistic.feature}" if statistic.feature else what
    former = ", ".join(write_figure(name, value) for value in statistic.former)
    judged = "beyond what chance explains" if statistic.is_beyond else "usual"
    remark = f"z {statistic.z:+.1f}, {judged}; before: {former}"
    return (named, show_number(statistic.usual), show_number(statistic.value), remark)


def _list_headlines(admission: Admission) -> list[tuple[date, float]]:
    """Only today's where the figure was undefined on a day before."""
    headline = next(iter(admission.statistics.values()))
    before = zip(admission.compared_with, headline.former, strict=True) if _is_whole(admission, headline) else ()
    return [*before, (admission.as_of, headline.value)]


def _is_whole(admission: Admission, headline: Statistic) -> bool:
    return len(headline.former) == len(admission.compared_with)


def write_release(released: AdmissionEntry, rested: AdmissionEntry, as_of: date) -> Notice:
    """The mail about an as_of whose rest is over.

    Args:
        as_of: of the run that released it.
    """
    model, day = released.model, released.as_of
    return Notice(
        model=model,
        as_of=as_of,
        event=f"release_{day:%Y%m%d}",
        headline=f"ADMIT: the labels of {day} teach from now on",
        summary=f"{day} was set aside, and its rest is over. {released.reason} What had been found: {rested.reason}",
        moved=(),
        system_did=(f"Admitted {day}: trainings learn from it, and comparisons look at it.",),
        you_must=(f'If its labels are wrong after all: `perennial reject {model} --as-of {day} --reason "..."`.',),
    )
