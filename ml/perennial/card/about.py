"""What the model is for, and what data it is made from."""

from __future__ import annotations

import re
from collections.abc import Iterable

from perennial.card.document import Cell, Facts, Section, Table, Verbatim
from perennial.card.evidence import CardEvidence
from perennial.card.words import count, join, say_labels, write_days
from perennial.config.inputs import Source
from perennial.records.cards import BuiltDay

TIMES = {
    "versioned": "versioned",
    "static": "static: acknowledged, its rows carry no dates",
    "current_state": "current state: acknowledged, updated in place",
    "validity": "validity: the rows that held at the as_of",
    "captured": "captured: updated in place, its history kept by Perennial",
}


def write_purpose(evidence: CardEvidence) -> Section:
    """The question in the words of the model file and of the two queries."""
    model = evidence.model
    return Section(
        "Purpose",
        (
            Facts(
                (
                    ("Question", model.description),
                    ("Answer", evidence.task.say_answer(model.entity.named)),
                    ("Scored", f"by cron {model.schedule.refresh}, retrained by cron {model.schedule.retrain}, {model.timezone}"),
                    ("Owner", model.owner),
                )
            ),
            Verbatim("The cohort and its features, in the words of features.sql", read_head(evidence.declaration.features_sql)),
            Verbatim("The label, in the words of labels.sql", read_head(evidence.declaration.labels_sql)),
        ),
    )


def read_head(query: str) -> str:
    """The comment that opens a query: purpose, grain, parameters and columns, by a rule of the house."""
    lines = []
    for line in query.splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.removeprefix("--").strip())
    return "\n".join(lines) or "The query opens without a comment."


def read_grain(query: str) -> str:
    """The sentence about the grain: who is in the cohort."""
    found = re.search(r"^Grain: (.+)$", read_head(query), re.MULTILINE)
    return found[1].replace(" (the cohort)", "").rstrip(".") if found else "one row per entity that features.sql returns"


def write_data(evidence: CardEvidence) -> Section:
    """Which rows assess it, how the snapshots came about, and how the times of each source were read."""
    built = {day.as_of: day for day in (*evidence.training, *evidence.holdout)}
    entries = (
        ("Unseen", _describe_holdout(evidence)),
        (
            "Embargo",
            f"{evidence.model.embargo.days} days, at least, between what a fit has learned from and what it scores here",
        ),
        ("Snapshots", _describe_snapshots(built.values())),
    )
    return Section("Data", (Facts(entries), _list_sources(evidence)))


def _describe_holdout(evidence: CardEvidence) -> str:
    measured = evidence.measured
    if not evidence.version.holdout_as_ofs:
        return "nothing: history was too short for that"
    rows = f"{count(measured.rows, 'row')} of {count(measured.entities, 'entity', 'entities')}"
    labels = say_labels(measured.positives, measured.rows, measured.mean_label, evidence.task.mean_named[1])
    return f"{rows}, {write_days(evidence.version.holdout_as_ofs)}, {labels}"


def _describe_snapshots(days: Iterable[BuiltDay]) -> str:
    listed = list(days)
    backfilled = sum(day.purpose == "backfill" for day in listed)
    rejected = sum(day.quarantined for day in listed)
    kept_out = f"{count(rejected, 'row')} in quarantine" if rejected else "no row in quarantine"
    return f"{len(listed)} in all, {backfilled} of them built later for their day, {kept_out}"


def _list_sources(evidence: CardEvidence) -> Table:
    loaded = find_bulk_loads((*evidence.training, *evidence.holdout))
    captured = find_captures((*evidence.training, *evidence.holdout))
    rows = tuple(
        (
            Cell(name),
            Cell(TIMES[source.times]),
            Cell(", ".join(part for part in (source.event_at, source.valid_from, source.valid_to, source.known_at) if part)),
            Cell(_describe_facts(source)),
            Cell("" if source.lookback_days is None else f"{source.lookback_days} days"),
            Cell(loaded.get(name, captured.get(name, ""))),
        )
        for name, source in evidence.model.sources.items()
    )
    return Table(
        ("Source", "Times", "Happened, learned", "Facts", "Looks back", "Loaded or captured"),
        rows,
        title="Sources, and how their times are read",
    )


def _describe_facts(source: Source) -> str:
    if source.is_state:
        return f"the row of each {join(source.key)} that held then"
    if not source.is_dated:
        return ""
    return f"the newest version of each {join(source.key)}" if source.key else "every row is a fact"


def find_captures(days: Iterable[BuiltDay]) -> dict[str, str]:
    """Sources whose history Perennial keeps itself, with the first day that it knows."""
    rules = ((source, rule) for day in days for source, rule in day.known_rule.items())
    return {source: f"captured since {str(rule['since'])[:10]}" for source, rule in rules if rule.get("since")}


def find_bulk_loads(days: Iterable[BuiltDay]) -> dict[str, str]:
    """Sources whose history was loaded in bulk when a snapshot was built, with the rule that stood in for known_at."""
    found = {}
    for day in days:
        for source, rule in day.known_rule.items():
            if rule.get("known_from"):
                delay = f"event time and {rule.get('typical_delay_minutes', 0)} minutes"
                found[source] = f"before {rule['known_from']}: {delay}"
    return found
