"""What differs between kinds of labels, and nothing else: everything outside this room is the same for all of them.

A task says what a label may be, what a score is, how it is fitted, by what two recipes are compared, and what people read. The
rest of the platform asks the task of a model for it, and never what kind it is. A new task is one file beside `binary`, with a
class that declares its `terms`: model files, views, drafts and pages know it by these.

Reading order: measure (a figure of both, and its paired difference), fitting, task (the questions); of yes or no chances (the
figures) and binary, of amounts amounts and regression, of classes widening, classes and multiclass.
"""

from perennial.tasks.choosing import find_task, list_tasks, task_of
from perennial.tasks.fitting import Fitting, Library
from perennial.tasks.measure import Guarded, Headline, Measure, Worse, find_floor
from perennial.tasks.scores import Scores, find_published, frame_scores, stack_scores
from perennial.tasks.task import Task

__all__ = [
    "Fitting",
    "Guarded",
    "Headline",
    "Library",
    "Measure",
    "Scores",
    "Task",
    "Worse",
    "find_floor",
    "find_published",
    "find_task",
    "frame_scores",
    "list_tasks",
    "stack_scores",
    "task_of",
]
