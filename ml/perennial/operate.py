"""What people do over several days: sync, backfill, bootstrap, replay, reconcile, and a table of what happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta

from perennial import pipeline
from perennial.config import Model, name_figure, write_figure
from perennial.errors import (
    AmbiguousAsOf,
    HistoryTooShort,
    NoChampionYet,
    NothingToDo,
    PermanentError,
    PublicationBlocked,
    ValidationFailed,
)
from perennial.pipeline import Stores
from perennial.records import Choice, Publication, Realised, Run, Snapshot
from perennial.score import is_stale
from perennial.stores import ledger, warehouse

LOST_DAYS = 30


def sync(stores: Stores, model: str) -> tuple[str, ...]:
    """Make or alter the tables and views of a model; a sentence for each change."""
    with stores.warehouse.transaction() as session:
        return warehouse.sync(session, stores.declaration(model))


@dataclass(frozen=True)
class LeftOut:
    """A day of the past that its suites stopped: it stays invalid and teaches nothing, and the others go on."""

    as_of: date
    reason: str

    def facts(self) -> dict[str, object]:
        """What a shell shows."""
        return {"as_of": self.as_of.isoformat(), "left_out": self.reason}


def backfill(stores: Stores, name: str, first: date, last: date) -> Iterator[Snapshot | LeftOut]:
    """Build and validate the snapshots of the training weekdays in [first, last], oldest first; nothing is scored or mailed."""
    yield from _backfill_days(stores, name, stores.declaration(name).model.training_as_ofs(first, last))


def _backfill_days(stores: Stores, name: str, days: tuple[date, ...]) -> Iterator[Snapshot | LeftOut]:
    model = stores.declaration(name).model
    for as_of in days:
        run = Run(name, as_of, clock=model.known_until(as_of), purpose="backfill")
        snapshot = pipeline.refresh(stores, run)
        try:
            pipeline.validate(stores, run)
        except ValidationFailed as failure:
            yield LeftOut(as_of, str(failure))
        else:
            yield snapshot


def check_days(stores: Stores, name: str, first: date, last: date) -> None:
    """Refuse a period in which nothing teaches.

    Raises:
        AmbiguousAsOf: names the as_ofs around it.
    """
    grid = stores.declaration(name).model.grid
    if not grid.teaching(first, last):
        raise AmbiguousAsOf(
            f"{name}: no as_of that teaches lies from {first} to {last}; the nearest are {grid.newest_teaching(first)} and "
            f"{grid.next_teaching(max(first, last))}."
        )


def bootstrap(stores: Stores, run: Run) -> Iterator[object]:
    """Everything up to the first champion: history, labels, training, promotion.

    The history ends the day before: later trainings will want what has not matured yet, too.

    Raises:
        HistoryTooShort: no as_of whose labels have matured lies within history.
        RegistryUnavailable, VersionMissing: MLflow could not keep the training.
    """
    today = run.clock.astimezone(stores.declaration(run.model).model.zone).date()
    pipeline.check_registry(stores, run.model)
    sync(stores, run.model)
    days = list_usable_days(stores, replace(run, as_of=min(run.as_of, today)))
    yield from _backfill_days(stores, run.model, days)
    yield pipeline.train(stores, run)
    yield pipeline.compare(stores, run)
    yield pipeline.promote(stores, run)


def list_usable_days(stores: Stores, run: Run) -> tuple[date, ...]:
    """The as_ofs before that of `run` which teach, which a training for it or a later one uses, and whose windows lie in history.

    Raises:
        HistoryTooShort: there is none whose labels have matured.
    """
    declaration = stores.declaration(run.model)
    newest = declaration.model.latest_matured(run.clock)
    with stores.warehouse.transaction() as session:
        covered = warehouse.first_covered_day(session, declaration)
    if covered > newest:
        raise HistoryTooShort(
            f"{run}: the first day whose windows lie within the history that was known by then is {covered}, and labels have "
            f"matured up to {newest}. Wait, or load older history; what was loaded in bulk needs known_from in the model file."
        )
    return declaration.model.bootstrap_as_ofs(covered, newest, run.as_of)


@dataclass(frozen=True)
class Week:
    """One day of a model as the ledger remembers it; empty where nothing happened."""

    as_of: date
    rows: int | None
    version: int | None
    realised: str
    metric: str
    drift: str
    decision: str
    mail: str

    def facts(self) -> dict[str, object]:
        """The columns of a table."""
        return {
            "as_of": self.as_of.isoformat(),
            "rows": "" if self.rows is None else self.rows,
            "champion": "" if self.version is None else self.version,
            name_figure(self.metric): self.realised,
            "drift": self.drift,
            "decision": self.decision,
            "mail": self.mail,
        }


def replay(stores: Stores, name: str, first: date, last: date) -> Iterator[Week]:
    """Live the training weekdays in [first, last] in this process: each day as Airflow would, with a retraining on each.

    The clock stands at start(as_of) + settle. A blocked day is left behind, as it would be by Airflow.
    """
    model = stores.declaration(name).model
    for as_of in model.training_as_ofs(first, last):
        live_day(stores, Run(name, as_of, clock=model.known_until(as_of), purpose="simulation"))
        yield remember(stores, name, as_of)


def live_day(stores: Stores, run: Run) -> None:
    """One day in the order of the DAGs: refresh, validate, score, monitor, decide, and then the week's retraining."""
    pipeline.refresh(stores, run)
    try:
        pipeline.validate(stores, run)
        _publish(stores, run)
    except (ValidationFailed, PublicationBlocked, NoChampionYet):
        return  # the former scores stay, and the ledger says why
    except NothingToDo:
        pass  # an empty cohort: nothing was published, and so nothing is monitored
    else:
        pipeline.monitor(stores, run)
        pipeline.decide(stores, run)
        pipeline.draw_page(stores, run)
    retrain(stores, run)


