"""How good it promised to be on unseen rows, and bin by bin and slice by slice; what came true stands with the recipe."""

from __future__ import annotations

from perennial.card.document import Block, Cell, Gallery, Section, Sentences, Table
from perennial.card.evidence import CardEvidence
from perennial.card.measured import SegmentFigure
from perennial.card.pictures import draw_calibrations
from perennial.card.standing import Standing
from perennial.card.words import (
    count,
    head_labels,
    word,
    write_days,
    write_ends,
    write_interval,
    write_labels,
    write_mean,
    write_metric,
)
from perennial.config import say_better, write_figure
from perennial.metrics import ClassReliability, ReliabilityBin
from perennial.records import Interval

MOST_CLASSES = 20


def write_quality(evidence: CardEvidence, standing: Standing) -> Section:
    """What its unseen rows promised, and how far that is to be believed."""
    return Section("Quality", (_list_promised(evidence, standing), Sentences((_say_source(evidence),))))


def say_bias(evidence: CardEvidence, standing: Standing) -> str:
    """Whether the unseen rows are those by which the recipe was let in."""
    if standing.since is None:
        return "assessed by it"
    version = evidence.version
    is_chosen = version.origin == "training" or version.version == evidence.promised_by
    return "chosen by it: flatters" if is_chosen else "the newest as_ofs that may teach"


def _say_source(evidence: CardEvidence) -> str:
    if not evidence.version.holdout_as_ofs:
        return "Nothing was held out, for history was too short: it scored its own training rows."
    if evidence.is_judged:
        return "It scored these rows itself, and learned from none of them. What came true later stands under Recipe."
    return (
        "Fits of its recipe that had not seen these rows scored them, for this fit has learned from the newest. What came true "
        "later stands under Recipe."
    )


def _list_promised(evidence: CardEvidence, standing: Standing) -> Table:
    rows = tuple(
        (
            Cell(write_metric(figure.metric)),
            Cell("" if figure.value is None else write_figure(figure.metric, figure.value.estimate)),
            Cell("" if figure.value is None else write_ends(figure.value, figure.metric)),
            Cell(say_better(figure.metric)),
        )
        for figure in evidence.measured.figures
    )
    version = evidence.version
    held_out = f"Unseen rows ({say_bias(evidence, standing)}), {write_days(version.holdout_as_ofs)}"
    own_rows = f"Its own training rows (nothing was held out: flatters), {write_days(version.training_as_ofs)}"
    confidence = f"{100 * evidence.measured.confidence:g}%"
    return Table(
        ("Metric", "Unseen rows", f"{confidence} interval", ""),
        rows,
        frozenset({1, 2}),
        title=held_out if version.holdout_as_ofs else own_rows,
    )


def write_calibration(evidence: CardEvidence) -> Section:
    """Does a score of .2 come true in a fifth of the rows, an amount of 20 as 20? Promised, kept, and out of fold."""
    method = {"none": "Its scores are used as the library gives them"}.get(
        evidence.measured.calibrator, f"Its scores were calibrated out of fold ({evidence.measured.calibrator} scaling)"
    )
    said = (
        f"{method}. Rows are cut into tenths by score; a point on the diagonal means what it says. Intervals are "
        f"{evidence.task.bins_law}, "
        "with an entity's rows of several as_ofs counted as one piece of evidence."
    )
    blocks: list[Block] = [Sentences((said,)), Gallery(draw_calibrations(evidence))]
    blocks.append(_list_bins(evidence, evidence.measured.bins, "Unseen rows, in tenths"))
    if evidence.measured.classes:
        blocks.append(_list_classes(evidence.measured.classes))
    if evidence.first_served:
        days = count(len(evidence.first_served.as_ofs), "as_of")
        blocks.append(
            _list_bins(
                evidence, evidence.first_served.bins, f"First {days} that its recipe published after the promotion, in tenths"
            )
        )
    return Section("Calibration", tuple(blocks))


def _list_bins(evidence: CardEvidence, bins: tuple[ReliabilityBin, ...], title: str) -> Table:
    task = evidence.task
    rows = tuple(
        (
            Cell(f"{each.rows:,}"),
            Cell(write_mean(each.mean_score, evidence.measured.positives)),
            Cell(write_interval(each.share, metric=evidence.metric)),
            _say_place(each.mean_score, each.share),
        )
        for each in bins
    )
    return Table(("Rows", "Mean score", task.came_named, "Mean score lies"), rows, frozenset({0, 1, 2}), title=title)


def _list_classes(classes: tuple[ClassReliability, ...]) -> Table:
    """The commonest first, and of very many those alone."""
    rows = tuple(
        (
            Cell(each.name),
            Cell(f"{each.rows:,}"),
            Cell(f"{each.mean_score:.3f}"),
            Cell(write_interval(each.share)),
            _say_place(each.mean_score, each.share),
            Cell(f"{each.error:.3f}"),
        )
        for each in classes[:MOST_CLASSES]
    )
    which = "by class" if len(classes) <= MOST_CLASSES else f"the {MOST_CLASSES} commonest of {len(classes)} classes"
    headings = ("Class", "Rows", "Mean probability", "Share that came", "Mean lies", "Calibration error")
    return Table(headings, rows, frozenset({1, 2, 3, 5}), title=f"Unseen rows, {which}")


def _say_place(mean: float, share: Interval) -> Cell:
    return word("inside" if share.low <= mean <= share.high else "outside")


def write_segments(evidence: CardEvidence) -> Section:
    """Each slice of the unseen rows by itself; what is too small is named, not assessed."""
    measured, few = evidence.measured, evidence.task.carriers_named
    if not measured.segments:
        return Section("Segments", (Sentences(("The model file names no segments, so that none was looked at.",)),))
    unassessed = sum(each.headline is None for each in measured.segments)
    assessed = f"{count(unassessed, 'holds', 'hold')} too few {few} to be assessed" if unassessed else f"each holds enough {few}"
    said = f"Slices of them, {len(measured.segments)} in all; {assessed}. The SQL reads them, and no model is fed with them."
    rows = tuple(_describe_segment(evidence, each) for each in measured.segments)
    headings = (
        "Segment",
        "Value",
        "Rows",
        head_labels(evidence),
        "Mean score",
        evidence.title,
    )
    return Section("Segments", (Sentences((said,)), Table(headings, rows, frozenset({2, 3, 4, 5}))))


def _describe_segment(evidence: CardEvidence, each: SegmentFigure) -> tuple[Cell, ...]:
    measured, labels = evidence.measured, write_labels(each.positives, each.rows, each.mean_label)
    return (
        Cell(each.segment),
        Cell(each.value),
        Cell(f"{each.rows:,}", share=each.rows / measured.rows if measured.rows else None),
        Cell(labels if each.positives is None else f"{each.positives:,} ({labels})"),
        Cell(write_mean(each.mean_score, each.positives)),
        Cell(write_interval(each.headline, f"too few {evidence.task.carriers_named}", evidence.metric)),
    )
