"""What may teach: every newly matured as_of is admitted, or rests, before anything is learned from it or compared on it.

Looking happens in `monitor`, before anything that came true is held against the champion, in `assemble`, and in `train` and
`compare` for whoever starts them alone. An as_of is looked at once as it stands; rebuilt with other checksums, it is looked at
again. It rests until it is repaired, a person decides, or, for a real change of the world must be learned, `rests_until` is
over on the run's clock: never for ever.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

from perennial import notices
from perennial.admit import AS_OFS_BEFORE, measure_as_of
from perennial.admit import admit as look_at
from perennial.config import Declaration, Model
from perennial.errors import AdmissionRefused, ArtifactCorrupt, VersionMissing
from perennial.metrics import enter_beside
from perennial.pipeline.champion import load_version, score_set
from perennial.pipeline.labelling import build_matured_labels
from perennial.pipeline.opening import Stores, recorded
from perennial.records import AdmissionEntry, AdmissionEvent, AsOfMeasures, Labelled, Notice, Run, Version
from perennial.stores import ledger, warehouse
from perennial.stores.sessions import Session, take_lock
from perennial.tasks import task_of

log = logging.getLogger(__name__)
Entries = dict[date, AdmissionEntry]
Built = Mapping[date, ledger.Built]


def admit_matured(stores: Stores, session: Session, declaration: Declaration, run: Run) -> Labelled:
    """Build the labels that have matured, look at each as_of that nobody has looked at as it stands, leave out what rests."""
    take_lock(session, "admission", run.model)
    labelled = build_matured_labels(session, declaration, run)
    entries, built = _read(session, run, labelled)
    looking = _Looking(stores, session, declaration, run)
    for day in labelled.days:
        entry = entries.get(day)
        if entry is None or _is_rebuilt(entry, built[day]):
            entries[day] = looking.look_at(day, built[day], entries)
        elif _is_over(entry, _today(declaration, run)):
            entries[day] = looking.release(entry)
    return _leave_out(labelled, {day: entry for day, entry in entries.items() if not entry.may_teach})


def find_teaching(session: Session, declaration: Declaration, run: Run) -> Labelled:
    """What a training could learn from, without looking: an as_of that nobody has looked at as it stands may teach yet."""
    labelled = build_matured_labels(session, declaration, run)
    entries, built = _read(session, run, labelled)
    today = _today(declaration, run)
    waiting = {
        day: entry
        for day, entry in entries.items()
        if not (entry.may_teach or _is_over(entry, today) or (day in built and _is_rebuilt(entry, built[day])))
    }
    return _leave_out(labelled, waiting)


def is_aside(model: Model, day: date, rested: Collection[date]) -> bool:
    """Do the labels of a scored day go with an as_of that is set aside? One between two that teach goes with the former."""
    return model.grid.newest_teaching(day) in rested


def _read(session: Session, run: Run, labelled: Labelled) -> tuple[Entries, Built]:
    if not labelled.days:
        return {}, {}
    since = labelled.days[0]
    return ledger.entries(session, run.model, since=since, clock=run.clock), ledger.checksums(session, run.model, since=since)


def _today(declaration: Declaration, run: Run) -> date:
    return run.clock.astimezone(declaration.model.zone).date()


def _is_rebuilt(entry: AdmissionEntry, built: ledger.Built) -> bool:
    """Does something else stand there than what was looked at? What a person rejected stays rejected."""
    looked_at = (entry.snapshot_checksum, entry.labels_checksum)
    return entry.event != "reject" and looked_at != (built.snapshot_checksum, built.labels_checksum)


def _teaches(entry: AdmissionEntry, built: ledger.Built) -> bool:
    return entry.may_teach and not _is_rebuilt(entry, built)


def _is_over(entry: AdmissionEntry, today: date) -> bool:
    return entry.rests_until is not None and today >= entry.rests_until


def _leave_out(labelled: Labelled, aside: Mapping[date, AdmissionEntry]) -> Labelled:
    rested = tuple(day for day in labelled.days if day in aside)
    sentences = (notices.say_why_aside(aside[day]) for day in rested)
    return replace(
        labelled,
        days=tuple(day for day in labelled.days if day not in aside),
        rested=rested,
        left_out=(*labelled.left_out, *sentences),
    )


@dataclass(frozen=True)
class _Looking:
    """One run that looks at as_ofs, oldest first; each is measured once."""

    stores: Stores
    session: Session
    declaration: Declaration
    run: Run
    measured: dict[date, AsOfMeasures | None] = field(default_factory=dict)

    def look_at(self, day: date, built: ledger.Built, entries: Mapping[date, AdmissionEntry]) -> AdmissionEntry:
        """Admit a day, or set it to rest; the owner is told of a rest, and of its end by a repair."""
        model = self.declaration.model
        nearby = model.grid.count_back(day, AS_OFS_BEFORE)
        measures = self.measure(day)
        teaching = (before for before in nearby if before in entries and entries[before].may_teach)
        before = {other: found for other in teaching if measures and (found := self.measure(other))}
        admission = look_at(model, day, measures, before)
        until = model.rests_until(_today(self.declaration, self.run)) if admission.rests else None
        entry = _enter(self.run, "rest" if admission.rests else "admit", admission.reason, built, day)
        entry = ledger.record_entry(self.session, replace(entry, rests_until=until), admission)
        log.info("admit %s, as_of %s: %s. %s", self.run.model, day, entry.event, entry.reason)
        if admission.rests:
            self._tell(notices.write_rest(entry, admission, self.run.as_of))
        elif (former := entries.get(day)) is not None and former.event == "rest":
            self._tell(notices.write_release(entry, former, self.run.as_of))
        return entry

    def release(self, entry: AdmissionEntry) -> AdmissionEntry:
        """Let a day teach whose rest is over, and tell the owner."""
        reason = f"It had rested since {entry.effective_at.astimezone(self.declaration.model.zone):%Y-%m-%d}, and nobody decided."
        built = ledger.Built(entry.snapshot_checksum, entry.labels_checksum)
        released = ledger.record_entry(self.session, _enter(self.run, "release", reason, built, entry.as_of))
        log.info("admit %s, as_of %s: release. %s", self.run.model, entry.as_of, reason)
        self._tell(notices.write_release(released, entry, self.run.as_of))
        return released

    def _tell(self, notice: Notice) -> None:
        ledger.put_notice(self.session, self.run, notice, self.declaration.model.owner)

    def measure(self, day: date) -> AsOfMeasures | None:
        """A labelled day against the scores of its time; None where there are none, or where nothing can be ranked."""
        if day not in self.measured:
            version = self._find_fit(day)
            self.measured[day] = None if version is None else self._measure(day, version)
        return self.measured[day]

    def _find_fit(self, day: date) -> Version | None:
        """The fit of that time, unless it had learned from the day: then its scores prove nothing about the labels."""
        model, instant = self.run.model, self.declaration.model.known_until(day)
        number = ledger.fit_of_that_time(self.session, model, day, instant)
        version = None if number is None else ledger.get_version(self.session, model, number)
        has_seen = version is not None and max(version.training_as_ofs) + self.declaration.model.horizon > day
        return None if has_seen else version

    def _measure(self, day: date, version: Version) -> AsOfMeasures | None:
        rows = warehouse.read_training_set(self.session, self.declaration, [day])
        published = warehouse.read_published(self.session, self.declaration, [day])
        if len(published) and rows.labels.index.isin(published.index).all():  # with a canary others scored some of the rows
            scores = published.reindex(rows.labels.index)
        else:
            try:
                scores = score_set(load_version(self.stores, version), rows)
            except (VersionMissing, ArtifactCorrupt) as lost:
                log.warning("admit %s, as_of %s: the fit of that time cannot score it any more. %s", self.run.model, day, lost)
                return None
        told = rows.weighing()
        labels = enter_beside(rows.labels, rows.beside)
        scores = enter_beside(scores, rows.beside)
        return measure_as_of(task_of(self.declaration.model), scores, labels, told.features.set_axis(labels.index))


def _enter(run: Run, event: AdmissionEvent, reason: str, built: ledger.Built, day: date) -> AdmissionEntry:
    return AdmissionEntry(
        model=run.model,
        as_of=day,
        event=event,
        reason=reason,
        snapshot_checksum=built.snapshot_checksum,
        labels_checksum=built.labels_checksum,
        rests_until=None,
        actor=run.actor,
        purpose=run.purpose,
        effective_at=run.clock,
    )


# What people decide
@recorded
def admit(stores: Stores, run: Run, *, reason: str) -> AdmissionEntry:
    """Let the as_of of the run teach from now on; one that does already stays as it is.

    Raises:
        AdmissionRefused: it is no as_of of the training, or has no labels yet.
    """
    return _decide(stores, run, "admit", reason)


@recorded
def reject(stores: Stores, run: Run, *, reason: str) -> AdmissionEntry:
    """Let the as_of of the run never teach, whatever is rebuilt, until a person admits it.

    Versions that have learned from it, and comparisons that were made on it, stay what they were.

    Raises:
        AdmissionRefused: it is no as_of of the training.
    """
    return _decide(stores, run, "reject", reason)


def place(stores: Stores, run: Run) -> Run:
    """The run of a person's word: on the clock of the simulation that looked at the as_of, if one did."""
    with stores.warehouse.transaction() as session:
        entry = ledger.entries(session, run.model, since=run.as_of, clock=run.clock).get(run.as_of)
    if entry is None or entry.purpose == "live":
        return run
    return replace(run, clock=entry.effective_at, purpose=entry.purpose)


