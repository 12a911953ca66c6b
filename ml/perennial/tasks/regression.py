"""An amount in its own unit, such as spend, days or demand: labels are finite numbers, and so are scores.

Amounts above `label.cap` count as the cap, in training and in judging: a handful of entities would decide alone otherwise.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd

from perennial.config.label import TaskName
from perennial.tasks.task import Floats, Link, Task


class Regression(Task):
    """A score is the amount that is expected, or the quantile that `training.metric` asks for."""

    name: ClassVar[TaskName] = "regression"
    label_column = "double precision not null check (label > '-infinity' and label < 'infinity')"
    label_types = ("smallint", "integer", "bigint", "numeric", "real", "double precision")
    linear = "ridge"
    score_range = (None, None)
    carriers_named = "rows"

    # Labels

    def find_wrong_labels(self, labels: Floats) -> str | None:
        """Finite numbers; of counts and of amounts with many zeros none below 0."""
        wrong = labels[~np.isfinite(labels)]
        if len(wrong):
            return f"labels must be finite numbers, found {wrong[:5].tolist()}"
        low = float(labels.min()) if len(labels) else 0.0
        if low < 0 and self.model.metric in ("poisson", "tweedie", "gini"):
            return f"labels must not lie below 0 where training.metric = '{self.model.metric}', found {low:g}"
        return None

    def can_learn(self, labels: Floats) -> bool:
        """Not all are the same."""
        return len(labels) > 0 and float(labels.min()) < float(labels.max())

    def say_unlearnable(self, labels: Floats) -> str:
        """All are the same."""
        return f"all {len(labels)} training labels are {labels[0]:g}"

    def can_judge(self, labels: pd.Series) -> bool:
        """There is an as_of on which not all are the same."""
        days = labels.groupby(level="as_of")
        return bool((days.max() > days.min()).any())

    # Fitting

    @property
    def link(self) -> Link:
        """Of counts and of amounts with many zeros the logarithm, so that scores stay above 0."""
        return "log" if self.model.metric in ("poisson", "tweedie") else "identity"

    # Judging

    # Watching
