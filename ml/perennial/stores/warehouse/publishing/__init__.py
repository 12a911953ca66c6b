"""The one publishing transaction: read `publication` first, then `attempts`, `streams`, `shards`, `wire`, `pipes`."""

from perennial.stores.warehouse.publishing.attempts import (
    LONGEST_ATTEMPT,
    Attempt,
    ScoringJob,
    drop_shards,
    find_attempt,
    open_attempt,
)
from perennial.stores.warehouse.publishing.measuring import measure_scores
from perennial.stores.warehouse.publishing.publication import commit_shards, publish, publish_shard

__all__ = [
    "LONGEST_ATTEMPT",
    "Attempt",
    "ScoringJob",
    "commit_shards",
    "drop_shards",
    "find_attempt",
    "measure_scores",
    "open_attempt",
    "publish",
    "publish_shard",
]