def _decide(stores: Stores, run: Run, event: Literal["admit", "reject"], reason: str) -> AdmissionEntry:
    declaration = stores.declaration(run.model)
    with stores.warehouse.transaction() as session:
        take_lock(session, "admission", run.model)
        built = ledger.checksums(session, run.model, since=run.as_of).get(run.as_of)
        _check_known(declaration, run, event, built)
        assert built is not None
        entry = ledger.entries(session, run.model, since=run.as_of, clock=run.clock).get(run.as_of)
        if entry is not None and (_teaches(entry, built) if event == "admit" else entry.event == "reject"):
            return entry
        return ledger.record_entry(session, _enter(run, event, reason, built, run.as_of))


def _name_step(model: Model) -> str:
    return "month" if model.schedule.every == "month" else "week"


def _check_known(declaration: Declaration, run: Run, event: Literal["admit", "reject"], built: ledger.Built | None) -> None:
    model = declaration.model
    if run.as_of not in model.training_as_ofs(run.as_of, run.as_of):
        which = "" if model.schedule.every == "month" else f", that of {model.schedule.snapshot_weekday}"
        near = f"{model.grid.newest_teaching(run.as_of)} and {model.grid.next_teaching(run.as_of)}"
        raise AdmissionRefused(f"{run}: only one snapshot a {_name_step(model)} teaches{which}; the nearest are of {near}.")
    if built is None:
        raise AdmissionRefused(
            f"{run}: there is no snapshot of this day. `perennial backfill {run.model} --from {run.as_of} --to {run.as_of}` "
            "builds it."
        )
    if event == "admit" and built.labels_checksum is None:
        raise AdmissionRefused(f"{run}: its labels have not been built: the training after they have matured looks at it.")
