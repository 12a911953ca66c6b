"""THE STORY: one function for each stage, in data-flow order. The only place where stages meet stores.

    source -> refresh -> validate -> score -> monitor -> decide -+-> report
                 |                     ^                         |
                 +-> assemble (admits) -> refit -> train -> compare -> promote <-+

Every function takes the open stores and one `Run`, does its stage for (model, as_of), and returns a record. What one
stage leaves to the next are facts in the ledger (the snapshot of the day, the version trained for it, the verdict on
it), so that Airflow, a shell and a replay start the same stage in the same way, and twice if need be.

Read `daily`, `scoring`, `deciding` and `reporting` first, then `refitting`, `learning`, `comparing` and `movements`;
`champion` loads what serves, `profiling` keeps what a version was trained on, counted, `fitting` makes a version of a fit,
`walking` scores days by fits that had not seen them, `promised` says what they came to, `contests` keeps who is under test,
`approving` asks people, `accepting` takes their word on new levels, `carding` writes what is known of a version,
`delivering` does so for the events that wait, `losing` ends what processes that are gone have left, `purging` takes away what is
old, `evidence` gathers what
`decide` looks at, `labelling` finds the days that have labels, `admitting` those of them that may teach, `beginning` what a
first training does while these are few, and `watching` looks at a search while it runs.
"""

from collections.abc import Callable, Mapping
from typing import Any

from perennial.pipeline.champion import check_registry, settle, settle_or_trust
from perennial.pipeline.comparing import compare
from perennial.pipeline.daily import capture, monitor, refresh, validate
from perennial.pipeline.deciding import decide
from perennial.pipeline.delivering import deliver_to_registry
from perennial.pipeline.describing import describe, find_links
from perennial.pipeline.learning import ask_for_retraining, assemble, challenge, train
from perennial.pipeline.losing import mark_lost
from perennial.pipeline.mailing import deliver, drain_outbox, mail
from perennial.pipeline.movements import promote, rollback
from perennial.pipeline.opening import Stores, open_checked_stores, open_stores
from perennial.pipeline.purging import list_overdue, purge
from perennial.pipeline.refitting import refit, unpin
from perennial.pipeline.reporting import draw_page, report
from perennial.pipeline.scoring import commit_shards, plan_shards, score, score_shard
from perennial.pipeline.watching import SearchWatch
from perennial.records import Run

Stage = Callable[[Stores, Run], Any]

STAGES: Mapping[str, Stage] = {
    "refresh": refresh,
    "validate": validate,
    "refit": refit,
    "train": train,
    "compare": compare,
    "promote": promote,
    "score": score,
    "monitor": monitor,
    "decide": decide,
    "report": report,
}

__all__ = [
    "STAGES",
    "SearchWatch",
    "Stage",
    "Stores",
    "ask_for_retraining",
    "assemble",
    "capture",
    "challenge",
    "check_registry",
    "commit_shards",
    "compare",
    "decide",
    "deliver",
    "deliver_to_registry",
    "describe",
    "drain_outbox",
    "draw_page",
    "find_links",
    "list_overdue",
    "mail",
    "mark_lost",
    "monitor",
    "open_checked_stores",
    "open_stores",
    "plan_shards",
    "promote",
    "purge",
    "refit",
    "refresh",
    "report",
    "rollback",
    "score",
    "score_shard",
    "settle",
    "settle_or_trust",
    "train",
    "unpin",
    "validate",
]
