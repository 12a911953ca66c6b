"""What the findings mean: may the day go on, and with which rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median

from perennial.config import read_band, say_band
from perennial.config.inputs import Quality
from perennial.records import Acceptance, IncompleteFacts, Rejects, RuleResult, Run, Validation, say_how_to_accept


@dataclass(frozen=True)
class SuiteFindings:
    """All that was found on one snapshot of `rows` rows: the result of every rule, and the rows that rules reject."""

    rows: int
    results: tuple[RuleResult, ...]
    rejects: tuple[Rejects, ...] = ()


def check_bands(
    run: Run, rows: int, former_rows: Sequence[int], quality: Quality, accepted: Acceptance | None = None
) -> RuleResult:
    """Compare the number of rows with the median of the last snapshots; an empty snapshot always fails.

    What chance does is allowed in any case: of a number of entities, three times its square root.

    Args:
        accepted: a level that a person has accepted for this day or one before it; `former_rows` are then of days since it.
    """
    recent = [former for former in former_rows if former > 0][-quality.history_snapshots :]
    recent = recent or ([int(accepted.level)] if accepted else [])
    usual = median(recent) if recent else rows
    below, above = (max(share * usual, 3 * sqrt(usual)) for share in read_band(quality.row_count_band))
    passed = rows > 0 and usual - below <= rows <= usual + above
    if rows == 0:
        sentence = "The snapshot is empty: an empty source never publishes."
    elif not recent:
        sentence = f"{rows} rows; there is no former snapshot to compare with."
    else:
        sentence = f"{rows} rows against a median of {usual:g} over the last {len(recent)} snapshots ({rows / usual - 1:+.1%})"
        sentence += "." if passed else f": outside the band of {say_band(quality.row_count_band)} (quality.row_count_band). "
        sentence += "" if passed else say_how_to_accept(run, "rows")
    return RuleResult("bands", "row_count", None, passed=passed, failing=0, rows=rows, sentence=sentence)


def check_facts(incomplete: Sequence[IncompleteFacts], quality: Quality) -> tuple[RuleResult, ...]:
    """Weigh the facts that were set aside because a time or a part of the key is null: a few of a source, never many."""
    lacking = {part.source: sum(other.facts for other in incomplete if other.source == part.source) for part in incomplete}
    return tuple(
        _weigh_facts(part, lacking[part.source] <= quality.max_quarantined_share * part.of, quality) for part in incomplete
    )


def _weigh_facts(part: IncompleteFacts, passed: bool, quality: Quality) -> RuleResult:  # noqa: FBT001 - private, and named at its only call
    sentence = f"{part}: they count for nothing and are kept in ledger.quarantine"
    sentence += (
        "."
        if passed
        else f". More than {quality.max_quarantined_share:.2%} of the facts of source.{part.source} are such: fill it."
    )
    rule = f"facts_are_complete: {part.source}.{part.column}"
    return RuleResult("source", rule, part.column, passed=passed, failing=part.facts, rows=part.of, sentence=sentence)


def conclude(run: Run, findings: SuiteFindings, quality: Quality) -> Validation:
    """Weigh all findings of the day.

    Rejected rows are set aside and the rest goes on, while they are few; any other failed rule stops the day.
    """
    rejected = {entity for reject in findings.rejects for entity in reject.entity_ids}
    set_aside = {reject.rule for reject in findings.rejects}
    share = _check_share(len(rejected), findings.rows, quality)
    stopping = [result for result in findings.results if not result.passed and result.rule not in set_aside]
    return Validation(
        model=run.model,
        as_of=run.as_of,
        passed=share.passed and not stopping,
        rows=findings.rows,
        quarantined=len(rejected),
        results=(*stopping, share, *(result for result in findings.results if result not in stopping)),
    )


def _check_share(rejected: int, rows: int, quality: Quality) -> RuleResult:
    share = rejected / rows if rows else 0.0
    passed = share <= quality.max_quarantined_share
    sentence = f"{rejected} of {rows} rows were rejected ({share:.2%})"
    sentence += "." if passed else f": more than the limit of {quality.max_quarantined_share:.2%}."
    return RuleResult("bands", "quarantined_share", None, passed=passed, failing=rejected, rows=rows, sentence=sentence)
