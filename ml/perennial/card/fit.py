"""This one fit of the recipe: what it learned from, how far it lies from the fit before, and what it published itself."""

from __future__ import annotations

from perennial.card.document import Block, Cell, Facts, Section, Sentences, Table
from perennial.card.evidence import CardEvidence
from perennial.card.standing import Standing
from perennial.card.words import (
    capitalise,
    count,
    head_labels,
    say_equal,
    say_labels,
    write_days,
    write_interval,
    write_labels,
    write_mean,
    write_metric,
    write_second,
)
from perennial.records.cards import PublishedDay

ORIGINS = {
    "training": "the first fit of a recipe under test",
    "refresh": "its recipe fitted again on the newest rows",
    "manual": "registered by hand",
}
SERVICE = {
    "held fit": "not yet: it was held back",
    "warm fit": "never: it keeps its recipe warm, for a way back",
    "challenger": "never",
}
SHOWN = 12


def write_fit(evidence: CardEvidence, standing: Standing) -> Section:
    """What can be said of it alone; none of it is a judgement."""
    blocks: list[Block] = [Sentences((say_judged(evidence),)), _describe_fit(evidence, standing), _list_published(evidence)]
    return Section("This fit", tuple(blocks))


def say_judged(evidence: CardEvidence) -> str:
    """What the evidence is about: the recipe, but for versions from before recipes were kept."""
    number = evidence.recipe.number
    if evidence.is_judged:
        return f"Made before recipes were kept: it was itself judged, on its holdout. What is judged now is recipe {number}."
    return f"It is not itself judged: what is judged is recipe {number}, by what its fits publish."


def _describe_fit(evidence: CardEvidence, standing: Standing) -> Facts:
    version = evidence.version
    days = ", ".join(str(day) for day in sorted(version.training_as_ofs))
    lag = f"{version.knowledge_lag_days} days from the newest training as_of to {version.trained_for}"
    entries = (
        ("Fitted", f"for {version.trained_for}: {ORIGINS.get(version.origin, version.origin)}"),
        ("Served", _say_service(standing)),
        ("Trained on", describe_rows(evidence)),
        ("Training as_ofs", days),
        ("Set aside when it was trained", _list_rested(evidence)),
        ("Knowledge lag", lag),
        ("Distance", _describe_distance(evidence)),
    )
    return Facts(entries)


def describe_rows(evidence: CardEvidence) -> str:
    """How many rows it learned from, of which days."""
    measured = evidence.measured
    labels = say_labels(measured.training_positives, measured.training_rows, measured.training_mean, evidence.task.mean_named[0])
    return f"{count(measured.training_rows, 'row')} of {write_days(evidence.version.training_as_ofs)}, {labels}"


def _say_service(standing: Standing) -> str:
    if standing.serves_from is None:
        return SERVICE[standing.role]
    return (
        f"since {standing.serves_from}" if standing.serves_until is None else f"{standing.serves_from} to {standing.serves_until}"
    )


def _list_rested(evidence: CardEvidence) -> str:
    return "; ".join(f"{entry.as_of} ({entry.reason.rstrip('.')})" for entry in evidence.rested) or "nothing"


def _describe_distance(evidence: CardEvidence) -> str:
    distance = evidence.version.distance
    if distance is None:
        return "none: its recipe had no fit before it, or no newest snapshot to compare on"
    return (
        f"from version {distance.version}, the fit before, on {count(distance.rows, 'row')} of {distance.as_of}: rank "
        f"correlation {distance.rank_correlation:.3f}; {distance.top_decile_overlap:.0%} of the top tenth stay in it; mean score "
        f"{distance.mean_shift:+.1%}"
    )


def _list_published(evidence: CardEvidence) -> Table:
    shown = evidence.published[-SHOWN:]
    rows = tuple(_describe_day(evidence, day) for day in shown)
    title = "What it published itself" + ("" if len(shown) == len(evidence.published) else f": the newest {len(shown)} as_ofs")
    second = capitalise(write_metric(evidence.second))
    headings = (
        "as_of",
        "Rows",
        "Mean score",
        head_labels(evidence),
        evidence.title,
        second,
    )
    return Table(headings, rows, frozenset({1, 2, 3, 4, 5}), title=title, empty="It has published nothing.")


def _describe_day(evidence: CardEvidence, day: PublishedDay) -> tuple[Cell, ...]:
    positives = evidence.measured.positives
    matures_on = evidence.local_day(evidence.model.matured_at(day.as_of))
    return (
        Cell(str(day.as_of)),
        Cell(f"{day.rows:,}"),
        Cell(write_mean(day.mean_score, positives)),
        Cell(write_labels(day.positives, day.rows, day.base_rate)),
        Cell(
            f"labels mature on {matures_on}"
            if day.headline is None
            else write_interval(day.headline, metric=evidence.metric)
            if day.is_ranked
            else say_equal(positives)
        ),
        Cell(write_second(evidence.second, day.metrics)),
    )
