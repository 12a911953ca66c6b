"""Notices about what may teach: an as_of was set to rest, or was released by itself."""

from __future__ import annotations

from datetime import date

from perennial.notices.figures import show_number
from perennial.records import Admission, AdmissionEntry, Notice, Statistic, StatisticName

NAMES: dict[StatisticName, str] = {
    "auc": "AUC of the scores of that time",
    "calibration": "calibration, in log-odds",
    "log_loss": "log-loss of the scores of that time",
    "feature": "AUC by itself",
}


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
        moved=tuple(_show(name, statistic) for name, statistic in admission.statistics.items()),
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
        chart={str(other): round(value, 4) for other, value in _list_aucs(admission)},
        chart_title="AUC of the scores of each day, by its labels",
    )


def _show(name: StatisticName, statistic: Statistic) -> tuple[str, str, str, str]:
    what = f"{NAMES[name]}: {statistic.feature}" if statistic.feature else NAMES[name]
    former = ", ".join(f"{value:.3f}" for value in statistic.former)
    judged = "beyond what chance explains" if statistic.is_beyond else "usual"
    return (what, show_number(statistic.usual), show_number(statistic.value), f"z {statistic.z:+.1f}, {judged}; before: {former}")


def _list_aucs(admission: Admission) -> list[tuple[date, float]]:
    auc = admission.statistics["auc"]
    return [*zip(admission.compared_with, auc.former, strict=True), (admission.as_of, auc.value)]


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
