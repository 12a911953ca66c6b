"""The task of a model, by what its file declares."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from perennial.config import Model
from perennial.config.terms import ROOM, list_terms
from perennial.tasks.task import Task


def list_tasks() -> Mapping[str, type[Task]]:
    """Name of each task -> its class, by name."""
    return {name: find_task(name) for name in list_terms()}


def find_task(name: str) -> type[Task]:
    """The class of the module of that name which declares terms."""
    classes = (each for each in vars(import_module(f"{ROOM}.{name}")).values() if isinstance(each, type))
    return next(
        each for each in classes if each.__module__ == f"{ROOM}.{name}" and issubclass(each, Task) and "terms" in vars(each)
    )


def task_of(model: Model) -> Task:
    """What `label.task` names."""
    return find_task(model.label.task)(model)
