"""What every model of a home must keep: one row per entity, names that exist, and no fact of the future in a feature.

A rule takes a subject, changes its tables as it likes (they are rolled back), and returns what is wrong; nothing when it is
kept. Its name is the sentence that people read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from perennial.config import Declaration, Model
from perennial.errors import EmptySource
from perennial.records import Run, Snapshot
from perennial.stores.sessions import Session
from perennial.stores.warehouse import build_labels, build_snapshot, read_columns
from perennial.stores.warehouse.perturbing import (
    copy_facts,
    delete_facts,
    loosen_tables,
    see_photographs,
    shuffle_facts,
)
from perennial.stores.warehouse.relations import list_columns
from perennial.validate import load_suite

FEWEST_ENTITIES = 10  # fewer rows show little
AGE = "age_days"  # what a source suite sees beside the columns of its table


@dataclass(frozen=True)
class Subject:
    """One model on tables of its own, at the day that is tested; copies of tables have no constraints to be freed of."""

    session: Session
    declaration: Declaration
    as_of: date
    is_loose: bool = False

    @property
    def model(self) -> Model:
        return self.declaration.model

    @property
    def run(self) -> Run:
        """A simulated run at the first instant at which it may run."""
        return Run(self.model.name, self.as_of, self.model.known_until(self.as_of), "simulation")

    @property
    def columns(self) -> set[str]:
        """The columns of a snapshot: the entity and its key, features and segments."""
        entity = self.model.entity
        made_of = {column.name for column in entity.columns} if entity.is_composite else set()
        return {"entity_id", *made_of, *(column.name for column in read_columns(self.session, self.model.name))}

    @property
    def facts(self) -> Declaration:
        """What a rule may change: of tables of its own the photographs of captured ones too, which real ones keep as they are."""
        return self.declaration if self.is_loose else see_photographs(self.declaration)

    def loosen(self) -> None:
        """Let changed copies stand beside facts."""
        if not self.is_loose:
            loosen_tables(self.session)

    def build(self) -> Snapshot:
        return build_snapshot(self.session, self.declaration, self.run)

    def label(self) -> Snapshot:
        return build_labels(self.session, self.declaration, self.run, self.as_of)


Rule: TypeAlias = Callable[[Subject], str]


def a_snapshot_has_entities_enough(subject: Subject) -> str:
    """PostgreSQL sees to it that none stands twice: building the snapshot fails then."""
    rows = subject.build().rows
    return (
        ""
        if rows > FEWEST_ENTITIES
        else f"{rows} entities: draw more than {FEWEST_ENTITIES} for {subject.as_of}, or little shows"
    )


def labels_cover_the_whole_cohort(subject: Subject) -> str:
    """An entity without a label would drop out of every training."""
    rows, labels = subject.build().rows, subject.label().rows
    return "" if rows == labels else f"{rows} entities have features, {labels} have labels: labels.sql starts from `cohort`"


def the_columns_of_its_source_suite_exist(subject: Subject) -> str:
    """Great Expectations would say so, too, but on the first day that is lived."""
    rules = load_suite(subject.declaration, "source").rules
    tables = {rule.meta.table for rule in rules if rule.meta.table}
    sources = subject.model.sources
    known = {f"{table}.{name}" for table in tables for name in (AGE, *list_columns(subject.session, table, sources[table]))}
    named = {f"{rule.meta.table}.{name}" for rule in rules for name in rule.columns}
    return _name_missing(f"expectations/{subject.model.name}/source.json", named - known)


def the_columns_of_its_snapshot_suite_exist(subject: Subject) -> str:
    """Likewise."""
    rules = load_suite(subject.declaration, "snapshot").rules
    named = {name for rule in rules for name in rule.columns}
    return _name_missing(f"expectations/{subject.model.name}/snapshot.json", named - subject.columns)


def deleting_facts_at_or_after_the_as_of_changes_nothing(subject: Subject) -> str:
    """What happens from the as_of on is the future."""
    return compare_snapshots(
        subject, lambda: delete_facts(subject.session, subject.facts, since=subject.model.start(subject.as_of))
    )


def deleting_facts_learned_after_the_day_has_settled_changes_nothing(subject: Subject) -> str:
    """What was learned later was not known."""
    until = subject.model.known_until(subject.as_of)
    return compare_snapshots(subject, lambda: delete_facts(subject.session, subject.facts, learned_after=until))


def shuffling_facts_at_or_after_the_as_of_changes_nothing(subject: Subject) -> str:
    """Whatever they say and whenever they happen."""
    return compare_snapshots(
        subject, lambda: shuffle_facts(subject.session, subject.facts, since=subject.model.start(subject.as_of))
    )


def adding_facts_that_happen_later_changes_nothing(subject: Subject) -> str:
    """The first instant of the as_of is the future already."""
    start = subject.model.start(subject.as_of)
    return compare_snapshots(subject, lambda: copy_facts(subject.session, subject.facts, event_at=start))


def late_facts_and_corrections_of_the_past_change_nothing(subject: Subject) -> str:
    """A snapshot that is built again next month has the same bytes."""
    clock = subject.run.clock
    return compare_snapshots(subject, lambda: copy_facts(subject.session, subject.facts, known_at=clock, seconds_later=1))


def facts_learned_in_time_do_change_the_snapshot(subject: Subject) -> str:
    """Else the rules above would hold of a query that reads nothing."""
    clock = subject.run.clock
    try:
        fault = compare_snapshots(subject, lambda: copy_facts(subject.session, subject.facts, known_at=clock))
    except EmptySource:
        return ""  # nobody is left in the cohort: that is a change, too
    return "" if fault else "a changed copy of every fact, learned in time, changes nothing: does features.sql read its sources?"


def labels_built_again_after_the_grace_are_the_same(subject: Subject) -> str:
    """What is learned after the grace counts for no label."""
    matured = subject.model.matured_at(subject.as_of)
    return compare_labels(subject, lambda: copy_facts(subject.session, subject.facts, known_at=matured, seconds_later=1))


def labels_do_not_see_what_happens_after_the_horizon(subject: Subject) -> str:
    """The first instant after it does not count any more."""
    end = subject.model.label_end(subject.as_of)
    return compare_labels(subject, lambda: copy_facts(subject.session, subject.facts, event_at=end))


RULES: tuple[Rule, ...] = (
    a_snapshot_has_entities_enough,
    labels_cover_the_whole_cohort,
    the_columns_of_its_source_suite_exist,
    the_columns_of_its_snapshot_suite_exist,
    deleting_facts_at_or_after_the_as_of_changes_nothing,
    deleting_facts_learned_after_the_day_has_settled_changes_nothing,
    shuffling_facts_at_or_after_the_as_of_changes_nothing,
    adding_facts_that_happen_later_changes_nothing,
    late_facts_and_corrections_of_the_past_change_nothing,
    facts_learned_in_time_do_change_the_snapshot,
    labels_built_again_after_the_grace_are_the_same,
    labels_do_not_see_what_happens_after_the_horizon,
)


def compare_snapshots(subject: Subject, change: Callable[[], object]) -> str:
    """Build the snapshot before and after a change of the facts."""
    subject.loosen()
    former = subject.build()
    change()
    now = subject.build()
    return (
        "" if now == former else f"the snapshot of {subject.as_of} has another checksum then: {former.rows} rows, now {now.rows}"
    )


def compare_labels(subject: Subject, change: Callable[[], None]) -> str:
    """Likewise the labels."""
    subject.loosen()
    subject.build()
    former = subject.label()
    change()
    now = subject.label()
    return (
        "" if now == former else f"the labels of {subject.as_of} have another checksum then: {former.rows} rows, now {now.rows}"
    )


def _name_missing(where: str, missing: Iterable[str]) -> str:
    listed = ", ".join(sorted(missing))
    return f"{where} names {listed}, which does not exist" if listed else ""
