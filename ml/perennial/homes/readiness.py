"""`perennial check` on the tables of the installation: is this model ready for its first training, and if not, what is to mend?

It reads in the order in which a model comes to life: sources, the day to look at, history, arrivals, the snapshot and what it
costs, labels, suites, and the point-in-time law on copies of a sample. What cannot be looked at without the former is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from functools import partial
from time import perf_counter

from perennial.config import Declaration, Model
from perennial.errors import ConfigError, LabelsIncomplete, PermanentError
from perennial.homes import saying
from perennial.homes.checked import Checked, Finding
from perennial.homes.real_tables import disguise, open_rolled_back, open_trial, open_undone, reveal
from perennial.homes.rules import (
    RULES,
    Rule,
    Subject,
    compare_snapshots,
    the_columns_of_its_snapshot_suite_exist,
    the_columns_of_its_source_suite_exist,
)
from perennial.metrics import enter_beside, index_day
from perennial.records import Rejects, RuleResult, Run
from perennial.records.profiles import Delivery
from perennial.stores import ledger, warehouse
from perennial.stores.sessions import Database, Session
from perennial.stores.warehouse.arrivals import measure_arrivals, read_newest, read_recent_days
from perennial.stores.warehouse.capturing import describe_captures
from perennial.stores.warehouse.costing import explain_features
from perennial.stores.warehouse.perturbing import delete_recorded, find_recorded
from perennial.stores.warehouse.relations import resolve
from perennial.stores.warehouse.sampling import copy_sample
from perennial.stores.warehouse.tables import sync_tables
from perennial.validate import SuiteFindings, SuiteName, check_facts, conclude, load_suite, run_suite

LAW = RULES[4:]
"""The rules that change facts: they run on copies; what the first four ask is asked of the real day."""


def examine(database: Database, declaration: Declaration, clock: datetime, as_of: date | None = None) -> Iterator[Checked]:
    """Look at everything; the last word says whether the model is ready, and what comes next.

    Args:
        database: the warehouse, as role pipeline; nothing is left in it.
        declaration: the model with its files.
        clock: the time on the wall.
        as_of: the day to look at; else the newest training as_of whose labels have matured by what the tables hold.
    """
    with open_rolled_back(database) as session:
        yield from _Examination(session, declaration, disguise(session, declaration), clock).run(as_of)


@dataclass
class _Examination:
    """One model in one transaction, and what was found so far."""

    session: Session
    declared: Declaration
    declaration: Declaration  # under the name of this check
    clock: datetime
    newest: Mapping[str, datetime] = field(default_factory=dict)
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    first: date = date.min  # the as_of that a first training is given
    is_simulated: bool = False
    as_of: date = date.min
    faults: list[str] = field(default_factory=list)
    advice: int = 0

    @property
    def model(self) -> Model:
        return self.declaration.model

    @property
    def run_at(self) -> Run:
        return Run(self.model.name, self.as_of, self.model.known_until(self.as_of), "simulation")

    def run(self, as_of: date | None) -> Iterator[Checked]:
        for checked in self._look(as_of):
            self.faults += [checked.rule] if checked.fault else []
            self.advice += bool(checked.advice)
            yield checked
        yield self._conclude()

    def _look(self, as_of: date | None) -> Iterator[Checked]:
        for name in self.model.sources:
            yield self._try(f"source {name} can be read", partial(self._read_source, name))
        if self.faults:
            return
        yield self._try("there is a day to look at", partial(self._choose_day, as_of))
        if self.faults:
            return
        yield self._try("history is long enough", self._measure_history)
        for name in self.newest:
            yield self._try(f"facts of {name} arrive in time", partial(self._measure_arrivals, name))
        yield from self._look_at_the_day()

    def _look_at_the_day(self) -> Iterator[Checked]:
        before = len(self.faults)
        yield self._try("columns fit the tables that there are", self._make_tables)
        if len(self.faults) == before:
            yield self._try("a snapshot of the day has one row per entity", self._build)
        if len(self.faults) > before:
            return
        built = len(self.faults)
        yield self._try("labels cover the whole cohort", self._label)
        has_labels = len(self.faults) == built
        yield from self._look_at_suites()
        yield from self._look_at_the_law(has_labels=has_labels)

    def _look_at_suites(self) -> Iterator[Checked]:
        before = len(self.faults)
        for rule in (the_columns_of_its_source_suite_exist, the_columns_of_its_snapshot_suite_exist):
            yield self._try(saying.describe(rule), partial(self._keep, rule, self.declaration))
        if len(self.faults) == before:
            yield self._try("its source suite passes", self._run_source_suite)
            yield self._try("its snapshot suite passes", self._run_snapshot_suite)

    def _look_at_the_law(self, *, has_labels: bool) -> Iterator[Checked]:
        sampled: list[Declaration] = []
        yield self._try("a sample of the facts can be copied", partial(self._copy, sampled))
        for copies in sampled:
            for rule in LAW if self._has_facts else ():
                if has_labels or not rule.__name__.startswith("labels"):
                    yield self._try(saying.describe(rule), partial(self._keep, rule, copies))
            yield self._try("static tables hold nothing of the future", partial(self._take_the_future_out, copies))

    @property
    def _has_facts(self) -> bool:
        """Is there a source whose facts can be changed? What was captured is Perennial's own and stays as it is."""
        return any(source.is_dated and source.times != "captured" for source in self.model.sources.values())

    # One look each
    def _read_source(self, name: str) -> Finding:
        relation = resolve(self.session, self.model, name)
        since = describe_captures(self.session, self.model).get(name, {}).get("since") if self._is_captured(name) else None
        return saying.describe_source(relation, since)

    def _is_captured(self, name: str) -> bool:
        return self.model.sources[name].times == "captured"

    def _choose_day(self, as_of: date | None) -> Finding:
        self.newest = read_newest(self.session, self.declaration)
        absent = self.model.label.absence_of
        told = [self.newest[absent]] if absent and absent in self.newest else list(self.newest.values())
        until = min(self.clock, max(told, default=self.clock))
        self.as_of = as_of or self.model.latest_matured(until)
        if self.model.matured_at(self.as_of) > self.clock:
            raise ConfigError(
                f"the labels of {self.as_of} mature only at {self.model.matured_at(self.as_of)}: choose an earlier day with "
                "--as-of, or leave it out."
            )
        self._look_at_deliveries()
        return Finding(f"as_of {self.as_of}; facts are known up to {until:%Y-%m-%d %H:%M} UTC")

    @property
    def _today(self) -> date:
        return self.clock.astimezone(self.model.zone).date()

    def _look_at_deliveries(self) -> None:
        """How each source is filled, and so which day is the first."""
        recent = {
            name: read_recent_days(self.session, resolve(self.session, self.model, name), self._today) for name in self.newest
        }
        self.deliveries = {name: Delivery.of(*days) for name, days in recent.items() if all(days)}
        together = [set().union(*days) for days in zip(*(days for days in recent.values() if all(days)), strict=True)]
        self.first = self._today
        if together:
            delivery = Delivery.of(*together)
            self.first, self.is_simulated = delivery.choose_as_of(self._today), delivery.is_at_rest(self._today)

    def _measure_history(self) -> Finding:
        covered = warehouse.first_covered_day(self.session, self.declaration)
        return saying.describe_history(self.model, covered, self.model.latest_matured(self._find_end()))

    def _find_end(self) -> datetime:
        """Until when the tables tell: the newest fact, or now."""
        return min(self.clock, max(self.newest.values(), default=self.clock))

    def _measure_arrivals(self, name: str) -> Finding:
        relation = resolve(self.session, self.model, name)
        arrivals = measure_arrivals(self.session, relation, self.as_of)
        age = self.clock - self.newest[name]
        delivery = self.deliveries.get(name)
        is_overdue = age > self.model.freshness and (delivery is None or delivery.is_overdue(self._today))
        tells_delay = not self._is_captured(name)  # a photograph of the same rows adds none: silence is no delay
        silence = age if is_overdue and tells_delay else None
        wait_days = delivery.longest_wait if delivery else 1
        past = saying.name_day(self.declared.model.name, self.first, is_simulated=True) if self.is_simulated else ""
        return saying.describe_arrivals(self.model, name, arrivals, silence=silence, wait_days=wait_days, past=past)

    def _make_tables(self) -> Finding:
        """In tables of this check alone; those of the model are only looked at."""
        sync_tables(self.session, self.declaration)
        columns = warehouse.read_columns(self.session, self.model.name)
        former = warehouse.read_columns(self.session, self.declared.model.name)
        new = warehouse.check_columns(self.declared.model.name, former, columns) if former else ()
        return Finding(f"{len(columns)} columns" + (f", of them new: {', '.join(column.name for column in new)}" if new else ""))

    def _build(self) -> Finding:
        begun = perf_counter()
        snapshot = warehouse.build_snapshot(self.session, self.declaration, self.run_at)
        seconds = perf_counter() - begun
        scans = explain_features(self.session, self.declaration, self.as_of, is_run=seconds < saying.SLOW_SECONDS)
        return saying.describe_cost(snapshot.rows, seconds, scans, self._count_days())

    def _count_days(self) -> int:
        """Those that the bootstrap which is named at the end will build."""
        clock = self.model.known_until(self.first) if self.is_simulated else self.clock
        newest = self.model.latest_matured(clock)
        covered = warehouse.first_covered_day(self.session, self.declaration)
        return len(self.model.bootstrap_as_ofs(covered, newest, self.first))

    def _label(self) -> Finding:
        missing = warehouse.find_undelivered(self.session, self.declaration, [self.as_of], self.clock)
        if missing:
            raise LabelsIncomplete(missing[self.as_of])
        warehouse.build_labels(self.session, self.declaration, self.run_at, self.as_of)
        columns = {"label": warehouse.read_labels(self.session, self.model, self.as_of)}
        columns |= warehouse.read_beside(self.session, self.model, self.as_of)
        known = {name: column.set_axis(index_day(column.index, self.as_of)) for name, column in columns.items()}
        return saying.describe_labels(self.model, enter_beside(known.pop("label"), known))

    def _run_source_suite(self) -> Finding:
        bounds = warehouse.feature_bounds(self.model, self.as_of)
        incomplete = warehouse.set_facts_aside(self.session, self.declaration, self.run_at, bounds)
        results, _ = self._run_suite("source")
        return self._weigh("source", (*check_facts(incomplete, self.model.quality), *results))

    def _run_snapshot_suite(self) -> Finding:
        return self._weigh("snapshot", *self._run_suite("snapshot"))

    def _run_suite(self, which: SuiteName) -> tuple[tuple[RuleResult, ...], tuple[Rejects, ...]]:
        suite = load_suite(self.declared, which)
        with warehouse.open_audit(self.session, self.declaration, self.as_of, which, suite.windows) as engine:
            return run_suite(engine, suite)

    def _weigh(self, which: SuiteName, results: tuple[RuleResult, ...], rejects: tuple[Rejects, ...] = ()) -> Finding:
        rows = max(result.rows for result in results)
        validation = conclude(self.run_at, SuiteFindings(rows, results, rejects), self.model.quality)
        return saying.describe_suite(self.declared.model.name, which, validation)

    def _copy(self, sampled: list[Declaration]) -> Finding:
        copies, samples = copy_sample(self.session, self.declaration, self.as_of)
        sampled.append(copies)
        return saying.describe_samples(self.model, samples)

    def _keep(self, rule: Rule, declaration: Declaration) -> Finding:
        """Whatever a rule does to the copies is undone."""
        with open_undone(self.session, self._what) as session:
            fault = rule(Subject(session, declaration, self.as_of, is_loose=True))
            return Finding(fault=saying.say_where_to_look(self.model.name, fault) if rule in LAW else fault)

    def _take_the_future_out(self, copies: Declaration) -> Finding:
        faults = []
        for name, source in self.model.sources.items():
            if source.times == "static":
                with open_undone(self.session, self._what) as session:
                    relation = resolve(session, copies.model, name)
                    columns = find_recorded(session, relation, self.as_of, self.clock)
                    subject = Subject(session, copies, self.as_of, is_loose=True)
                    delete = partial(delete_recorded, session, relation, columns, self.as_of)
                    if columns and compare_snapshots(subject, delete):
                        faults.append(saying.explain_static(name, columns, self.as_of))
        return Finding(fault=" ".join(faults))

    @property
    def _what(self) -> str:
        return f"The SQL of model {self.model.name}"

    def _try(self, rule: str, look: Callable[[], Finding]) -> Checked:
        """One look, which spoils no other one when PostgreSQL refuses it."""
        try:
            with open_trial(self.session, self._what):
                finding = look()
        except PermanentError as error:
            finding = Finding(fault=str(error))
        said = {kind: reveal(text, self.declaration) for kind, text in asdict(finding).items()}
        return Checked(self.declared.model.name, rule, **said)

    def _conclude(self) -> Checked:
        name = self.declared.model.name
        if self.faults:
            return Checked(name, "ready", fault=f"mend first: {'; '.join(self.faults)}. Then run `perennial check {name}` again.")
        has_champion = ledger.champion(self.session, name) is not None
        found = saying.name_next(name, self.first, has_champion=has_champion, is_simulated=self.is_simulated)
        return Checked(name, "ready", found=found)
