"""Where it comes from, down to the bytes, and everything that was decided about it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from perennial.card.document import Cell, Facts, Gallery, Section, Table
from perennial.card.evidence import CardEvidence
from perennial.card.fit import ORIGINS
from perennial.card.pictures import list_drawn
from perennial.card.words import count, word, write_number
from perennial.config import write_figure
from perennial.records import ALGORITHM_NAMES, Choice

MOVES = {
    "promote": "Promoted",
    "refresh": "Refreshed",
    "rollback": "Rolled back",
    "manual": "Moved by hand",
    "forced": "Forced by a person",
}
Entry = tuple[datetime, str, str, str]


def write_making(evidence: CardEvidence) -> Section:
    """What this fit found beside the parameters of its recipe, and what the folds said."""
    version, of_recipe = evidence.version, evidence.recipe.recipe
    entries = [("Algorithm", ALGORITHM_NAMES.get(version.algorithm, version.algorithm))]
    entries += [
        (name, write_number(value) if isinstance(value, float) else str(value))
        for name, value in sorted(version.parameters.items())
        if value not in (of_recipe.parameters.get(name), of_recipe.rulings.get(name))
    ]
    entries += [("Search", version.tuning.sentence)] if version.tuning else []
    entries += (
        [(f"{evidence.title} out of fold", _describe_folds(evidence))] if evidence.metric in evidence.logged.metrics else []
    )
    return Section("Making", (Facts(tuple(entries)), Gallery(list_drawn(evidence))))


def _describe_folds(evidence: CardEvidence) -> str:
    folds = [write_figure(evidence.metric, value) for _, value in sorted(evidence.logged.fold_headlines.items())]
    whole = write_figure(evidence.metric, evidence.logged.metrics[evidence.metric])
    return whole + (f"; by fold, oldest first: {', '.join(folds)}" if folds else "")


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
    """Everything that was decided about it and its recipe, oldest first."""
    entries = sorted((*_begin(evidence), *_assess(evidence), *_ask(evidence), *_move(evidence)), key=lambda entry: entry[0])
    rows = tuple((Cell(str(evidence.local_day(when))), word(what), Cell(says), Cell(who)) for when, what, says, who in entries)
    return Section("History", (Table(("Day", "What", "Because", "Who"), rows),))


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
        yield each.effective_at, each.verdict.outcome.value, f"Its recipe against {against}: {reason}", "compare"


def _ask(evidence: CardEvidence) -> Iterator[Entry]:
    for each in evidence.questions:
        yield each.effective_at, "asked", f"A person was asked, because: {' '.join(each.because)}", "promote"
        if each.answered_effective_at is not None:
            yield each.answered_effective_at, each.status, each.remark or "", each.answered_by or ""


def _move(evidence: CardEvidence) -> Iterator[Entry]:
    """The movements of this fit, and those by which its recipe came and went."""
    number, recipe = evidence.version.version, evidence.recipe.number
    former: int | None = None
    for move in evidence.promotions:
        because = "on its verdict." if move.evaluation_id else f"{move.reason.rstrip('.')}."
        how = f"{MOVES[move.kind]}: {because}"
        if move.version == number:
            before = f", in the place of version {move.previous_version}" if move.previous_version else ""
            yield move.effective_at, "champion", f"{MOVES[move.kind]}{before}: {because}", move.actor
        elif recipe == move.recipe != former:
            yield move.effective_at, "recipe came", f"By version {move.version}. {how}", move.actor
        elif move.previous_version == number:
            yield move.effective_at, "replaced", f"By version {move.version}. {how}", move.actor
        elif former == recipe != move.recipe:
            yield move.effective_at, "recipe went", f"By version {move.version}. {how}", move.actor
        former = move.recipe
