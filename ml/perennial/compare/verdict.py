"""The verdict: from figures and objections to PROMOTE, REJECT or INCONCLUSIVE, in words that fit a mail."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pandas as pd

from perennial.compare.assessment import Assessment
from perennial.compare.clusters import sum_by_cluster
from perennial.compare.contest import ComparisonInput
from perennial.compare.first import doubt_challenger, doubt_first, say_first
from perennial.compare.harm import Harm, assess_harm
from perennial.compare.measures import compare_metrics, compare_segments
from perennial.compare.rows import check_rows, compared_again_on, needed_as_ofs
from perennial.compare.superiority import assess_superiority
from perennial.records import Guard, MetricComparison, Outcome, SegmentComparison, Verdict


def compare(contest: ComparisonInput) -> Verdict:
    """Decide whether the challenger may replace the champion, or become the first one.

    Against a champion a sequential test of the gain decides (superiority.py); then everything that must not be harmed has its
    say, and too few as_ofs, to compare on or to learn from, are INCONCLUSIVE. Without a champion nothing is asked (first.py).

    Raises:
        MisalignedScores: somebody's scores do not cover exactly the rows of the labels.
        RowsSeenInTraining: a row lies within the embargo of what one of the two recipes was chosen on.
        OneClassLabels: no as_of has both classes, and there is a champion to compare with.
        MetricNotFinite: a score or a metric is NaN or infinite.
    """
    contest = sum_by_cluster(contest)
    unseen = check_rows(contest)
    if contest.champion is None and not contest.task.can_judge(contest.labels):
        opened = _open_verdict(contest, _assess_first(contest), unseen)
        return replace(opened, doubts=doubt_first(contest), warnings=_list_remarks(contest))
    if contest.champion is not None and len(unseen) < needed_as_ofs(contest):
        return _postpone(contest, unseen)
    metrics, segments = compare_metrics(contest), compare_segments(contest)
    harm = assess_harm(contest)
    assessment = _assess(contest, metrics, harm)
    unassessed = _mention_guards(harm.guards) if harm.guards else _mention_segments(segments, contest.task.carriers_named)
    assessment = replace(assessment, reasons=(*assessment.reasons, *unassessed))
    return replace(
        _open_verdict(contest, assessment, unseen),
        metrics=metrics,
        segments=segments,
        guards=harm.guards,
        blast_radius=harm.blast_radius,
        doubts=doubt_first(contest) if contest.champion is None else (*_doubt_challenger(contest), *harm.doubts),
        warnings=(*harm.warnings, *_list_remarks(contest)),
    )


def _doubt_challenger(contest: ComparisonInput) -> tuple[str, ...]:
    """Of the task, and of what the challenger reads."""
    task = contest.task
    doubts = task.doubt_scores(contest.challenger.scores, contest.labels)
    return (*task.doubts, *doubts, *doubt_challenger(contest))


def _list_remarks(contest: ComparisonInput) -> tuple[str, ...]:
    """What the training of the challenger had to say beside its suspicions, and the task of its scores."""
    trained = () if contest.choice is None else contest.choice.remarks
    return (*trained, *contest.task.remark_on(contest.challenger.scores, contest.labels))


def _assess(contest: ComparisonInput, metrics: tuple[MetricComparison, ...], harm: Harm) -> Assessment:
    if contest.champion is None:
        return _assess_first(contest)
    return _hold_for_history(contest, _assess_against_champion(contest, metrics, harm))


def _assess_first(contest: ComparisonInput) -> Assessment:
    return Assessment(Outcome.PROMOTE, (say_first(contest),))


def _assess_against_champion(contest: ComparisonInput, metrics: tuple[MetricComparison, ...], harm: Harm) -> Assessment:
    headline = next(metric for metric in metrics if metric.metric == contest.task.headline.name)
    assert headline.gain is not None
    assert headline.champion is not None
    assessment = assess_superiority(contest, headline.gain, contest.task.find_floor(headline.champion))
    if not (harm.vetoes and assessment.looks):  # without a look nothing is decided, not even against it
        return assessment
    return replace(assessment, outcome=Outcome.REJECT, reasons=(*harm.vetoes, *assessment.reasons), compared_again_on=None)


def _hold_for_history(contest: ComparisonInput, assessment: Assessment) -> Assessment:
    """Too short a history promotes nothing and rejects nothing: every step of the grid brings one as_of."""
    found, wanted = contest.challenger.learned_as_ofs, contest.model.training.min_as_ofs
    if found >= wanted:
        return assessment
    again_on = contest.model.grid.add(contest.as_of, wanted - found)
    sentence = f"It was trained on {found} as_ofs, and {wanted} are the fewest to promote on: there are enough from {again_on}."
    return replace(assessment, outcome=Outcome.INCONCLUSIVE, reasons=(sentence, *assessment.reasons), compared_again_on=again_on)


def _postpone(contest: ComparisonInput, unseen: tuple[date, ...]) -> Verdict:
    again_on = compared_again_on(contest)
    when = "" if again_on is None else f": there are enough from {again_on}"
    chosen_on = max((each.chosen_on for each in contest.contestants if each.chosen_on), default=contest.as_of)
    sentence = (
        f"{len(unseen)} as_ofs with labels lie {contest.model.embargo.days} days or more after {chosen_on}, the last that "
        f"either recipe was chosen on, and {needed_as_ofs(contest)} are the fewest to compare on{when}."
    )
    return _open_verdict(contest, Assessment(Outcome.INCONCLUSIVE, (sentence,), again_on), unseen)


def _open_verdict(contest: ComparisonInput, assessment: Assessment, unseen: tuple[date, ...]) -> Verdict:
    """The verdict but for its figures."""
    labels = contest.labels[contest.labels.index.get_level_values("as_of").isin(pd.to_datetime(list(unseen)))]
    return Verdict(
        model=contest.model.name,
        as_of=contest.as_of,
        outcome=assessment.outcome,
        challenger_version=contest.challenger.version,
        champion_version=None if contest.champion is None else contest.champion.version,
        challenger_recipe=contest.challenger.recipe,
        champion_recipe=None if contest.champion is None else contest.champion.recipe,
        holdout_as_ofs=unseen,
        rows=len(labels),
        positives=int(contest.task.carries(labels).sum()),
        metrics=(),
        segments=(),
        knowledge_lag_days=contest.knowledge_lag_days,
        reasons=(*assessment.reasons, *_mention_time(contest)),
        compared_again_on=assessment.compared_again_on,
        side="first" if contest.champion is None else "superiority",
        alpha=None if contest.test is None else contest.test.alpha,
        looks=assessment.looks,
    )


def _mention_guards(guards: tuple[Guard, ...]) -> tuple[str, ...]:
    unassessed = sum(guard.state == "not assessed" for guard in guards)
    return (f"{unassessed} of {len(guards)} guards not assessed: what they watch may be harmed unseen.",) if unassessed else ()


def _mention_segments(segments: tuple[SegmentComparison, ...], named: str) -> tuple[str, ...]:
    unassessed = sum(not segment.is_assessed for segment in segments)
    return (f"{unassessed} of {len(segments)} segments hold too few {named} to be assessed.",) if unassessed else ()


def _mention_time(contest: ComparisonInput) -> tuple[str, ...]:
    lag = (
        f"The newest rows it was trained on are of {contest.challenger.newest_as_of}, a knowledge lag of "
        f"{contest.knowledge_lag_days} days on {contest.as_of}."
    )
    mature_on = contest.shifted_labels_mature_on
    if mature_on is None:
        return (lag,)
    return (
        f"The labels of the shifted rows mature from {mature_on}: until then nothing can learn them or be assessed on them.",
        lag,
    )
