"""Runs a command of this environment with every library in reach: `python -m ml.local .venv/bin/pytest tests/unit`."""

import os
import sys

from ml.local.addresses import find_var
from ml.local.libgomp import library_environment

os.environ.update(library_environment(find_var()))
os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - the command that was asked for
