"""What processes that are gone have left: attempts without a worker, scores that wait for them, folders that nobody holds."""

from __future__ import annotations

import logging
import shutil
from datetime import datetime

from perennial.config import model_names
from perennial.config.folders import find_abandoned, find_forgotten, sweep_folders
from perennial.pipeline.opening import Stores
from perennial.stores import ledger, warehouse

log = logging.getLogger(__name__)


def mark_lost(stores: Stores, clock: datetime, model: str | None = None) -> tuple[ledger.LostRun, ...]:
    """Let every attempt whose process is gone end as `lost`, and give up what it was about to publish; of one model or of all.

    A process that lives after all, because its connection was cut, says how it ended; what it would publish fails at its fence.
    Folders below the artifacts of this machine go with the processes that borrowed them: a rerun that finds its work done borrows
    none, and so sweeps none. So do folders of a moment among the system's temporary files, after a day.
    """
    before = clock - warehouse.LONGEST_ATTEMPT
    with stores.warehouse.transaction() as session:
        lost = ledger.mark_lost_runs(session, model)
        known = {model} if model else {*model_names(stores.settings.home)}  # shards of attempts that others ended, too
        for name in sorted({*ledger.end_lost_attempts(session, model, before), *(run.model for run in lost), *known}):
            warehouse.drop_shards(session, name, before)
    for parent in {folder.parent for folder in find_abandoned(stores.settings.artifacts)}:
        sweep_folders(parent)
    for folder in find_forgotten(clock):
        shutil.rmtree(folder, ignore_errors=True)
    for run in lost:
        log.warning("%s, as_of %s: attempt %d at %s is lost: its process is gone", run.model, run.as_of, run.run_id, run.stage)
    return lost
