"""A task that the program does not hold: one file, dropped where the package looks for its modules."""

import shutil
import sys
from contextlib import contextmanager

import perennial.tasks
from tests.paths import ROOT

FILE = ROOT / "tests" / "tasks" / "counts.py"


@contextmanager
def drop_task(folder, file=FILE):
    """For the time of the block `folder`, with this file in it, is a part of the package perennial.tasks."""
    shutil.copy(file, folder)
    perennial.tasks.__path__.append(str(folder))
    try:
        yield
    finally:
        perennial.tasks.__path__.remove(str(folder))
        sys.modules.pop(f"{perennial.tasks.__name__}.{file.stem}", None)
        vars(perennial.tasks).pop(file.stem, None)
