"""Notices about a day: what was scored and decided, what stopped it, what broke."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date

from perennial.config import name_figure, write_figure
from perennial.notices.figures import show_number
from perennial.records import Choice, Decision, DriftCheck, FeatureDrift, Interval, Notice, Publication, Realised, Run, Validation

MOST_ROWS = 8
ASIDE = "; its labels are set aside, and this counts for nothing"
DRIFT_TITLE = "Population stability index of the columns that moved most"


HEADLINES = {
    "quiet": "nothing asks for a retraining",
    "persistence": "something moved, not yet often enough to retrain",
    "cooldown": "something moved, but the cooldown holds",
    "budget": "something moved, but the budget of retrainings is spent",
    "nothing_new": "something moved, but there is nothing new to learn yet",
    "drift": "what the champion sees has drifted",
    "realised_loss": "the champion ranks worse than it promised",
    "calibration": "the scores do not mean what they say",
    "age": "the champion has grown old",
}


def write_decision(
    decision: Decision, check: DriftCheck, realised: tuple[Realised, ...], *, psi_limit: float, aside: Collection[date] = ()
) -> Notice:
    """The mail of a scored day: what moved, and whether that asks for a retraining.

    Args:
        psi_limit: population stability index above which a column has drifted; a line in the picture.
        aside: days whose labels are set aside; what came true on them is shown, and said to count for nothing.
    """
    outcomes = tuple(
        (
            f"{name_figure(metric)} of {each.as_of}",
            "",
            write_figure(metric, found.estimate),
            f"{_write_ends(metric, found)} on {each.rows} rows{ASIDE * (each.as_of in aside)}",
        )
        for each in realised
        for metric, found in (each.headline,)
    )
    return Notice(
        model=decision.model,
        as_of=decision.as_of,
        event="decision",
        headline=f"{decision.choice}: {_say_rule(decision)}",
        summary=f"{check.rows} rows of {check.as_of} were scored with version {check.version}. {decision.sentence}",
        moved=(*list_drift(check), *outcomes, *_list_calibration(decision)),
        system_did=_what_the_decision_did(decision, check),
        you_must=_ask_about_the_reference(check),
        chart=_chart_drift(check),
        chart_limit=psi_limit,
        chart_title=DRIFT_TITLE,
    )


def link_report(notice: Notice, address: str | None) -> Notice:
    """The mail of a decision with a link to the page of its day, or with a sentence that says that there is none yet."""
    if address is not None:
        return replace(notice, links=(*notice.links, ("Evidently report", address)))
    missing = (
        "The Evidently report had not been drawn when this mail left: "
        f"`perennial report {notice.model} --as-of {notice.as_of}` draws it."
    )
    return replace(notice, system_did=(*notice.system_did, missing))


def _say_rule(decision: Decision) -> str:
    if decision.rule == "realised_loss" and decision.evidence.loss_rise is not None:
        return "the champion predicts worse than it promised"
    return HEADLINES.get(decision.rule, decision.rule)


def _write_ends(metric: str, found: Interval) -> str:
    return f"[{write_figure(metric, found.low)}, {write_figure(metric, found.high)}]"


def _list_calibration(decision: Decision) -> tuple[tuple[str, str, str, str], ...]:
    alarm = decision.evidence.calibration
    if alarm is None:
        return ()
    said, came = show_number(alarm.mean_score), show_number(alarm.realised_rate)
    return (("what came true", said, came, f"the mean score and the realised rate of {alarm.publications} publications"),)


def list_drift(check: DriftCheck) -> tuple[tuple[str, str, str, str], ...]:
    """The mean score and the columns that moved most, as rows of a mail."""
    rebuilt = (("training rows", "", "rebuilt", f"not those that version {check.version} was trained on"),)
    score = ("mean score, against that on unseen rows", "", f"{check.prediction_shift:+.1%}", f"PSI {check.score_psi:.3f}")
    columns = (
        (feature.column, show_number(feature.reference_mean), show_number(feature.current_mean), _remark(feature))
        for feature in _strongest(check)
    )
    return (*(rebuilt if check.is_restated else ()), score, *columns)


def _strongest(check: DriftCheck) -> list[FeatureDrift]:
    return sorted(check.features, key=lambda feature: feature.psi, reverse=True)[:MOST_ROWS]


def _remark(feature: FeatureDrift) -> str:
    words = [f"PSI {feature.psi:.3f}" + ("" if feature.limit is None else f" (limit {feature.limit:.3f})")]
    words += ["drifted"] if feature.is_drifted else []
    words += [] if feature.can_trigger else ["by construction"]
    return ", ".join(words)


def _ask_about_the_reference(check: DriftCheck) -> tuple[str, ...]:
    if not check.is_restated:
        return ()
    sentences = (
        f"Find out why snapshots or labels were rebuilt: they are not those that version {check.version} was trained on. "
        "Drift of the columns is measured against the new ones and may not show; the mean score still is. "
        "If the new ones are right, the next retraining learns from them."
    )
    return (sentences,)


def _what_the_decision_did(decision: Decision, check: DriftCheck) -> tuple[str, ...]:
    did = [f"Published the scores of {check.as_of}, made by version {check.version}."]
    if decision.choice is Choice.TRAIN:
        did.append(f"Asked for a retraining ({decision.rule}); its verdict comes in a mail of its own.")
    else:
        did.append("Kept the champion as it is; no retraining was asked for.")
    return tuple(did)


@dataclass(frozen=True)
class DayFindings:
    """What speaks against a day: rows of the mail's table, and the picture of them."""

    moved: tuple[tuple[str, str, str, str], ...]
    chart: Mapping[str, float]
    chart_title: str


