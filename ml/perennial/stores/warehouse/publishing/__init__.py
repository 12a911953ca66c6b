"""The one publishing transaction: read `publication` first, then `attempts`, `arms`, `streams`, `shards`, `wire`, `pipes`."""

from perennial.stores.warehouse.publishing.arms import CanaryHarm, CanaryJob
from perennial.stores.warehouse.publishing.attempts import (
    LONGEST_ATTEMPT,
    Attempt,
    CanaryOfAttempt,
    ScoringJob,
    drop_shards,
    find_attempt,
    open_attempt,
)
from perennial.stores.warehouse.publishing.measuring import (
    count_scores,
    list_scored_days,
    measure_arms,
    measure_missing,
    measure_scores,
    read_numbers,
)
from perennial.stores.warehouse.publishing.publication import commit_shards, publish, publish_shard

__all__ = [
    "LONGEST_ATTEMPT",
    "Attempt",
    "CanaryHarm",
    "CanaryJob",
    "CanaryOfAttempt",
    "ScoringJob",
    "commit_shards",
    "count_scores",
    "drop_shards",
    "find_attempt",
    "list_scored_days",
    "measure_arms",
    "measure_missing",
    "measure_scores",
    "open_attempt",
    "publish",
    "publish_shard",
    "read_numbers",
]
