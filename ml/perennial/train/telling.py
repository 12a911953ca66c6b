"""What the log says of a training: a line with its counts, why it searched or did not, and its alarms."""

from __future__ import annotations

import logging

from perennial.config import Model
from perennial.records import Trained
from perennial.tasks import task_of

log = logging.getLogger(__name__)


def log_training(model: Model, trained: Trained) -> None:
    """A line for people, and a warning for each alarm."""
    headline = task_of(model).headline
    log.info(
        "train %s: %s on %d as_ofs, %d trials (%d pruned), out-of-fold %s %s, %.1f s",
        model.name,
        trained.algorithm,
        len(trained.plan.training),
        trained.trials,
        trained.metrics.get("pruned_trials", 0),
        headline.title,
        headline.write(trained.metrics[headline.name]),
        trained.seconds,
    )
    if trained.tuning:
        log.info("train %s: %s", model.name, trained.tuning.sentence)
    for alarm in trained.alarms:
        log.warning("train %s: %s", model.name, alarm)
