"""A plan from files and an installation: nothing is written, and what refresh, validate and training decide by is asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Literal

from perennial.config import Declaration, load_declaration, model_names
from perennial.errors import PermanentError, UnknownModel
from perennial.homes.planning import champion as champions
from perennial.homes.planning.comparing import compare_columns, compare_scores, compare_values
from perennial.homes.planning.days import Built, Rows, Trial, read_standing, try_files, try_scores_suite
from perennial.homes.planning.explaining import (
    explain_cost,
    explain_definitions,
    explain_snapshots,
    explain_training,
    has_new_labels,
    list_labelled,
    list_rebuilt,
)
from perennial.homes.planning.plan import DayChange, Item, Plan, ScoreChange
from perennial.homes.planning.standing import DayKnown, Known, choose_days, read_day_known, read_known
from perennial.homes.planning.suites import explain_rules, explain_validation
from perennial.pipeline import Stores
from perennial.predictor import Predictor
from perennial.records import Run
from perennial.score import scoring_rules
from perennial.stores.ledger.built import built_models
from perennial.validate import load_suite
from perennial.validate.suites import SuiteName

SUITES: tuple[SuiteName, ...] = ("source", "snapshot", "scores")
KEY = re.compile(r"Key \(([^)]*)\)=\(.*?\)(?= )")


def plan_home(stores: Stores, names: Iterable[str] = (), *, days: int) -> Iterator[Plan]:
    """Plan the named models, by default all that the home declares or the ledger knows.

    Args:
        days: of each model so many are built and compared, without leaving anything behind.

    Raises:
        UnknownModel: a named model does not exist.
    """
    home = stores.settings.home
    declared = model_names(home)
    wanted = tuple(names)
    for name in wanted:
        if name not in declared:
            raise UnknownModel(f"There is no models/{name}.toml; found: {', '.join(declared) or 'none'}.")
    for name in wanted or declared:
        yield plan_model(stores, home, name, days=days)
    if not wanted:
        with stores.warehouse.transaction() as session:
            gone = [name for name in built_models(session) if name not in declared]
        for name in gone:
            said = f"There is no models/{name}.toml any more: nothing is refreshed or scored; what was built and published stays."
            yield Plan(name, (Item("model file", "changes", said),))


def plan_model(stores: Stores, home: Path, name: str, *, days: int) -> Plan:
    """Plan one model, whose file is there."""
    try:
        declaration = load_declaration(home, name)
        for suite in SUITES:
            load_suite(declaration, suite)
    except PermanentError as error:
        return Plan(name, (Item("files", "breaks", f"They do not load. {error}"),))
    with stores.warehouse.transaction() as session:
        known = read_known(session, declaration)
    if known is None:
        return _plan_new(stores, declaration)
    as_ofs = choose_days(known, days)
    trial = try_files(stores.warehouse, declaration, as_ofs, known.clock)
    return _Planning(stores, declaration, known, trial).plan()


def _plan_new(stores: Stores, declaration: Declaration) -> Plan:
    """Of a model of which nothing was built only the files can be tried."""
    name = declaration.model.name
    trial = try_files(stores.warehouse, declaration, (), declaration.model.known_until(date(2000, 1, 1)))
    fault = trial.fault or trial.contract
    items = [Item("files", "breaks", fault)] if fault else []
    said = f"A new model: nothing was built of it. `perennial check {name} --tables real` says whether it is ready."
    return Plan(name, (*items, Item("model file", "changes", said)))


@dataclass
class _Planning:
    """One model, and what was found so far."""

    stores: Stores
    declaration: Declaration
    known: Known
    trial: Trial
    items: list[Item] = field(default_factory=list)
    days: list[DayChange] = field(default_factory=list)
    rejecting: set[date] = field(default_factory=set)  # days of which the suites reject more rows, or fewer

    def plan(self) -> Plan:
        declaration, known, trial = self.declaration, self.known, self.trial
        rebuilt, labelled = list_rebuilt(declaration, known), list_labelled(known)
        self.items += explain_definitions(declaration, known)
        if trial.fault:
            self.items.append(Item("features", "breaks", f"The next refresh fails. {trial.fault}"))
        else:
            self._look_at_files(trial)
        self.items += explain_snapshots(declaration, known)
        self.items += explain_cost(known, trial, rebuilt=rebuilt, labelled=labelled)
        items = tuple(replace(item, found=_hide_keys(item.found)) for item in dict.fromkeys(self.items))
        return Plan(declaration.model.name, items, known.standing.outdated, rebuilt, labelled, tuple(self.days))

    def _look_at_files(self, trial: Trial) -> None:
        if trial.contract:
            self.items.append(Item("features", "breaks", f"The next refresh fails. {trial.contract}"))
        if trial.added:
            named = ", ".join(f"{column.name} ({column.type})" for column in trial.added)
            self.items.append(Item("features", "changes", f"New columns, null in older snapshots: {named}."))
        predictor, said = champions.load_champion(self.stores, self.known)
        self.items += [*said, *champions.explain_contract(self.known, predictor, trial)]
        self.items += explain_training(self.declaration, self.known, trial)
        for built in trial.days:
            self._look_at_day(built, predictor)
        self._sum_up()

    def _look_at_day(self, built: Built, predictor: Predictor | None) -> None:
        as_of = built.as_of
        if built.fault:
            self.items.append(self._blame("features", as_of, built.fault))
        if built.label_fault:
            self.items.append(self._blame("labels", as_of, built.label_fault))
        with self.stores.warehouse.transaction() as session:
            day = read_day_known(session, self.declaration.model.name, as_of)
        if built.validation is not None:
            self.items += [*explain_validation(as_of, day.validation, built.validation)]
            self.items += [*explain_rules(day.validation, built.validation)]
            if day.validation is not None and day.validation.quarantined != built.validation.quarantined:
                self.rejecting.add(as_of)
        if not self.trial.contract:
            self._compare(built, day, predictor)

    def _blame(self, kind: Literal["features", "labels"], as_of: date, fault: str) -> Item:
        """A day that the same definition could build once fails for its facts, which the files of now have not touched."""
        builders = {day.as_of: day.query_hash for day in (self.known.features if kind == "features" else self.known.labels)}
        if builders.get(as_of) == self.declaration.definition_hash(kind):
            return Item(
                kind, "note", f"{as_of} cannot be built again, by the definition that built it: its facts have changed. {fault}"
            )
        return Item(kind, "breaks", f"{as_of} cannot be built. {fault}")

    def _compare(self, built: Built, day: DayKnown, predictor: Predictor | None) -> None:
        if day.is_published:
            for result in try_scores_suite(self.stores.warehouse, self.declaration, built.as_of):
                said = f"{built.as_of}: what was published would fail the scores suite: {result.sentence}"
                self.items.append(Item("suites", "breaks", said))
        if built.rows is None:
            return
        try:
            before = read_standing(self.stores.warehouse, self.declaration, built.as_of)
        except PermanentError as error:
            self.items.append(Item("values", "note", f"{built.as_of} was not compared. {error}"))
            return
        scores = None if predictor is None else self._compare_scores(before, built, day, predictor)
        after, left = built.rows.features.index, before.features.index
        labels = (before.labels, built.rows.labels)
        self.days.append(
            DayChange(
                as_of=built.as_of,
                rows_before=len(left),
                rows_after=len(after),
                entering=len(after.difference(left)),
                leaving=len(left.difference(after)),
                columns=compare_columns(before.features, built.rows.features),
                labels=None if labels[0] is None or labels[1] is None else compare_values(labels[0], labels[1]),
                scores=scores,
            )
        )

    def _compare_scores(self, before: Rows, built: Built, day: DayKnown, predictor: Predictor) -> ScoreChange | None:
        assert built.rows is not None
        assert self.known.champion is not None
        model = self.declaration.model
        after, said = champions.try_scores(predictor, built.rows, built.as_of)
        self.items += said
        former, _ = champions.try_scores(predictor, before, built.as_of)
        if after is None or former is None:
            return None
        run = Run(model.name, built.as_of, model.known_until(built.as_of), "simulation")
        rules = scoring_rules(model, run, self.known.champion, day.accepted)
        self.items += champions.explain_shift(rules, built.as_of, former, after)
        return compare_scores(former, after)

    def _sum_up(self) -> None:
        """One sentence about the days that were compared."""
        if not self.days:
            return
        named = ", ".join(str(day.as_of) for day in self.days)
        moved = [day for day in self.days if not day.is_same]
        is_defined_alike = self.known.features[-1].query_hash == self.declaration.definition_hash("features")
        if not moved:
            self.items.append(Item("values", "same", f"Built again, {named} come out as they stand, to the last value."))
        else:
            columns = sorted({column.name for day in moved for column in day.columns})
            said = f"{len(moved)} of {len(self.days)} days that were compared ({named}) differ"
            said += f", in {', '.join(columns[:12])}" if columns else ", in who is there"
            differing = {day.as_of for day in moved}
            if is_defined_alike and differing <= self.rejecting and not columns:
                said += "; the suites reject other rows"
            elif is_defined_alike and not differing & {*self.known.standing.outdated, *self.rejecting}:
                said += "; the definition is that which built them, so that facts of their time have changed since"
            self.items.append(Item("values", "changes", f"{said}."))
        if has_new_labels(self.declaration, self.known) and not any(day.labels for day in self.days):
            self.items.append(Item("labels", "note", "On the days that were compared every label is the same."))


def _hide_keys(found: str) -> str:
    """A plan may stand beside a pull request: whose row it was is nobody's business there."""
    return KEY.sub(r"Key (\1)", found)