def _publish(stores: Stores, run: Run) -> None:
    """Score the day; without a champion, train the first one before."""
    try:
        pipeline.score(stores, run)
    except NoChampionYet:
        retrain(stores, run)
        pipeline.score(stores, run)


def retrain(stores: Stores, run: Run) -> None:
    """Refit what serves, look for a challenger, compare, promote; having nothing to do at any of these is no fault."""
    makes: tuple[Callable[[Stores, Run], object], ...] = (pipeline.refit, pipeline.train)
    with suppress(NothingToDo):
        pipeline.assemble(stores, run)
        for stage in makes:
            with suppress(NothingToDo):
                stage(stores, run)
        pipeline.compare(stores, run)
        pipeline.promote(stores, run)


def remember(stores: Stores, name: str, as_of: date) -> Week:
    """What the ledger knows of a day."""
    model = stores.declaration(name).model
    with stores.warehouse.transaction() as session:
        publication = ledger.live_publication(session, name, as_of)
        checks = ledger.last_checks(session, name, as_of, limit=1)
        decisions = ledger.decisions_of(session, name, as_of)
        outcome = ledger.outcome_of(session, publication) if publication else None
        notices = ledger.notices_of(session, name, as_of)
    check = checks[0] if checks and checks[0].as_of == as_of else None
    return Week(
        as_of=as_of,
        rows=publication.rows if publication else None,
        version=publication.version if publication else None,
        metric=model.headline,
        realised=_show_headline(outcome) if outcome else f"from {model.matured_on(as_of)}" * (publication is not None),
        drift=f"{check.drifted_share:.0%} of columns, mean score {check.prediction_shift:+.1%}" if check else "",
        decision=", then ".join(f"{decision.choice} ({decision.rule})" for decision in decisions),
        mail=", ".join(notices),
    )


