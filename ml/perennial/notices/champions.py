"""Notices about the champion: a verdict, a question to a person, an alias that was moved by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from perennial.config import name_figure, write_difference
from perennial.notices.figures import show_number
from perennial.records import ApprovalQuestion, Notice, Outcome, Promotion, Run, Verdict, Version
from perennial.records.markdown import escape_markdown


def write_verdict(
    verdict: Verdict,
    others: Sequence[Verdict] = (),
    *,
    mlflow_run: str,
    refused_because: str | None,
    model_card: str | None = None,
) -> Notice:
    """The mail of a comparison: who won on the rows that neither had seen, and what follows.

    Args:
        others: the day's verdicts on shadows, a sentence each.
        refused_because: why the champion stays; None when the challenger took its place.
        mlflow_run, model_card: addresses.
    """
    compared = verdict.metrics
    opponent = _name_opponent(verdict)
    did = "let its newest fit serve" if refused_because is None else "left the champion as it is"
    return Notice(
        model=verdict.model,
        as_of=verdict.as_of,
        event="verdict",
        headline=f"{verdict.outcome}: {_name(verdict)}{f' against {opponent}' if opponent else ', the first champion'}",
        summary=" ".join(verdict.reasons),
        moved=tuple(
            (
                name_figure(metric.metric),
                show_number(metric.champion),
                show_number(metric.challenger),
                "" if metric.gain is None else f"gain {write_difference(metric.metric, metric.gain)}",
            )
            for metric in compared
        ),
        system_did=(
            f"Compared {_name(verdict)}{f' with {opponent}' if opponent else ''} on {verdict.rows} unseen rows; {did}.",
            f"The knowledge lag of the challenger's newest fit is {verdict.knowledge_lag_days} days.",
            *_tell_harm(verdict),
            *(f"Shadow, {_name(other)}: {other.outcome}. {other.reasons[0]}" for other in others),
        ),
        you_must=(refused_because,) if refused_because and verdict.outcome is Outcome.PROMOTE else (),
        chart={name_figure(m.metric): round(m.gain.estimate, 5) for m in compared if m.gain is not None},
        chart_title="Gain of the challenger, positive is better",
        links=(("MLflow run", mlflow_run), *((("Model card", model_card),) if model_card else ())),
    )


def _name(verdict: Verdict) -> str:
    """The recipe that was compared; verdicts from before recipes were kept are about versions."""
    recipe, version = verdict.challenger_recipe, verdict.challenger_version
    return f"version {version}" if recipe is None else f"recipe {recipe} (version {version})"


def _name_opponent(verdict: Verdict) -> str:
    recipe, version = verdict.champion_recipe, verdict.champion_version
    if version is None:
        return ""
    return f"champion version {version}" if recipe is None else f"the champion's recipe {recipe} (version {version})"


def _tell_harm(verdict: Verdict) -> tuple[str, ...]:
    """What a promotion would change for those who act on the scores, what is in doubt, and what nobody could assess."""
    radius = verdict.blast_radius
    unassessed = ", ".join(guard.name for guard in verdict.guards if guard.state == "not assessed")
    return (
        *((radius.sentence,) if radius else ()),
        *verdict.doubts,
        *verdict.warnings,
        *((f"Not assessed, for want of evidence: {unassessed}.",) if unassessed else ()),
    )


def write_question(
    question: ApprovalQuestion, verdict: Verdict, *, mlflow_run: str, airflow: str, model_card: str | None = None
) -> Notice:
    """The mail that asks a person: the verdict with its evidence, why a person decides, and how to answer."""
    waits = "a person decides."
    told = write_verdict(verdict, mlflow_run=mlflow_run, refused_because=waits, model_card=model_card)
    return replace(
        told,
        event=f"question_{question.version}",
        headline=f"may version {question.version} become champion?",
        summary=f"{told.summary} A person decides, because: {' '.join(question.because)}",
        you_must=(
            f"Answer in Airflow at {question.model}.approve, or from a shell: {question.commands}.",
            f"Airflow waits until {question.deadline:%Y-%m-%d %H:%M} UTC. Unanswered it stays open; the next look asks again.",
        ),
        links=(("Answer in Airflow", airflow), *told.links),
    )


def show_in_markdown(notice: Notice) -> str:
    """A notice as Airflow shows it beside the buttons: the table of evidence, then what to do, which alone holds markup."""
    rows = (f"| {' | '.join(map(escape_markdown, row))} |" for row in notice.moved)
    table = ("| | champion | challenger | |", "|---|---|---|---|", *rows) if notice.moved else ()
    facts = "\n".join(f"- {sentence}" for sentence in (*map(escape_markdown, notice.system_did), *notice.you_must))
    addresses = " · ".join(f"[{text}]({address})" for text, address in notice.links)
    return "\n\n".join(part for part in (escape_markdown(notice.summary), "\n".join(table), facts, addresses) if part)


def say_what_became(question: ApprovalQuestion) -> str:
    """The sentence about a question: who answered it and how, or why nobody did."""
    about = f"question about version {question.version}"
    remark = f" {question.remark}" if question.remark else ""
    match question.status:
        case "open":
            return f"The {about} waits for a person."
        case "approved" | "rejected":
            return (
                f"Version {question.version} was {question.status} by {question.answered_by} ({question.answer_source}).{remark}"
            )
        case _:
            return f"The {about} {'has expired' if question.status == 'expired' else 'was superseded'}.{remark}"


def write_answer(question: ApprovalQuestion) -> Notice:
    """The mail about a question that is closed: what was answered, by whom, and what follows."""
    ends = {
        "approved": f"was approved by {question.answered_by}",
        "rejected": f"was rejected by {question.answered_by}",
        "superseded": "was not promoted: the question is out of date",
    }
    return Notice(
        model=question.model,
        as_of=question.as_of,
        event=f"answer_{question.version}",
        headline=f"version {question.version} {ends.get(question.status, 'was not promoted: nobody answered')}",
        summary=say_what_became(question),
        moved=(),
        system_did=(_say_what_follows(question),),
        you_must=(),
    )


def _say_what_follows(question: ApprovalQuestion) -> str:
    version, champion = question.version, question.champion_version
    match question.status:
        case "approved":
            return (
                f"Noted the answer; version {version} takes the place of version {champion} if that one is still champion "
                "and the files pass."
                if champion is not None
                else f"Noted the answer; version {version} becomes the first champion if its files pass."
            )
        case "superseded":
            return f"Closed the question; what serves stays as it is. {question.remark or ''}".rstrip()
        case _:
            return f"Left the champion, version {champion}, as it is." if champion is not None else "There is still no champion."


def write_alias(promotion: Promotion, as_of: date) -> Notice:
    """The mail about an alias that somebody moved in the registry: what was made of it, and how to undo that.

    Args:
        promotion: the manual movement, applied when the version passed its checks, undone when the alias was moved back.
    """
    model, version, before = promotion.model, promotion.version, promotion.previous_version
    serving = f"version {before} still serves" if before else "there is still no champion"
    is_applied = promotion.status == "applied"
    return Notice(
        model=model,
        as_of=as_of,
        event="alias",
        headline=f"the alias champion was moved by hand; {f'version {version} serves now' if is_applied else serving}",
        summary=promotion.reason,
        moved=(
            ("champion", "" if before is None else str(before), str(version) if is_applied else str(before or ""), "by hand"),
        ),
        system_did=(
            f"Checked the files of version {version} and recorded it as a manual movement, with no verdict behind it."
            if is_applied
            else f"Recorded the attempt and took it back: {serving}.",
        ),
        you_must=(f"If nobody meant it: `perennial rollback {model}`.",)
        if is_applied
        else (f'If somebody meant it: `perennial promote {model} {version} --force --reason "..."`.',)
        if version != before
        else (),
    )


def write_silence(run: Run, champion: Version, because: str) -> Notice:
    """The mail of a day that is scored while MLflow does not answer: by whom, and what nobody could look at."""
    return Notice(
        model=run.model,
        as_of=run.as_of,
        event="silence",
        headline=f"MLflow does not answer; version {champion.version} scores from the files that are kept here",
        summary=because,
        moved=(),
        system_did=(
            f"Took version {champion.version} for the champion, as the ledger says, and checked the hashes of its kept files.",
            "Left the alias unread: if somebody moved it by hand, the next day with MLflow finds out.",
        ),
        you_must=("Start MLflow again: no training, report or card is kept before. Scores need nothing else.",),
    )
