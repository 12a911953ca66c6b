"""What the version looks at: every input with its weight, what people ruled about it, and whether it has drifted."""

from __future__ import annotations

from perennial.card.document import Block, Cell, Section, Sentences, Table
from perennial.card.evidence import CardEvidence
from perennial.card.measured import Input
from perennial.card.words import count, join, word, write_number
from perennial.config import Model
from perennial.records import DriftCheck, FeatureDrift

HEADINGS = ("Feature", "Importance", "Kind", "Ruled", "Training mean", "Newest mean", "PSI", "Drifted in", "Flag")
NUMBERS = frozenset({1, 4, 5, 6, 7})
OF_DRIFT = 4  # from here on the columns tell of drift, and stay away before the first check


def write_features(evidence: CardEvidence) -> Section:
    """The inputs, the weightiest first; drift is that of the newest check of what this version scored."""
    blocks: list[Block] = [Sentences((_say_drift(evidence.checks, evidence.model), _say_importance(evidence.version.algorithm)))]
    shown = len(HEADINGS) if evidence.checks else OF_DRIFT
    rows = tuple(_describe(evidence, each)[:shown] for each in rank_inputs(evidence))
    blocks.append(Table(HEADINGS[:shown], rows, NUMBERS))
    if evidence.logged.alarms:
        blocks.append(Sentences((f"The training raised an alarm: {evidence.logged.alarms}",)))
    return Section("Features", tuple(blocks))


def rank_inputs(evidence: CardEvidence) -> list[Input]:
    """The weightiest first, equals by name."""
    return sorted(evidence.measured.inputs, key=lambda each: (-evidence.logged.importances.get(each.name, 0.0), each.name))


def _describe_kind(each: Input) -> str:
    if each.kind != "category":
        return "number"
    values = f"text of {count(each.categories + each.pooled, 'value')}"
    return f"{values}, {each.pooled:,} of them rare" if each.pooled else values


def _describe(evidence: CardEvidence, each: Input) -> tuple[Cell, ...]:
    importances = evidence.logged.importances
    share, largest = importances.get(each.name), max(importances.values(), default=1.0) or 1.0
    drift = _find_drift(evidence.checks, each.name)
    flags = sum(_is_drifted(check, each.name) for check in evidence.checks)
    return (
        Cell(each.name),
        Cell("unknown" if share is None else f"{share:.1%}", share=None if share is None else share / largest),
        Cell(_describe_kind(each)),
        Cell(_describe_ruling(evidence.model, each)),
        Cell("" if drift is None else write_number(drift.reference_mean)),
        Cell("" if drift is None else write_number(drift.current_mean)),
        Cell("" if drift is None else f"{drift.psi:.3f}"),
        Cell(f"{flags} of {len(evidence.checks)}" if evidence.checks else ""),
        word(_flag(drift)),
    )


def _describe_ruling(model: Model, each: Input) -> str:
    acknowledged = model.training.acknowledged_auc.get(each.name)
    said = [each.monotone] if each.monotone else []
    return ", ".join(said + ([f"honest up to {acknowledged:g} alone"] if acknowledged else []))


def _flag(drift: FeatureDrift | None) -> str:
    if drift is None:
        return "not checked"
    if not drift.is_drifted:
        return "steady"
    return "drifted" if drift.can_trigger else "by construction"


def _find_drift(checks: tuple[DriftCheck, ...], name: str) -> FeatureDrift | None:
    return next((each for each in checks[0].features if each.column == name), None) if checks else None


def _is_drifted(check: DriftCheck, name: str) -> bool:
    return any(each.column == name and each.is_drifted for each in check.features)


def _say_drift(checks: tuple[DriftCheck, ...], model: Model) -> str:
    if not checks:
        return "No day that it scored was checked for drift yet."
    newest = checks[0]
    moved = [each.column for each in newest.features if each.is_drifted and each.can_trigger]
    named = f": {join(moved)}" if moved else ""
    found = f"On {newest.as_of} {count(len(moved), 'column')} had drifted{named}, and the mean score lay"
    shift = f"{found} {newest.prediction_shift:+.1%} from that on its unseen rows"
    limit = f"{model.monitoring.feature_psi:g}, or beyond what chance does with few rows"
    return f"{shift}. A column has drifted beyond a population stability index (PSI) of {limit}."


def _say_importance(algorithm: str) -> str:
    what = (
        "the sum of its coefficients' sizes" if algorithm in ("logistic", "ridge", "single_feature") else "the gain of all splits"
    )
    return f"Importance is the share of a feature in {what}; it says what the score leans on, not what causes the outcome."
