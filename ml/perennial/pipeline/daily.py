"""Every day: refresh -> validate -> score -> monitor; `scoring` has the third, `deciding` what follows, `reporting` the page."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from perennial import notices
from perennial.config import Declaration
from perennial.errors import NothingToDo, PermanentError, RegistryUnavailable, ValidationFailed
from perennial.monitor import ScoredDay, measure_drift, realise
from perennial.pipeline.admitting import admit_matured
from perennial.pipeline.champion import load_version, score_frame
from perennial.pipeline.deciding import stop
from perennial.pipeline.judging import check_requests
from perennial.pipeline.labelling import label_day
from perennial.pipeline.opening import Stores, recorded
from perennial.pipeline.profiling import find_profile
from perennial.pipeline.reporting import draw_report
from perennial.pipeline.walking import Walk
from perennial.records import (
    DriftCheck,
    Publication,
    Rejects,
    RuleResult,
    Run,
    Snapshot,
    Validation,
    Version,
)
from perennial.refresh import check_clock
from perennial.stores import ledger, warehouse
from perennial.stores.sessions import Session, take_lock
from perennial.tasks import find_published
from perennial.validate import SuiteFindings, SuiteName, check_bands, check_facts, conclude, load_suite, run_suite

log = logging.getLogger(__name__)


@recorded
def refresh(stores: Stores, run: Run) -> Snapshot:
    """Photograph the source as of the day: one row per entity, made only of facts known before it began.

    A day that is built anew must be validated anew. So an attempt that a later one overtook builds nothing: nobody would
    validate after it.
    """
    declaration = stores.declaration(run.model)
    check_clock(declaration.model, run)
    if run.purpose == "live":
        capture(stores, run)
    with stores.warehouse.transaction() as session:
        take_lock(session, run.model, run.as_of)
        if ledger.is_overtaken(session, run, "refresh", stores.attempt):
            return ledger.find_snapshot(session, run.model, run.as_of)
        warehouse.sync(session, declaration)
        return warehouse.build_snapshot(session, declaration, run)


def capture(stores: Stores, run: Run) -> tuple[warehouse.Capture, ...]:
    """Photograph the sources that are updated in place, as they stand now: what they hold is known from now on.

    Only a live run can: what stood there on a day of the past, nobody can tell.
    """
    with stores.warehouse.transaction() as session:
        return warehouse.capture_sources(session, stores.declaration(run.model), run.clock)


@recorded
def validate(stores: Stores, run: Run) -> Validation:
    """Put the snapshot before its suites: bad rows go to quarantine; without a few the day goes on, too many stop it."""
    declaration = stores.declaration(run.model)
    with stores.warehouse.transaction() as session:
        take_lock(session, run.model, run.as_of)  # nobody rebuilds the snapshot meanwhile, and a rerun waits for this one
        if (passed := _find_passed(session, run)) is not None:
            return passed
        validation, rejects = examine(session, declaration, run)
        if validation != ledger.find_validation(session, run.model, run.as_of):
            ledger.record_validation(session, run, validation)
        ledger.mark_snapshot(session, run, "valid" if validation.passed else "invalid")
        warehouse.quarantine_rows(session, declaration, run, rejects)
        if validation.passed:
            warehouse.remove_rejects(session, declaration, run, rejects)
            return validation
        because = notices.say_what_failed(validation)
        decision = stop(session, declaration, run, because, notices.find_rejected(validation))
    raise ValidationFailed(decision.sentence)


def _find_passed(session: Session, run: Run) -> Validation | None:
    """What was said of a snapshot that has passed and was not built again since: its rejects are in quarantine already."""
    if ledger.find_snapshot(session, run.model, run.as_of).status != "valid":
        return None
    return ledger.find_validation(session, run.model, run.as_of)


def examine(
    session: Session, declaration: Declaration, run: Run, *, known_as: str | None = None
) -> tuple[Validation, tuple[Rejects, ...]]:
    """What the suites and the count of rows say of the snapshot of a day, and the rows that they reject; nothing is recorded.

    Args:
        known_as: the model whose former days the rows are counted against, where this one bears a name for a trial.
    """
    quality, known = declaration.model.quality, known_as or run.model
    rows = ledger.find_snapshot(session, run.model, run.as_of).rows
    incomplete = warehouse.set_facts_aside(session, declaration, run, warehouse.feature_bounds(declaration.model, run.as_of))
    source, _ = run_suite_of(session, declaration, run, "source")
    if rows == 0:  # the sources have spoken: what emptied it is no outage
        return conclude(run, SuiteFindings(rows, (*check_facts(incomplete, quality), *source)), quality), ()
    snapshot, rejects = run_suite_of(session, declaration, run, "snapshot")
    accepted = ledger.newest_acceptance(session, known, run.as_of, "rows")
    since = accepted.as_of if accepted else None
    former = ledger.former_rows(session, known, run.as_of, limit=quality.history_snapshots, since=since)
    banded = check_bands(run, rows, former, quality, accepted)
    results = (*check_facts(incomplete, quality), *source, *snapshot, banded)
    return conclude(run, SuiteFindings(rows, results, rejects), quality), rejects


def block_publication(stores: Stores, declaration: Declaration, run: Run, champion: Version, because: str) -> None:
    """A stopped day is monitored too: what moved is in the mail that says why nothing was published."""
    check = _measure(stores, declaration, run, champion)
    with stores.warehouse.transaction() as session:
        ledger.record_drift_check(session, run, check)
        stop(session, declaration, run, because, notices.find_moved(check))
    with _spared(run, "drift report"):
        draw_report(stores, run, check)


@recorded
def monitor(stores: Stores, run: Run) -> DriftCheck:
    """Measure how good older scores turned out to be, look whether their labels may teach, and what the champion sees now.

    A day without a publication has no check of its own; what has matured is looked at all the same.
    """
    declaration = stores.declaration(run.model)
    _watch_canary(stores, run)
    _measure_outcomes(stores, declaration, run)
    _admit(stores, declaration, run)
    with stores.warehouse.transaction() as session:
        publication = ledger.live_publication(session, run.model, run.as_of)
        if publication is None:
            raise NothingToDo(f"{run}: nothing was published for this day; outcomes of older days are up to date.")
        version = ledger.get_version(session, run.model, publication.version)
    check = _measure(stores, declaration, run, version)
    with stores.warehouse.transaction() as session:
        if ledger.record_drift_check(session, run, check):  # the look of a rerun, or of a survivor, is nothing new
            ledger.record_event(session, run, "checked", version.version)
    return check


def _watch_canary(stores: Stores, run: Run) -> None:
    """Look at what requests to a canary came to, which waits for no labels: harm ends it."""
    try:
        check_requests(stores, run)
    except PermanentError as failure:
        log.warning("monitor %s: requests to the canary were not looked at. %s", run, failure)


def _measure_outcomes(stores: Stores, declaration: Declaration, run: Run) -> None:
    """Compare every publication whose labels have matured, or were rebuilt since, with them, one transaction each.

    One that cannot be measured stops neither the others nor the day; the next run tries again.
    """
    model = declaration.model
    with stores.warehouse.transaction() as session:
        waiting = ledger.without_outcome(session, run.model, until=run.as_of - model.horizon)
    matured = [publication for publication in waiting if model.matured_at(publication.as_of) <= run.clock]
    failures: list[str] = []
    for publication in matured:
        try:
            _measure_outcome(stores, declaration, run, publication)
        except PermanentError as failure:
            failures.append(str(failure))
    if failures:
        log.warning("monitor %s: publications that cannot be measured: %d, the newest: %s", run, len(failures), failures[-1])


def _admit(stores: Stores, declaration: Declaration, run: Run) -> None:
    """Look at what has matured; labels that cannot be built stop no check of the day: the decision and the training say so."""
    if run.purpose == "backfill":
        return
    try:
        with stores.warehouse.transaction() as session:
            admit_matured(stores, session, declaration, run)
    except (PermanentError, RegistryUnavailable) as failure:
        log.warning("monitor %s: nobody has looked at what has matured. %s", run, failure)


def _measure_outcome(stores: Stores, declaration: Declaration, run: Run, publication: Publication) -> None:
    with stores.warehouse.transaction() as session:
        label_day(session, declaration, run, publication.as_of)
        scores = warehouse.read_day(session, declaration, publication.as_of)
        labels = warehouse.read_labels(session, declaration.model, publication.as_of)
        beside = warehouse.read_beside(session, declaration.model, publication.as_of)
        realised = realise(declaration.model, publication, scores, labels, beside)
        ledger.record_outcome(session, run, publication, realised)
        for version in sorted({publication.version, ledger.champion(session, run.model) or publication.version}):
            ledger.record_event(session, run, "matured", version)  # who serves now may be a fit of the same recipe


def _measure(stores: Stores, declaration: Declaration, run: Run, version: Version) -> DriftCheck:
    """Effect sizes on all rows, against the profile of what the version was trained on."""
    with stores.warehouse.transaction() as session:
        current = warehouse.read_snapshot(session, declaration, run.as_of)
        is_restated = warehouse.is_restated(session, version)
    predictor = load_version(stores, version)
    walk = Walk(stores, declaration, run, version.training_as_ofs)
    reference = find_profile(walk, version, predictor)
    day = ScoredDay(
        model=declaration.model,
        as_of=run.as_of,
        version=version.version,
        scores=find_published(score_frame(predictor, current)),
        reference_mean_score=version.holdout_mean_score or reference.scores.mean,
    )
    return replace(measure_drift(reference, current, day), is_restated=is_restated)


@contextmanager
def _spared(run: Run, what: str) -> Iterator[None]:
    """What people look at may be missing: a check and a decision do not wait for it."""
    try:
        yield
    except RegistryUnavailable as error:
        log.warning("%s: the %s is missing until this stage runs again. %s", run, what, error)


def run_suite_of(
    session: Session, declaration: Declaration, run: Run, which: SuiteName
) -> tuple[tuple[RuleResult, ...], tuple[Rejects, ...]]:
    """What a suite of the model finds in the rows of the day, and the rows that it rejects."""
    suite = load_suite(declaration, which)
    with warehouse.open_audit(session, declaration, run.as_of, which, suite.windows) as engine:
        return run_suite(engine, suite)
