"""PostgreSQL in and out: schema, snapshots, labels, reads and publications.

In the order of a day: `sync`, `build_snapshot`, `quarantine_rows`, `remove_rejects`, `read_snapshot`; and of a training:
`label_delivery`, `build_labels`, `read_training_set`.
"""

from perennial.stores.warehouse.audit import open_audit
from perennial.stores.warehouse.capturing import Capture, capture_sources
from perennial.stores.warehouse.conditions import feature_bounds
from perennial.stores.warehouse.copying import copy_frame
from perennial.stores.warehouse.current_state import find_current_state
from perennial.stores.warehouse.days import measure_rows
from perennial.stores.warehouse.delivery import assess_delivery, find_undelivered
from perennial.stores.warehouse.drawing import are_even
from perennial.stores.warehouse.erasing import Found, delete_rows, find_rows, refuse_identity
from perennial.stores.warehouse.history import first_covered_day
from perennial.stores.warehouse.incomplete import set_facts_aside
from perennial.stores.warehouse.labels import build_labels, build_labels_of_days, rebuild_label_checksum
from perennial.stores.warehouse.migrations import check_ledger, migrate, render_install, render_migrations, render_rights
from perennial.stores.warehouse.origins import describe_table, find_origins, find_sources
from perennial.stores.warehouse.publishing import (
    LONGEST_ATTEMPT,
    Attempt,
    CanaryHarm,
    CanaryJob,
    CanaryOfAttempt,
    ScoringJob,
    commit_shards,
    count_scores,
    drop_shards,
    find_attempt,
    list_scored_days,
    measure_arms,
    measure_missing,
    measure_scores,
    open_attempt,
    publish,
    publish_shard,
    read_numbers,
)
from perennial.stores.warehouse.reading import (
    hash_part,
    hash_training_days,
    is_restated,
    measure_training_set,
    read_beside,
    read_labels,
    read_snapshot,
    read_training_sample,
    read_training_set,
)
from perennial.stores.warehouse.recipe_scores import forget_scores, keep_scores, read_arms, read_day, read_kept, read_published
from perennial.stores.warehouse.relations import Grant, list_grants, show_table
from perennial.stores.warehouse.searches import OldStudies, find_old_studies, read_search
from perennial.stores.warehouse.snapshots import build_snapshot, quarantine_rows, rebuild_checksum, remove_rejects
from perennial.stores.warehouse.subjects import Subject, find_subject, list_elsewhere
from perennial.stores.warehouse.sync import sync
from perennial.stores.warehouse.tables import check_columns, check_tables, describe_features, read_columns, sync_tables

__all__ = [
    "LONGEST_ATTEMPT",
    "Attempt",
    "CanaryHarm",
    "CanaryJob",
    "CanaryOfAttempt",
    "Capture",
    "Found",
    "Grant",
    "OldStudies",
    "ScoringJob",
    "Subject",
    "are_even",
    "assess_delivery",
    "build_labels",
    "build_labels_of_days",
    "build_snapshot",
    "capture_sources",
    "check_columns",
    "check_ledger",
    "check_tables",
    "commit_shards",
    "copy_frame",
    "count_scores",
    "delete_rows",
    "describe_features",
    "describe_table",
    "drop_shards",
    "feature_bounds",
    "find_attempt",
    "find_current_state",
    "find_old_studies",
    "find_origins",
    "find_rows",
    "find_sources",
    "find_subject",
    "find_undelivered",
    "first_covered_day",
    "forget_scores",
    "hash_part",
    "hash_training_days",
    "is_restated",
    "keep_scores",
    "list_elsewhere",
    "list_grants",
    "list_scored_days",
    "measure_arms",
    "measure_missing",
    "measure_rows",
    "measure_scores",
    "measure_training_set",
    "migrate",
    "open_attempt",
    "open_audit",
    "publish",
    "publish_shard",
    "quarantine_rows",
    "read_arms",
    "read_beside",
    "read_columns",
    "read_day",
    "read_kept",
    "read_labels",
    "read_numbers",
    "read_published",
    "read_search",
    "read_snapshot",
    "read_training_sample",
    "read_training_set",
    "rebuild_checksum",
    "rebuild_label_checksum",
    "refuse_identity",
    "remove_rejects",
    "render_install",
    "render_migrations",
    "render_rights",
    "set_facts_aside",
    "show_table",
    "sync",
    "sync_tables",
]
