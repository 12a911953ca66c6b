"""The decide stage: TRAIN, SKIP or BLOCK, as a pure function of evidence.

The order is BLOCK > nothing asks > cooldown > budget > nothing new to learn > TRAIN. Whether anything asks is looked
at before the cooldown only so that a quiet day says that it was quiet; the answer, SKIP, is the same either way.

Days are whole local days of the model. A cooldown of 7 days after a retraining asked for on 11-27 lasts through 12-04,
whatever the hour of either check, and the next may be asked for on 12-05. Only trainings that a decision asked for
cool down and use up the budget: were the weekly ones counted, a cooldown of 7 days would silence drift for good.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import isfinite
from zoneinfo import ZoneInfo

from perennial.config.serving import Monitoring
from perennial.records import Choice, Decision, DecisionEvidence

BUDGET_DAYS = 30
MOST_COLUMNS = 5  # named in a sentence; the mail's table has the rest


@dataclass(frozen=True)
class RuleAnswer:
    """What one rule says; `rule` is its name in the ledger."""

    choice: Choice
    rule: str
    sentence: str


@dataclass(frozen=True)
class Ask:
    """A reason to retrain: its name and its sentence."""

    rule: str
    sentence: str


Rule = Callable[[DecisionEvidence, Monitoring], RuleAnswer | None]


def decide(evidence: DecisionEvidence, monitoring: Monitoring) -> Decision:
    """The first rule that has an answer decides; the last one always has."""
    rules: tuple[Rule, ...] = (_block, _ask_nothing, _cool_down, _keep_to_budget, _learn_nothing_new)
    answers = (rule(evidence, monitoring) for rule in rules)
    answer = next((found for found in answers if found is not None), None) or _train(evidence, monitoring)
    return Decision(evidence.model, evidence.as_of, answer.choice, answer.rule, answer.sentence, evidence)


def find_asks(evidence: DecisionEvidence, limits: Monitoring) -> tuple[Ask, ...]:
    """Every reason to retrain that holds today, the most telling first."""
    if evidence.champion_version is None:
        return _ask_for_the_first(evidence)
    found = (
        _ask_for_drift(evidence, limits),
        _ask_for_loss(evidence, limits),
        _ask_for_rise(evidence, limits),
        _ask_for_calibration(evidence),
        _ask_for_age(evidence, limits),
    )
    return tuple(ask for ask in found if ask is not None)


# The rules, in their order
def _block(evidence: DecisionEvidence, _: Monitoring) -> RuleAnswer | None:
    if evidence.blocked_because is None:
        return None
    because = evidence.blocked_because.rstrip(". ")
    return RuleAnswer(
        Choice.BLOCK,
        "blocked",
        f"The scores of {evidence.as_of} were stopped: {because}. The former ones stay, and nothing is trained on such data.",
    )


def _ask_nothing(evidence: DecisionEvidence, limits: Monitoring) -> RuleAnswer | None:
    if find_asks(evidence, limits):
        return None
    if evidence.champion_version is None:
        return RuleAnswer(
            Choice.SKIP,
            "waiting_for_first",
            f"There is no champion yet, and no as_of that can teach has matured; the next does on {evidence.next_maturity}.",
        )
    if evidence.checks and evidence.checks[0]:
        sentence = f"{_count_checks(evidence, limits)}: {_say_what_moved(evidence, limits)}. It waits for the next check."
        return RuleAnswer(Choice.SKIP, "persistence", sentence)
    return RuleAnswer(Choice.SKIP, "quiet", f"Nothing asks for a retraining: {_say_what_moved(evidence, limits)}.")


def _cool_down(evidence: DecisionEvidence, limits: Monitoring) -> RuleAnswer | None:
    days = sorted(_local_day(evidence, instant) for instant in evidence.retrains)
    if not days or _today(evidence) > days[-1] + timedelta(days=limits.cooldown_days):
        return None
    last = days[-1] + timedelta(days=limits.cooldown_days)
    return RuleAnswer(
        Choice.SKIP,
        "cooldown",
        f"{_say_asks(evidence, limits)} But retraining was asked for on {days[-1]}, and the cooldown of "
        f"{limits.cooldown_days} days lasts through {last}: it may be asked for again on {last + timedelta(days=1)}.",
    )


def _keep_to_budget(evidence: DecisionEvidence, limits: Monitoring) -> RuleAnswer | None:
    opened = _today(evidence) - timedelta(days=BUDGET_DAYS)
    recent = sorted(day for instant in evidence.retrains if (day := _local_day(evidence, instant)) > opened)
    most = limits.max_retrains_per_30_days
    if len(recent) < most:
        return None
    again = f"; the next is free on {recent[-most] + timedelta(days=BUDGET_DAYS)}" if most else ""
    return RuleAnswer(
        Choice.SKIP,
        "budget",
        f"{_say_asks(evidence, limits)} But {len(recent)} retrainings were asked for within {BUDGET_DAYS} days, and {most} "
        f"are allowed{again}.",
    )


def _learn_nothing_new(evidence: DecisionEvidence, limits: Monitoring) -> RuleAnswer | None:
    newest, trained = evidence.newest_matured, evidence.newest_trained
    if newest is not None and (trained is None or newest > trained):
        return None
    had = "no as_of can teach yet" if trained is None else f"the last training had every as_of that can teach, up to {trained}"
    return RuleAnswer(
        Choice.SKIP,
        "nothing_new",
        f"{_say_asks(evidence, limits)} But {had}: the next labels mature on {evidence.next_maturity}."
        + "".join(f" Left out: {reason}" for reason in evidence.left_out[:1]),
    )


def _train(evidence: DecisionEvidence, limits: Monitoring) -> RuleAnswer:
    trained = "" if evidence.newest_trained is None else f", where the last training ended at {evidence.newest_trained}"
    sentence = f"{_say_asks(evidence, limits)} A retraining can learn from as_ofs up to {evidence.newest_matured}{trained}."
    asks = find_asks(evidence, limits)
    if asks[0].rule == "drift" and evidence.labels_mature_on is not None:
        sentence += f" The drifted rows themselves have no labels before {evidence.labels_mature_on}."
    return RuleAnswer(Choice.TRAIN, asks[0].rule, sentence)


# The reasons to retrain
def _ask_for_the_first(evidence: DecisionEvidence) -> tuple[Ask, ...]:
    if not evidence.matured_as_ofs:
        return ()
    return (Ask("first", f"There is no champion yet, and {evidence.matured_as_ofs} as_ofs have matured."),)


def _ask_for_drift(evidence: DecisionEvidence, limits: Monitoring) -> Ask | None:
    needed, checks = limits.persistence
    if sum(evidence.checks[:checks]) < needed:
        return None
    return Ask("drift", f"{_count_checks(evidence, limits)}: {_say_what_moved(evidence, limits)}.")


def _ask_for_loss(evidence: DecisionEvidence, limits: Monitoring) -> Ask | None:
    """NaN, from a day on which only one class came true, says nothing about the champion: it asks for nothing."""
    loss = evidence.auc_loss
    if loss is None or not isfinite(loss) or loss <= limits.max_auc_loss:
        return None
    return Ask(
        "realised_loss", f"The realised AUC lies at least {loss:.3f} below that on unseen rows (limit {limits.max_auc_loss})."
    )


def _ask_for_rise(evidence: DecisionEvidence, limits: Monitoring) -> Ask | None:
    """The same of amounts, which have units: as a share of what was promised."""
    rise = evidence.loss_rise
    if rise is None or not isfinite(rise) or rise <= limits.max_loss_rise:
        return None
    said = f"What came true is predicted at least {rise:.1%} worse than on unseen rows"
    return Ask("realised_loss", f"{said} (limit {limits.max_loss_rise:.0%}).")


def _ask_for_calibration(evidence: DecisionEvidence) -> Ask | None:
    alarm = evidence.calibration
    return None if alarm is None else Ask("calibration", f"{alarm.sentence} That is more than chance.")


def _ask_for_age(evidence: DecisionEvidence, limits: Monitoring) -> Ask | None:
    age = evidence.champion_age_days
    if age is None or age <= limits.max_fit_age_days:
        return None
    return Ask("age", f"The fit that serves is {age} days old (limit {limits.max_fit_age_days}): refreshes were missed.")


# The words
def _say_asks(evidence: DecisionEvidence, limits: Monitoring) -> str:
    return " ".join(ask.sentence for ask in find_asks(evidence, limits))


def _count_checks(evidence: DecisionEvidence, limits: Monitoring) -> str:
    needed, checks = limits.persistence
    recent = evidence.checks[:checks]
    ran = "the only check that ran" if len(recent) == 1 else f"{sum(recent)} of the last {len(recent)} checks"
    return f"Drift on {ran} ({needed} of {checks} ask for a retraining)"


def _say_what_moved(evidence: DecisionEvidence, limits: Monitoring) -> str:
    """Columns and scores of today; that the scores moved alone is worth saying, since no column then explains it."""
    share, shift = evidence.drifted_share, evidence.prediction_shift
    if share is None or shift is None:
        return "no check ran today"
    columns = f"{share:.0%} of the columns drifted (limit {limits.drifted_share:.0%})"
    most = limits.prediction_shift if evidence.shift_limit is None else evidence.shift_limit
    score = f"the mean score moved by {shift:+.1%} (limit {most:.0%})"
    if share > limits.drifted_share:
        return f"{columns}: {_name_columns(evidence.drifted_columns)}; {score}"
    if abs(shift) > most:
        return f"the prediction shift alone fired, {score}, while {columns}"
    return f"{columns}, {score}"


def _name_columns(columns: tuple[str, ...]) -> str:
    more = len(columns) - MOST_COLUMNS
    return ", ".join(columns[:MOST_COLUMNS]) + (f" and {more} more" if more > 0 else "")


# The days
def _local_day(evidence: DecisionEvidence, instant: datetime) -> date:
    return instant.astimezone(ZoneInfo(evidence.timezone)).date()


def _today(evidence: DecisionEvidence) -> date:
    return _local_day(evidence, evidence.clock)
