"""The verdict: from figures and objections to PROMOTE, REJECT or INCONCLUSIVE, in words that fit a mail."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import pandas as pd

from ml.compare.contest import LOGISTIC, ComparisonInput
from ml.compare.guards import object_to_baselines, object_to_precision, object_to_segments, praise_baselines, say_gain
from ml.compare.measures import AUC, compare_baselines, compare_metrics, compare_segments
from ml.compare.rows import FEWEST_AS_OFS, check_rows, judged_again_on
from ml.records import Interval, MetricComparison, Outcome, SegmentComparison, Verdict


@dataclass(frozen=True)
class Judgement:
    """An outcome with the sentence that decided and those that stand beside it."""

    outcome: Outcome
    reasons: tuple[str, ...]
    judged_again_on: date | None = None


def compare(contest: ComparisonInput) -> Verdict:
    """Decide whether the challenger may replace the champion, or become the first one.

    PROMOTE when the lower bound of the gain in AUC is above 0, the point estimate reaches the floor (`min_gain` of the
    champion's AUC) and nothing speaks against it; REJECT when the upper bound is below the floor; else INCONCLUSIVE.
    Without a champion the baselines alone decide. Too few as_ofs, of holdout or of training: INCONCLUSIVE.

    Raises:
        MisalignedScores: somebody's scores do not cover exactly the rows of the labels.
        RowsSeenInTraining: a row lies within the embargo of the training of one of the two.
        OneClassLabels: no as_of of the holdout has both classes.
        MetricNotFinite: a score or a metric is NaN or infinite.
    """
    unseen = check_rows(contest)
    if len(unseen) < FEWEST_AS_OFS:
        return _postpone(contest, unseen)
    metrics, baselines, segments = compare_metrics(contest), compare_baselines(contest), compare_segments(contest)
    judgement = _judge(contest, metrics, baselines, segments)
    return replace(_open_verdict(contest, judgement, unseen), metrics=metrics, baselines=baselines, segments=segments)


def _judge(
    contest: ComparisonInput,
    metrics: tuple[MetricComparison, ...],
    baselines: tuple[MetricComparison, ...],
    segments: tuple[SegmentComparison, ...],
) -> Judgement:
    limits = contest.model.promotion
    is_logistic = contest.challenger.algorithm == LOGISTIC
    objections = (
        *object_to_baselines(baselines, is_logistic=is_logistic),
        *object_to_segments(segments, limits),
        *object_to_precision(metrics, limits),
    )
    auc = next(metric for metric in metrics if metric.metric == AUC)
    judgement = (
        _judge_first(contest, objections)
        if auc.gain is None or auc.champion is None
        else _judge_gain(auc.gain, limits.min_gain * auc.champion, objections)
    )
    praise = () if objections else (praise_baselines(baselines, is_logistic=is_logistic),)
    judgement = replace(judgement, reasons=(*judgement.reasons, *praise, *_mention_unjudged(segments)))
    return _hold_for_history(contest, judgement)


def _judge_first(contest: ComparisonInput, objections: tuple[str, ...]) -> Judgement:
    if objections:
        return Judgement(Outcome.REJECT, (*objections, "There is no champion yet, and this is not fit to be the first."))
    return Judgement(Outcome.PROMOTE, (f"Version {contest.challenger.version} is fit to be the first champion.",))


def _judge_gain(gain: Interval, floor: float, objections: tuple[str, ...]) -> Judgement:
    said = f"The gain of {say_gain(gain, 'AUC')}"
    if gain.high < floor:
        return Judgement(Outcome.REJECT, (f"{said} does not reach the floor of {floor:+.4f}.", *objections))
    if gain.low > 0 and gain.estimate >= floor:
        sentence = f"{said} lies above 0 and reaches the floor of {floor:+.4f}."
        if objections:
            return Judgement(Outcome.INCONCLUSIVE, (*objections, sentence))
        return Judgement(Outcome.PROMOTE, (sentence,))
    return Judgement(Outcome.INCONCLUSIVE, (f"{said} {_say_doubt(gain, floor)}", *objections))


def _say_doubt(gain: Interval, floor: float) -> str:
    if gain.estimate >= floor:
        return f"reaches the floor of {floor:+.4f}, but its interval includes 0: it may be chance."
    if gain.low > 0:
        return f"is above 0, but below the floor of {floor:+.4f} that its interval includes."
    return f"settles nothing: its interval includes both 0 and the floor of {floor:+.4f}."


def _hold_for_history(contest: ComparisonInput, judgement: Judgement) -> Judgement:
    """Too short a history promotes nothing and rejects nothing: the next weeks bring one as_of each."""
    found, wanted = len(contest.challenger.training_as_ofs), contest.model.training.min_as_ofs
    if found >= wanted:
        return judgement
    again_on = contest.as_of + timedelta(days=7 * (wanted - found))
    sentence = f"It was trained on {found} as_ofs, and {wanted} are the fewest to promote on: there are enough from {again_on}."
    return Judgement(Outcome.INCONCLUSIVE, (sentence, *judgement.reasons), again_on)


def _postpone(contest: ComparisonInput, unseen: tuple[date, ...]) -> Verdict:
    again_on = judged_again_on(contest)
    when = "" if again_on is None else f": there are enough from {again_on}"
    newest = max(contestant.newest_as_of for contestant in contest.contestants)
    sentence = (
        f"{len(unseen)} as_ofs with labels lie {contest.model.embargo.days} days or more after {newest}, the last that "
        f"either was trained on, and {FEWEST_AS_OFS} are the fewest to judge on{when}."
    )
    return _open_verdict(contest, Judgement(Outcome.INCONCLUSIVE, (sentence,), again_on), unseen)


def _open_verdict(contest: ComparisonInput, judgement: Judgement, unseen: tuple[date, ...]) -> Verdict:
    """The verdict but for its figures."""
    labels = contest.labels[contest.labels.index.get_level_values("as_of").isin(pd.to_datetime(list(unseen)))]
    return Verdict(
        model=contest.model.name,
        as_of=contest.as_of,
        outcome=judgement.outcome,
        challenger_version=contest.challenger.version,
        champion_version=None if contest.champion is None else contest.champion.version,
        opponent="baselines" if contest.champion is None else "champion",
        holdout_as_ofs=unseen,
        rows=len(labels),
        positives=int(labels.sum()),
        metrics=(),
        baselines=(),
        segments=(),
        knowledge_lag_days=contest.knowledge_lag_days,
        reasons=(*judgement.reasons, *_mention_time(contest)),
        judged_again_on=judgement.judged_again_on,
    )


def _mention_unjudged(segments: tuple[SegmentComparison, ...]) -> tuple[str, ...]:
    unjudged = sum(not segment.is_judged for segment in segments)
    return (f"{unjudged} of {len(segments)} segments hold too few positives to be judged.",) if unjudged else ()


def _mention_time(contest: ComparisonInput) -> tuple[str, ...]:
    lag = (
        f"The newest rows it was trained on are of {contest.challenger.newest_as_of}, a knowledge lag of "
        f"{contest.knowledge_lag_days} days on {contest.as_of}."
    )
    mature_on = contest.shifted_labels_mature_on
    if mature_on is None:
        return (lag,)
    return (
        f"The labels of the shifted rows mature from {mature_on}: until then nothing can learn them or be judged on them.",
        lag,
    )
