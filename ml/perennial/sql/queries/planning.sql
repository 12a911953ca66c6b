-- Purpose: what was built and how long that took, for the plan of a change. Nothing here writes.

-- name: built_days
-- One row per day and kind that stands: its rows, what built it, and what the suites said.
select as_of, kind, rows, query_hash, config_hash, status
from ledger.snapshots
where model = :model and status <> 'purged'
order by as_of, kind;

-- name: usual_seconds
-- The median over the newest attempts of a stage that ended well, in seconds; null before the first.
with newest as (
    select extract(epoch from finished_at - recorded_at)::double precision as seconds
    from ledger.runs
    where model = :model and stage = :stage and status = 'ok'
    order by run_id desc
    limit 20
)

select percentile_cont(0.5) within group (order by seconds) from newest;

-- name: built_models
-- Every model of which something was built.
select distinct model from ledger.snapshots order by model;
