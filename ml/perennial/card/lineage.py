"""Where it comes from, down to the bytes, and everything that was decided about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from perennial.card.document import Block, Cell, Facts, Gallery, Section, Sentences, Table
from perennial.card.evidence import CardEvidence
from perennial.card.pictures import list_drawn
from perennial.card.words import count, join, word, write_number
from perennial.records import ALGORITHM_NAMES, Choice

ORIGINS = {
    "training": "tuned and fitted for its day",
    "refresh": "its recipe fitted again on the newest rows",
    "manual": "registered by hand",
}
MOVES = {
    "promote": "Promoted",
    "refresh": "Refreshed",
    "rollback": "Rolled back",
    "manual": "Moved by hand",
    "forced": "Forced by a person",
}
Entry = tuple[datetime, str, str, str]


def write_making(evidence: CardEvidence) -> Section:
    """The recipe, what the folds said of it, and how it was found."""
    version, logged = evidence.version, evidence.logged
    metrics = logged.metrics
    name = ALGORITHM_NAMES.get(version.algorithm, version.algorithm)
    entries = [("Algorithm", f"{name}, {ORIGINS.get(version.origin, version.origin)}")]
    entries += [
        (name, write_number(value) if isinstance(value, float) else str(value))
        for name, value in sorted(version.parameters.items())
    ]
    entries += [("Parameters", version.tuning.sentence)] if version.tuning else []
    entries += [("AUC out of fold", _describe_folds(evidence))] if "auc" in metrics else []
    return Section("Making", (Facts(tuple(entries)), Gallery(list_drawn(evidence))))


def _describe_folds(evidence: CardEvidence) -> str:
    folds = [f"{auc:.3f}" for _, auc in sorted(evidence.logged.fold_aucs.items())]
    return f"{evidence.logged.metrics['auc']:.3f}" + (f"; by fold, oldest first: {', '.join(folds)}" if folds else "")


def write_lineage(evidence: CardEvidence) -> Section:
    """Hashes that lead from a score back to rows, queries, configuration and code."""
    version = evidence.version
    entries = (
        ("Version", f"{version.model}, version {version.version}, trained for {version.trained_for}"),
        ("MLflow run", version.mlflow_run_id),
        ("Training rows", version.data_hash),
        ("Configuration", version.config_hash),
        ("Queries", version.query_hash),
        ("Code", version.code_version),
    )
    files = tuple((Cell(name), Cell(digest)) for name, digest in sorted(version.manifest.items()))
    return Section("Lineage", (Facts(entries), Table(("File", "SHA-256, checked before every load"), files)))


def write_history(evidence: CardEvidence) -> Section:
    """Everything that was decided about it, oldest first."""
    entries = sorted((*_begin(evidence), *_assess(evidence), *_ask(evidence), *_move(evidence)), key=lambda entry: entry[0])
    rows = tuple((Cell(str(evidence.local_day(when))), word(what), Cell(says), Cell(who)) for when, what, says, who in entries)
    blocks: list[Block] = [Table(("Day", "What", "Because", "Who"), rows)]
    if evidence.verdicts_against:
        outcomes = Counter(each.verdict.outcome.value for each in evidence.verdicts_against)
        said = join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items()))
        blocks.append(Sentences((f"As champion it was compared {count(len(evidence.verdicts_against), 'time')}: {said}.",)))
    return Section("History", tuple(blocks))


def _begin(evidence: CardEvidence) -> Iterator[Entry]:
    version = evidence.version
    if evidence.asked is not None and evidence.asked.choice is Choice.TRAIN:
        yield evidence.asked.evidence.clock, "TRAIN", evidence.asked.sentence, f"decide ({evidence.asked.rule})"
    rows = (
        f"{version.algorithm} on {count(evidence.measured.training_rows, 'row')}, {ORIGINS.get(version.origin, version.origin)}"
    )
    yield version.effective_at, "trained", rows, ""


def _assess(evidence: CardEvidence) -> Iterator[Entry]:
    for each in evidence.verdicts:
        recipe, version = each.verdict.champion_recipe, each.verdict.champion_version
        against = f"recipe {recipe}" if recipe else f"version {version}" if version else "nobody"
        reason = each.verdict.reasons[0] if each.verdict.reasons else ""
        yield each.effective_at, each.verdict.outcome.value, f"Against {against}: {reason}", "compare"


def _ask(evidence: CardEvidence) -> Iterator[Entry]:
    for each in evidence.questions:
        yield each.effective_at, "asked", f"A person was asked, because: {' '.join(each.because)}", "promote"
        if each.answered_effective_at is not None:
            yield each.answered_effective_at, each.status, each.remark or "", each.answered_by or ""


def _move(evidence: CardEvidence) -> Iterator[Entry]:
    number = evidence.version.version
    for move in evidence.promotions:
        because = "on its verdict." if move.evaluation_id else f"{move.reason.rstrip('.')}."
        if move.version == number:
            before = f", in the place of version {move.previous_version}" if move.previous_version else ""
            yield move.effective_at, "champion", f"{MOVES[move.kind]}{before}: {because}", move.actor
        elif move.previous_version == number:
            yield move.effective_at, "replaced", f"By version {move.version}. {MOVES[move.kind]}: {because}", move.actor