def _show_headline(outcome: Realised) -> str:
    metric, found = outcome.headline
    value, low, high = (write_figure(metric, part) for part in (found.estimate, found.low, found.high))
    return f"{value} [{low}, {high}]"


# Lost days
@dataclass(frozen=True)
class LostDay:
    """A day on which something was lost: `missing` names the stage that never ran (or the alias), `outcome` what came of it."""

    model: str
    as_of: date
    missing: str
    outcome: str

    @property
    def has_failed(self) -> bool:
        """It was started, and is not done."""
        return self.outcome not in ("waits", "done")

    def facts(self) -> dict[str, object]:
        """The columns of a table."""
        return {"model": self.model, "as_of": self.as_of.isoformat(), "missing": self.missing, "outcome": self.outcome}


def reconcile(stores: Stores, run: Run, *, start: bool) -> tuple[LostDay, ...]:
    """End what processes that are gone left, settle the alias, name what was lost up to the run's as_of, and start it."""
    pipeline.mark_lost(stores, run.clock, run.model)
    silence = pipeline.settle_or_trust(stores, run)
    alias = (LostDay(run.model, run.as_of, "alias", silence),) if silence else ()
    return alias + tuple(_start(stores, run, lost) if start else lost for lost in find_lost(stores, run))


def find_lost(stores: Stores, run: Run) -> tuple[LostDay, ...]:
    """Snapshots that training will want and nobody built, valid ones without scores, scores without a check, and decisions
    to train that nobody followed, up to the run's as_of; nothing is changed.
    """
    model, last = stores.declaration(run.model).model, run.as_of
    since = last - max(timedelta(days=LOST_DAYS), 2 * model.grid.period)
    with stores.warehouse.transaction() as session:
        newest = ledger.newest_publication(session, run.model)
        days = {
            "refresh": ledger.unbuilt_days(session, run.model, model.training_as_ofs(since, last - timedelta(days=1))),
            "score": ledger.unpublished_days(session, run.model, since=since),
            "monitor": ledger.unchecked_days(session, run.model, since=since),
            "train": ledger.untrained_days(session, run.model, since=since),
        }
    days |= {stage: tuple(filter(model.grid.is_as_of, days[stage])) for stage in ("score", "monitor")}
    if run.purpose == "live":
        days["score"] = _find_scorable(model, run, days["score"], newest)
    return tuple(LostDay(run.model, day, stage, "waits") for stage in days for day in days[stage] if day <= last)


def _find_scorable(model: Model, run: Run, days: tuple[date, ...], newest: Publication | None) -> tuple[date, ...]:
    """The days that may still be scored live: one that is too old by now is closed as soon as there is a newer one."""
    latest = max((*days, newest.as_of) if newest else days, default=None)
    return tuple(day for day in days if day == latest or not is_stale(model, replace(run, as_of=day)))


def _start(stores: Stores, run: Run, lost: LostDay) -> LostDay:
    model = stores.declaration(run.model).model
    own = replace(run, as_of=lost.as_of, clock=run.clock if run.purpose == "live" else model.known_until(lost.as_of))
    follow = {"refresh": _build, "score": _score, "monitor": _monitor, "train": retrain}
    try:
        follow[lost.missing](stores, own)
    except PermanentError as error:
        return replace(lost, outcome=str(error))
    return replace(lost, outcome="done")


def _build(stores: Stores, run: Run) -> None:
    """As history: the day is not scored any more."""
    list(backfill(stores, run.model, run.as_of, run.as_of))


def _score(stores: Stores, run: Run) -> None:
    pipeline.score(stores, run)
    _monitor(stores, run)


def _monitor(stores: Stores, run: Run) -> None:
    """No DAG waits for what a shell decides: it trains by itself."""
    pipeline.monitor(stores, run)
    choice = pipeline.decide(stores, run).choice
    pipeline.draw_page(stores, run)
    if choice is Choice.TRAIN:
        retrain(stores, run)
