"""What the weekly fits of a recipe would have served: scores of matured days by fits that had not seen them.

For a day that was published the published scores count; a day that was stopped is scored by the fit that was stopped; for any
other the recipe is fitted on what had matured on that day, as the weekly fit would have been. What was fitted so is kept until
the tests of the recipe have ended, so that a week costs one fit.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from perennial.config import Declaration, Model
from perennial.errors import ArtifactCorrupt, HistoryTooShort, OneClassLabels, VersionMissing
from perennial.pipeline.champion import load_version, score_set
from perennial.pipeline.engines import open_engine
from perennial.pipeline.opening import Stores
from perennial.records import RecipeEntry, Run, SplitPlan, TrainingSet, Version
from perennial.stores import ledger, warehouse
from perennial.tasks import Scores, stack_scores
from perennial.train import Engine, fit_predictor

log = logging.getLogger(__name__)
Days = tuple[date, ...]
INTERVALS: Mapping[str, int | None] = {"weekly": 7, "4 weeks": 28, "monthly": 28, "never": None}
"""`training.refresh` -> the fewest days between two fits."""


@dataclass(frozen=True, eq=False)
class Walk:
    """A walk through matured days, oldest first.

    Attributes:
        teaching: every as_of that may teach on the run's clock.
        first: the day from which fits are counted where they do not come every week.
        known: rows that were read already; fits that need no others learn from them.
    """

    stores: Stores
    declaration: Declaration
    run: Run
    teaching: Days
    first: date | None = None
    known: TrainingSet | None = None

    @property
    def model(self) -> Model:
        return self.declaration.model

    def score(self, entry: RecipeEntry, rows: TrainingSet) -> Scores:
        """Scores of these labelled rows by fits of the recipe that had not seen them, with their index.

        Days for which nobody can be fitted, for want of history or of one class, are left out.
        """
        if rows.labels.empty:
            return pd.Series(dtype=float, index=rows.labels.index, name="score")
        found = self._find_published(entry, rows)
        found |= self._find_kept(entry, _leave(rows, found))
        found |= self._fit_missing(entry, _leave(rows, found))
        parts = [found[day] for day in sorted(found)]
        return stack_scores(parts) if parts else pd.Series(dtype=float, index=rows.labels.index[:0], name="score")

    def _find_published(self, entry: RecipeEntry, rows: TrainingSet) -> dict[date, Scores]:
        """What was published, or stopped, by fits of the recipe that had not learned from the day."""
        with self.stores.warehouse.transaction() as session:
            attempts = ledger.published_by(session, self.model.name, entry.number, rows.as_ofs)
            numbers = {attempt.version for attempt in attempts.values()}
            fits = {number: ledger.get_version(session, self.model.name, number) for number in numbers}
            unseen = {day: each for day, each in attempts.items() if self._is_unseen(fits[each.version], day)}
            live = [day for day, each in unseen.items() if each.status == "live"]
            published = warehouse.read_published(session, self.declaration, live)
        found = {day: scores for day in live if (scores := _pick(published, rows, day)) is not None}
        for day in sorted(set(unseen) - set(live)):
            found |= self._score_stopped(fits[unseen[day].version], rows.rows_of((day,)))
        return found

    def _is_unseen(self, version: Version, day: date) -> bool:
        return max(version.training_as_ofs) + self.model.embargo <= day

    def _score_stopped(self, version: Version, rows: TrainingSet) -> dict[date, Scores]:
        try:
            return {rows.as_ofs[0]: score_set(load_version(self.stores, version), rows)}
        except (VersionMissing, ArtifactCorrupt) as lost:
            log.warning("%s: version %d cannot score %s any more. %s", self.run, version.version, rows.as_ofs[0], lost)
            return {}

    def _find_kept(self, entry: RecipeEntry, rows: TrainingSet | None) -> dict[date, Scores]:
        if rows is None:
            return {}
        with self.stores.warehouse.transaction() as session:
            kept = warehouse.read_kept(session, self.declaration, entry.number, rows.as_ofs)
        return {day: scores for day in rows.as_ofs if (scores := _pick(kept, rows, day)) is not None}

    def _fit_missing(self, entry: RecipeEntry, rows: TrainingSet | None) -> dict[date, Scores]:
        if rows is None:
            return {}
        plans = {day: plan for day in rows.as_ofs if (plan := self.plan(day)) is not None}
        with open_engine(self.stores, self.declaration) as engine:
            found = {
                day: self._fit(engine, entry, training, plans[day], rows.rows_of((day,)))
                for day, training in self._read_each(plans)
            }
        return {day: scores for day, scores in found.items() if scores is not None}

    def _read_each(self, plans: Mapping[date, SplitPlan]) -> Iterator[tuple[date, TrainingSet]]:
        """What the fit of each day learns from: read at once, but where `max_rows` draws rows for every fit by itself."""
        learned = sorted({day for plan in plans.values() for day in plan.training})
        if self.model.training.max_rows is None and learned:
            is_known = self.known is not None and set(learned) <= set(self.known.as_ofs)
            training = self.known if self.known is not None and is_known else self._read(tuple(learned))
            yield from ((day, training.rows_of(plan.training)) for day, plan in plans.items())
        else:
            yield from ((day, self._read(plan.training)) for day, plan in plans.items())

    def _read(self, as_ofs: Days) -> TrainingSet:
        with self.stores.warehouse.transaction() as session:
            return warehouse.read_training_set(session, self.declaration, as_ofs, drawn="to teach")

    def _fit(
        self, engine: Engine, entry: RecipeEntry, training: TrainingSet, plan: SplitPlan, rows: TrainingSet
    ) -> Scores | None:
        try:
            predictor = fit_predictor(self.model, training, plan, entry.recipe, engine=engine)
        except (HistoryTooShort, OneClassLabels) as short:
            log.info("%s: recipe %d cannot be fitted for %s. %s", self.run, entry.number, rows.as_ofs[0], short)
            return None
        scores = score_set(predictor, rows)
        with self.stores.warehouse.transaction() as session:
            warehouse.keep_scores(session, self.declaration, entry.number, scores)
        log.info("%s: recipe %d, fitted on %d as_ofs, scored %s", self.run, entry.number, len(plan.training), rows.as_ofs[0])
        return scores

    def plan(self, day: date) -> SplitPlan | None:
        """What the fit that would have served on a day had to learn from; None when nothing had matured."""
        fitted_on = find_fit_day(self.model, day, self.first or day)
        known = self.model.start(fitted_on)
        matured = tuple(each for each in self.teaching if self.model.matured_at(each) <= known)[-self.model.training.as_ofs :]
        return SplitPlan(matured, (), (fitted_on - matured[-1]).days) if matured else None


def find_fit_day(model: Model, day: date, first: date) -> date:
    """The day of the fit that serves on a day, where fits are counted from `first` at the model's interval."""
    interval = INTERVALS[model.refreshes]
    if interval is None:
        return min(day, first)
    if model.refreshes == "monthly":
        months = (day.year - first.year) * 12 + day.month - first.month
        return max(fit for step in (months - 1, months) if (fit := model.grid.add(first, step)) <= day)
    return day - timedelta(days=(day - first).days % interval)


def _leave(rows: TrainingSet, found: Mapping[date, Scores]) -> TrainingSet | None:
    """The rows of the days that were not found; None when there are none."""
    left = tuple(day for day in rows.as_ofs if day not in found)
    return rows.rows_of(left) if left else None


def _pick(scores: Scores, rows: TrainingSet, day: date) -> Scores | None:
    """The scores of one day in the order of its rows; None when they are not there for each of them."""
    index = rows.rows_of((day,)).labels.index
    return scores.reindex(index) if index.isin(scores.index).all() else None
