"""What the version does not know, in words; every sentence follows from a record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from perennial.card.about import find_bulk_loads, read_grain
from perennial.card.document import Section, Sentences
from perennial.card.evidence import CardEvidence
from perennial.card.words import count, join

YEAR_DAYS = 365


def write_limits(evidence: CardEvidence) -> Section:
    """Every limit as a sentence, the widest first."""
    said = (
        *_limit_who(evidence),
        *_limit_when(evidence),
        *_limit_sources(evidence),
        *_limit_inputs(evidence),
        *_mention_changes(evidence),
        *_limit_figures(evidence),
    )
    return Section("Limits", (Sentences(said, is_list=True),))


def _limit_who(evidence: CardEvidence) -> Iterator[str]:
    grain = read_grain(evidence.declaration.features_sql)
    yield f"It speaks of its cohort alone: {grain}. Whoever is not in it gets no score, and nothing is claimed of them."
    unassessed = Counter(each.segment for each in evidence.measured.segments if each.headline is None)
    if unassessed:
        named = join(f"{count(number, 'value')} of {segment}" for segment, number in unassessed.items())
        yield f"How it ranks within {named} is unknown: too few {evidence.task.carriers_named}, which is not the same as passed."


def _limit_when(evidence: CardEvidence) -> Iterator[str]:
    version, label = evidence.version, evidence.model.label
    first, last = min(version.training_as_ofs), max(version.training_as_ofs)
    days = (last - first).days
    season = "" if days >= YEAR_DAYS else " That is less than a year: it cannot know seasons."
    as_ofs = count(len(version.training_as_ofs), "as_of")
    yield f"It has learned from {as_ofs} over {days} days and has seen none before {first} or after {last}.{season}"
    yield (
        f"On the day of its training its newest rows were {version.knowledge_lag_days} days old, and every later day adds one: "
        f"the horizon of {label.horizon_days} days and the grace of {label.grace_days} have to pass first."
    )
    if label.absence_of:
        does, makes = evidence.task.outage
        yield (
            f"Its label {does} {label.absence_of}: an outage that delivers at least "
            f"{label.min_weekly_volume:.0%} of the usual weekly volume would {makes}."
        )


def _limit_sources(evidence: CardEvidence) -> Iterator[str]:
    sources = evidence.model.sources
    in_place, undated = (
        [name for name, source in sources.items() if source.times == times] for times in ("current_state", "static")
    )
    if in_place:
        yield (
            f"{join(in_place)}: updated in place and acknowledged as current state, so that past snapshots may hold what was "
            f"written after their as_of, and all figures may flatter.{_say_worth(evidence)}"
        )
    if undated:
        yield f"{join(undated)}: acknowledged as static: without dates, every past day sees their rows as they are now."
    loads = find_bulk_loads((*evidence.training, *evidence.holdout))
    for source, rule in loads.items():
        yield f"History of {source} was loaded in bulk: when its facts were learned is an assumption ({rule})."


def _say_worth(evidence: CardEvidence) -> str:
    """With and without them, where the choice of this version measured it; the doubts of a first verdict say so of its recipe."""
    choice = evidence.version.choice
    return f" {choice.current_state.sentence}" if choice and choice.current_state else ""


def _limit_inputs(evidence: CardEvidence) -> Iterator[str]:
    training, expected = evidence.model.training, evidence.model.features.no_drift_trigger.columns
    if training.exclude:
        yield f"By a person's ruling it never sees {join(training.exclude)}, which the snapshot holds."
    if expected:
        yield f"Drifting by construction: {join(expected)}. They are watched, and never ask for a retraining."


def _mention_changes(evidence: CardEvidence) -> Iterator[str]:
    version, model = evidence.version, evidence.model
    if version.config_hash != model.config_hash:
        yield (
            f"models/{model.name}.toml has changed since the training (configuration {version.config_hash[:12]} then, "
            f"{model.config_hash[:12]} now): configuration.json of its MLflow run holds what it was trained by."
        )
    if version.query_hash != evidence.declaration.query_hash:
        yield "Its queries have changed since the training: those of its MLflow run are the ones it was trained by."


def _limit_figures(evidence: CardEvidence) -> Iterator[str]:
    promotion, threshold = evidence.model.promotion, evidence.model.scoring.threshold
    yield (
        f"The gate asks a challenger for a gain of {promotion.min_gain:.1%} of the champion's {evidence.title}: a better version "
        "below that floor may have been kept out, and equal figures do not mean equal scores."
    )
    yield (
        f"{evidence.task.say_action(threshold, evidence.measured.recall)}: whoever acts on another share of the cohort should "
        "look at that share."
    )
    yield "Intervals are about chance, with entities as the pieces of evidence; they do not cover a world that changes."
