"""The task of a model, by what its file declares."""

from __future__ import annotations

from collections.abc import Mapping

from perennial.config import Model
from perennial.config.label import TaskName
from perennial.tasks.binary import Binary
from perennial.tasks.multiclass import Multiclass
from perennial.tasks.regression import Regression
from perennial.tasks.task import Task

TASKS: Mapping[TaskName, type[Task]] = {"binary": Binary, "regression": Regression, "multiclass": Multiclass}


def task_of(model: Model) -> Task:
    """What `label.task` names."""
    return TASKS[model.label.task](model)
