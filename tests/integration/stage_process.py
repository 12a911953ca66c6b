"""One stage in a process of its own, which a test may kill."""

from __future__ import annotations

from contextlib import suppress

from ml import pipeline
from ml.config import Settings
from ml.errors import Refused
from ml.records import Run


def run_stage(stage: str, settings: Settings, run: Run) -> None:
    """Run a stage to its end; that a gate refuses is an end too."""
    with pipeline.open_stores(settings) as stores, suppress(Refused):
        if stage == "mail":
            pipeline.mail(stores, run, dag="score")
        else:
            pipeline.STAGES[stage](stores, run)
