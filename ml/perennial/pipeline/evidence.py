"""What `decide` looks at, gathered from the ledger on the clock of the run."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from perennial.config import Declaration, Model
from perennial.monitor import watch_calibration
from perennial.pipeline.admitting import is_aside
from perennial.records import CalibrationAlarm, Choice, DecisionEvidence, DriftCheck, Run, SearchHistory, Version
from perennial.stores import ledger
from perennial.stores.sessions import Session
from perennial.tasks import Worse, task_of

BUDGET_DAYS = 30
WATCHED = timedelta(days=730)


def gather(
    session: Session,
    model: Model,
    run: Run,
    *,
    matured: tuple[date, ...],
    rested: tuple[date, ...] = (),
    blocked_because: str | None = None,
) -> DecisionEvidence:
    """All evidence for the decision of the day; with `blocked_because` the decision is BLOCK whatever else there is.

    Args:
        matured: the as_ofs that a training could learn from, oldest first.
        rested: those that are set aside: what came true on them says nothing against the champion.
    """
    champion = find_serving(session, run)
    trained = ledger.last_training(session, model.name, before=run.as_of)
    checks = ledger.last_checks(session, model.name, run.as_of, limit=model.monitoring.persistence[1])
    today = next((check for check in checks if check.as_of == run.as_of), None)
    worse = measure_worse(session, model, run, champion, rested) if champion else Worse()
    return DecisionEvidence(
        model=model.name,
        as_of=run.as_of,
        clock=run.clock,
        blocked_because=blocked_because,
        champion_version=champion.version if champion else None,
        champion_age_days=_measure_age(session, model, run, champion),
        checks=tuple(check.is_drifted for check in checks),
        drifted_share=today.drifted_share if today else None,
        prediction_shift=today.prediction_shift if today else None,
        shift_limit=today.shift_limit if today else None,
        drifted_columns=tuple(f.column for f in today.features if f.is_drifted and f.can_trigger) if today else (),
        auc_loss=worse.points,
        loss_rise=worse.share,
        last_training_at=trained.effective_at if trained else None,
        retrains=_asked_trainings(session, model, run),
        newest_matured=matured[-1] if matured else None,
        newest_trained=_find_newest_learned(champion, trained),
        next_maturity=_next_maturity(model, run.clock),
        labels_mature_on=labels_of_shift_mature_on(model, checks),
        timezone=model.timezone,
        matured_as_ofs=len(matured),
        calibration=find_calibration_alarm(session, model, run, champion, rested) if champion else None,
    )


def _measure_age(session: Session, model: Model, run: Run, champion: Version | None) -> int | None:
    """Days since the serving fit was made; None where people want it to grow old: then no refresh was missed."""
    if champion is None or model.refreshes == "never" or ledger.find_pin(session, run.model) is not None:
        return None
    return (run.as_of - champion.trained_for).days


def _find_newest_learned(champion: Version | None, trained: Version | None) -> date | None:
    """The newest as_of that the serving fit has learned from; before the first champion, that the last training had."""
    fit = champion or trained
    return max(fit.training_as_ofs) if fit else None


def find_serving(session: Session, run: Run) -> Version | None:
    """The champion on the run's clock: today's, or for a backfill the one of that date."""
    number = (
        ledger.champion_at(session, run.model, run.clock) if run.purpose == "backfill" else ledger.champion(session, run.model)
    )
    return None if number is None else ledger.get_version(session, run.model, number)


def look_back(session: Session, run: Run, declaration: Declaration, champion: Version | None) -> SearchHistory:
    """What decides whether the training of the day searches: all of it is older than the day, so that a rerun does the same."""
    last = ledger.last_search(session, run.model, before=run.as_of)
    decision = ledger.find_decision(session, run.model, run.as_of)
    return SearchHistory(
        champion=None if champion is None else champion.parameters,
        last_search=last.tuning if last else None,
        days_since=(run.as_of - last.trained_for).days if last else 0,
        is_asked_by_drift=decision is not None and decision.choice is Choice.TRAIN,
        query_hash=declaration.query_hash,
    )


def measure_worse(session: Session, model: Model, run: Run, champion: Version, rested: tuple[date, ...]) -> Worse:
    """How far the newest realised headline of the champion's recipe lies from what its earlier fits reached on days that they had
    not seen, the benefit of doubt given: its better end.

    A day that is set aside is no evidence: the newest one before it that is not counts.
    """
    limit = 1 + 7 * len(rested)
    outcomes = ledger.outcomes(session, run.model, recipe=champion.recipe, known_by=run.clock, limit=limit)
    newest = next((outcome for outcome in outcomes if not is_aside(model, outcome.as_of, rested)), None)
    if champion.holdout_headline is None or newest is None:
        return Worse()
    return task_of(model).find_worse(champion.holdout_headline, newest.headline[1])


def find_calibration_alarm(
    session: Session, model: Model, run: Run, champion: Version, rested: tuple[date, ...]
) -> CalibrationAlarm | None:
    """The newest alarm of the last two years that the champion, by its date, cannot have learned from.

    What came true on a day that is set aside is no evidence; nor is a sum where scores are medians.
    """
    if not task_of(model).says_means:
        return None
    found = ledger.matured_rates(session, run.model, known_by=run.clock, since=run.as_of - WATCHED, zone=model.timezone)
    rates = [rate for rate in found if not is_aside(model, rate.as_of, rested)]
    alarm = watch_calibration(
        rates, horizon=model.horizon, budget=model.monitoring.calibration_budget, period=model.grid.shortest_period
    )
    return alarm if alarm is not None and champion.trained_for < alarm.known_on else None


def labels_of_shift_mature_on(model: Model, checks: tuple[DriftCheck, ...]) -> date | None:
    """The day on which the first of the drifted snapshots gets labels; `checks` stand newest first."""
    first = None
    for check in checks:
        if not check.is_drifted:
            break
        first = check.as_of
    return None if first is None else model.matured_at(first).astimezone(model.zone).date()


def _asked_trainings(session: Session, model: Model, run: Run) -> tuple[datetime, ...]:
    since = run.as_of - timedelta(days=max(BUDGET_DAYS, model.monitoring.cooldown_days))
    return ledger.asked_trainings(session, run.model, since=since, before=run.as_of)


def _next_maturity(model: Model, clock: datetime) -> date:
    return model.next_matured_on(model.latest_matured(clock))