def write_block(run: Run, decision: Decision, found: DayFindings, still_served: str) -> Notice:
    """The mail of a stopped day: what was wrong, what analysts still see, and how to go on."""
    return Notice(
        model=run.model,
        as_of=run.as_of,
        event="blocked",
        headline=f"{decision.choice}: nothing of {run.as_of} was published",
        summary=decision.sentence,
        moved=found.moved,
        system_did=(f"Stopped {run.as_of} before anything of it was published.", still_served),
        you_must=(
            "Repair the data at its source.",
            f"Then clear the failed run of {run.model}.refresh or {run.model}.score for {run.as_of}; the rest follows.",
        ),
        chart=found.chart,
        chart_title=found.chart_title,
    )


def say_what_failed(validation: Validation) -> str:
    """One sentence for the decision: how many expectations failed, and what the first one said."""
    failures = validation.failures
    named = ", ".join(dict.fromkeys(failure.column or failure.rule for failure in failures[:MOST_ROWS]))
    counted = "1 expectation" if len(failures) == 1 else f"{len(failures)} expectations"
    return f"{counted} failed ({named}). {failures[0].sentence}"


def find_rejected(validation: Validation) -> DayFindings:
    """The failed expectations."""
    failures = validation.failures[:MOST_ROWS]
    return DayFindings(
        moved=tuple(
            (
                failure.column or failure.rule.replace("_", " "),
                "",
                f"{failure.failing} of {failure.rows}" if failure.failing else "",
                failure.sentence,
            )
            for failure in failures
        ),
        chart={f.column or f.rule.replace("_", " "): f.failing / f.rows for f in failures if f.failing and f.rows},
        chart_title="Share of rows that fail",
    )


def find_moved(check: DriftCheck) -> DayFindings:
    """What moved on a day whose scores were refused."""
    return DayFindings(list_drift(check), _chart_drift(check), DRIFT_TITLE)


def _chart_drift(check: DriftCheck) -> dict[str, float]:
    """What moved most of the columns that may ask for a retraining; the others drift by construction."""
    movers = sorted((f for f in check.features if f.can_trigger), key=lambda feature: feature.psi, reverse=True)
    return {feature.column: round(feature.psi, 4) for feature in movers[:MOST_ROWS]}


def write_failure(run: Run, dag: str, failed_tasks: tuple[str, ...], messages: tuple[str, ...]) -> Notice:
    """The mail of a run that broke for another reason than its data."""
    return Notice(
        model=run.model,
        as_of=run.as_of,
        event=f"failure_{dag}",
        headline=f"{run.model}.{dag} failed at {', '.join(failed_tasks)}",
        summary=" ".join(messages) or "The task ended without a word; its log in Airflow says more.",
        moved=(),
        system_did=("Kept serving the newest complete publication.",),
        you_must=(f"Read the log of {', '.join(failed_tasks)}, remove the cause and clear the task; it is safe to run twice.",),
    )


def say_what_is_served(live: Publication | None) -> str:
    """The sentence about the scores that analysts see meanwhile."""
    if live is None:
        return "Nothing is published yet."
    return f"Kept the scores of {live.as_of} (version {live.version}, {live.rows} rows) online."
