"""What features from `current_state` sources are worth: the recipe that was chosen, with and without them, on the same folds.

Rows of the past show what such a source holds today. What is gained by that here is gained on no day to come, so that the
difference is what a person has to know before the first champion serves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from perennial.config import Model
from perennial.errors import OneClassLabels
from perennial.metrics import add_clusters
from perennial.records import CurrentStateUse, CurrentStateWorth, Recipe
from perennial.tasks import Scores, frame_scores
from perennial.train.alarms import rank_alone
from perennial.train.assessed import Assessed, assess_recipe
from perennial.train.baselines import choose_single_feature, fit_single_feature, score_fold
from perennial.train.engine import Engine
from perennial.train.inputs import Floats
from perennial.train.rows import FoldRows, TrainingRows
from perennial.train.thinning import thin_to_look


@dataclass(frozen=True, eq=False)
class Weighing:
    """What a recipe is weighed on.

    Attributes:
        use: what was found of the model's sources.
        rows: on which the recipe was chosen.
        clusters: as in `TrainingSet`.
    """

    model: Model
    use: CurrentStateUse
    rows: TrainingRows
    clusters: pd.Series | None

    def weigh_out_of_fold(self, assessed: Assessed, folds: Sequence[FoldRows], *, seed: int, engine: Engine) -> CurrentStateWorth:
        """Assess the recipe that was chosen once more on the same folds, without these features.

        Its parameters stay as they are; a rule over one of the features is chosen anew among the others.
        """
        worth, ours = self._describe(assessed.recipe), assessed.challenger
        if not worth.use.features:
            return worth
        if not self._left.features:
            rest = frame_scores(self._repeat_constant(len(ours.scores)), ours.scores.index, ours.classes)
            return self._compare(worth, ours.scores, rest, ours.labels)
        recipe = self._choose_rule() if assessed.recipe.algorithm == "single_feature" else assessed.recipe
        cut = [replace(fold, training=self._drop(fold.training), validation=self._drop(fold.validation)) for fold in folds]
        without = assess_recipe(recipe, cut, seed=seed, engine=engine)
        return self._compare(worth, ours.scores, without.scores, ours.labels)

    def weigh_on_all(self, rule: Recipe) -> CurrentStateWorth:
        """A single-feature rule and the best one without these features, both on the rows that they are fitted on.

        Such a rule learns two numbers, so that little of what it achieves is overfitted.
        """
        worth = replace(self._describe(rule), is_out_of_fold=False)
        if not worth.use.features:
            return worth
        ours = score_fold(fit_single_feature(rule, self.rows), self.rows)
        without = self._repeat_constant(len(ours))
        if self._left.features:
            without = score_fold(fit_single_feature(self._choose_rule(), self._left), self._left)
        frame = self.rows.frame
        try:
            return self._compare(worth, frame(ours), frame(without), self.rows.named)
        except OneClassLabels:
            return worth

    def _describe(self, recipe: Recipe) -> CurrentStateWorth:
        """The recipe's own features among those that were found; nothing is measured yet."""
        read = recipe.complete([feature.name for feature in self.rows.features], {}).features
        found = tuple(name for name in read if name in self.use.features)
        return CurrentStateWorth(replace(self.use, features=found), len(read))

    def _repeat_constant(self, rows: int) -> Floats:
        """What everybody is scored when no feature is left."""
        constant = np.asarray(self.rows.task.fitting.constant(self.rows.labels, self.rows.weights), dtype=np.float64)
        return np.broadcast_to(constant, (rows, *constant.shape))

    @property
    def _left(self) -> TrainingRows:
        return self._drop(self.rows)

    def _drop(self, rows: TrainingRows) -> TrainingRows:
        """The same rows without the features that were found."""
        kept = [place for place, feature in enumerate(rows.features) if feature.name not in self.use.features]
        return rows.pick(kept)

    def _choose_rule(self) -> Recipe:
        return choose_single_feature(self.model, self._left, rank_alone(thin_to_look(self._left)))

    def _compare(self, worth: CurrentStateWorth, ours: Scores, without: Scores, labels: pd.Series) -> CurrentStateWorth:
        ours, without = (add_clusters(each, self.clusters) for each in (ours, without))
        labels = add_clusters(labels, self.clusters)
        headline = self.rows.task.headline
        gain = headline.gain(ours, without, labels)
        return replace(
            worth,
            headline_with=headline.value(ours, labels),
            headline_without=headline.value(without, labels),
            gain=gain,
            measure=headline.title,
        )
