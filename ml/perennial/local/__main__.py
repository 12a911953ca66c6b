"""Runs a command of this environment with every library in reach: `python -m perennial.local .venv/bin/pytest tests/unit`."""

import os
import sys

from perennial.local.libgomp import library_environment

os.environ.update(library_environment())
os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - the command that was asked for
