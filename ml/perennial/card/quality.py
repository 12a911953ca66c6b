"""How good it is: promised on the holdout, kept since the promotion, bin by bin and slice by slice."""

from __future__ import annotations

from perennial.card.document import Block, Cell, Gallery, Section, Sentences, Table
from perennial.card.evidence import CardEvidence
from perennial.card.measured import Measured, SegmentFigure, Served
from perennial.card.pictures import draw_calibrations, draw_course
from perennial.card.standing import ENOUGH_AS_OFS, Standing
from perennial.card.words import LOWER_IS_BETTER, count, word, write_days, write_interval, write_metric, write_share
from perennial.metrics import ReliabilityBin

FEW_TO_TELL, ONE_CLASS = "too few positives", "one class came true"
SHOWN_DAYS = 12


def write_quality(evidence: CardEvidence, standing: Standing) -> Section:
    """Both sides: what the holdout promised, and what has come true."""
    blocks: list[Block] = [_list_promised(evidence, standing), _list_kept(evidence, standing)]
    if evidence.served:
        blocks += [Sentences((say_difference(evidence),)), Gallery(draw_course(evidence))]
    return Section("Quality", tuple(blocks))


def _list_promised(evidence: CardEvidence, standing: Standing) -> Table:
    chosen = "chosen by it: flatters" if standing.since else "assessed by it"
    rows = tuple(
        (
            Cell(write_metric(figure.metric)),
            Cell("" if figure.value is None else f"{figure.value.estimate:.3f}"),
            Cell("" if figure.value is None else f"[{figure.value.low:.3f}, {figure.value.high:.3f}]"),
            Cell("lower is better" if figure.metric in LOWER_IS_BETTER else "higher is better"),
        )
        for figure in evidence.measured.figures
    )
    version = evidence.version
    held_out = f"Holdout ({chosen}), {write_days(version.holdout_as_ofs)}"
    own_rows = f"Its own training rows (nothing was held out: flatters), {write_days(version.training_as_ofs)}"
    confidence = f"{100 * evidence.measured.confidence:g}%"
    return Table(
        ("Metric", "Holdout", f"{confidence} interval", ""),
        rows,
        frozenset({1, 2}),
        title=held_out if version.holdout_as_ofs else own_rows,
    )


def _list_kept(evidence: CardEvidence, standing: Standing) -> Table:
    pooled = [_describe_pooled(evidence.first_served, "first")] if evidence.first_served else []
    pooled += [_describe_pooled(evidence.newest_served, "newest")] if evidence.newest_served else []
    days = [
        (
            Cell(str(day.as_of)),
            Cell(f"{day.rows:,}"),
            Cell(write_share(day.positives, day.rows)),
            Cell(f"{day.mean_score:.3f}"),
            Cell(write_interval(day.auc) if day.is_ranked else ONE_CLASS),
            Cell(f"{day.log_loss:.3f}"),
        )
        for day in evidence.served[-SHOWN_DAYS:]
    ]
    matured = f"{min(standing.matured, ENOUGH_AS_OFS)} of {ENOUGH_AS_OFS} as_ofs"
    return Table(
        ("as_of", "Rows", "Positive", "Mean score", "AUC", "Log-loss"),
        (*days, *pooled),
        frozenset({1, 2, 3, 4, 5}),
        sums=len(pooled),
        title=f"Since the promotion ({standing.status}: {matured})" if standing.since else "Since the promotion",
        empty="No as_of after the promotion has matured yet." if standing.since else "It was never champion.",
    )


def _describe_pooled(served: Served, which: str) -> tuple[Cell, ...]:
    return (
        Cell(f"{which} {len(served.as_ofs)}, pooled"),
        Cell(f"{served.rows:,}"),
        Cell(write_share(served.positives, served.rows)),
        Cell(""),
        Cell(write_interval(served.auc, ONE_CLASS)),
        Cell(write_interval(served.log_loss)),
    )


def say_difference(evidence: CardEvidence) -> str:
    """Promised against kept, in one sentence."""
    promised, kept = evidence.measured.figure("auc"), evidence.first_served.auc if evidence.first_served else None
    if promised is None or kept is None:
        return "No AUC can be compared: one class alone came true."
    verb = "came out" if evidence.first_served and len(evidence.first_served.as_ofs) > 1 else "came out so far"
    difference = kept.estimate - promised.estimate
    inside = "inside" if kept.low <= promised.estimate <= kept.high else "outside"
    return (
        f"The AUC {verb} {difference:+.3f} from what the holdout promised ({promised.estimate:.3f}), which lies {inside} the "
        f"interval of what was kept: {write_interval(kept)}."
    )


def write_calibration(evidence: CardEvidence) -> Section:
    """Does a score of .2 come true in a fifth of the rows? Promised, kept, and out of fold."""
    method = {"none": "Its scores are used as the library gives them"}.get(
        evidence.measured.calibrator, f"Its scores were calibrated out of fold ({evidence.measured.calibrator} scaling)"
    )
    said = (
        f"{method}. Rows are cut into tenths by score; a point on the diagonal means what it says. Intervals are Wilson's, "
        "with an entity's rows of several as_ofs counted as one piece of evidence."
    )
    blocks: list[Block] = [Sentences((said,)), Gallery(draw_calibrations(evidence))]
    blocks.append(_list_bins(evidence.measured.bins, "Holdout, in tenths"))
    if evidence.first_served:
        days = count(len(evidence.first_served.as_ofs), "as_of")
        blocks.append(_list_bins(evidence.first_served.bins, f"First {days} after the promotion, in tenths"))
    return Section("Calibration", tuple(blocks))


def _list_bins(bins: tuple[ReliabilityBin, ...], title: str) -> Table:
    rows = tuple(
        (
            Cell(f"{each.rows:,}"),
            Cell(f"{each.mean_score:.3f}"),
            Cell(write_interval(each.share)),
            word("inside" if each.share.low <= each.mean_score <= each.share.high else "outside"),
        )
        for each in bins
    )
    return Table(("Rows", "Mean score", "Share that came true", "Mean score lies"), rows, frozenset({0, 1, 2}), title=title)


def write_segments(evidence: CardEvidence) -> Section:
    """Each slice of the holdout by itself; what is too small is named, not assessed."""
    measured = evidence.measured
    if not measured.segments:
        return Section("Segments", (Sentences(("The model file names no segments, so that none was looked at.",)),))
    unassessed = sum(each.auc is None for each in measured.segments)
    assessed = (
        f"{count(unassessed, 'holds', 'hold')} too few positives to be assessed" if unassessed else "each holds enough positives"
    )
    said = (
        f"Slices of the holdout, {len(measured.segments)} in all; {assessed}. The SQL reads them, and no model is fed with them."
    )
    rows = tuple(_describe_segment(each, measured) for each in measured.segments)
    headings = ("Segment", "Value", "Rows", "Positive", "Mean score", "AUC")
    return Section("Segments", (Sentences((said,)), Table(headings, rows, frozenset({2, 3, 4, 5}))))


def _describe_segment(each: SegmentFigure, measured: Measured) -> tuple[Cell, ...]:
    return (
        Cell(each.segment),
        Cell(each.value),
        Cell(f"{each.rows:,}", share=each.rows / measured.rows if measured.rows else None),
        Cell(f"{each.positives:,} ({write_share(each.positives, each.rows)})"),
        Cell(f"{each.mean_score:.3f}"),
        Cell(write_interval(each.auc, FEW_TO_TELL)),
    )
