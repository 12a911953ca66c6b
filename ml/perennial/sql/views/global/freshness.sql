-- Purpose: how new the scores are, and why newer ones are missing.
-- Grain: one row per model. Made by `perennial sync` as pipeline, whose rights on the ledger it lends; no parameters.
create or replace view analytics.freshness as
with live as (
    select distinct on (model) model, as_of, version, rows, effective_at, published_at
    from ledger.publications
    where status = 'live'
    order by model, as_of desc
),

days as (
    select model, max(as_of) as as_of
    from ledger.runs
    where stage in ('refresh', 'validate', 'score')
    group by model
),

stops as (
    select model, as_of, 'blocked' as kind, message as because, recorded_at from ledger.publications where status = 'blocked'
    union all
    select model, as_of, 'blocked', sentence, recorded_at from ledger.decisions where choice = 'BLOCK'
),

obstacles as (
    select * from stops
    union all
    select model, as_of, status, stage || ': ' || coalesce(message, 'no message'), coalesce(finished_at, recorded_at)
    from ledger.runs
    where status in ('failed', 'refused') and stage in ('refresh', 'validate', 'score')
        and not exists (  -- a stop ends its own attempt
            select from stops
            where stops.model = runs.model and stops.as_of = runs.as_of and stops.because = runs.message
        )
        and not exists (  -- what failed and was done later stands in nobody's way
            select from ledger.runs as later
            where later.model = runs.model and later.as_of = runs.as_of and later.stage = runs.stage
                and later.run_id > runs.run_id and later.status = 'ok'
        )
        and not (  -- a day without anybody to score misses nothing
            stage = 'score' and exists (
                select from ledger.snapshots
                where snapshots.model = runs.model and snapshots.as_of = runs.as_of and kind = 'features' and rows = 0
            )
        )
),

newest_obstacles as (
    select distinct on (obstacles.model) obstacles.*
    from obstacles
    left join live using (model)
    where live.as_of is null or obstacles.as_of > live.as_of
    order by obstacles.model, obstacles.as_of desc, obstacles.recorded_at desc
)

select
    model,
    live.as_of as scored_as_of,
    live.version,
    live.rows,
    live.effective_at as scored_at,
    live.published_at,
    days.as_of as newest_as_of,
    newest_obstacles.as_of as missing_as_of,
    newest_obstacles.kind as missing_kind,
    newest_obstacles.because as missing_because
from days
full join live using (model)
left join newest_obstacles using (model);

comment on view analytics.freshness is 'One row per model: the as_of of the scores that are read now, and what stands in the way of newer ones';
comment on column analytics.freshness.model is 'The model, as in models/<name>.toml';
comment on column analytics.freshness.scored_as_of is 'Newest as_of with live scores; null before the first';
comment on column analytics.freshness.version is 'Model version that scored it';
comment on column analytics.freshness.rows is 'Scored entities';
comment on column analytics.freshness.scored_at is 'The clock of the run that scored';
comment on column analytics.freshness.published_at is 'The wall''s time of the publication';
comment on column analytics.freshness.newest_as_of is 'Newest as_of that was begun; later than scored_as_of while newer scores are missing, or had nobody to score';
comment on column analytics.freshness.missing_as_of is 'Newest as_of after scored_as_of that was stopped; null when none was';
comment on column analytics.freshness.missing_kind is 'blocked (a check stopped it), refused (a rule said no) or failed (a fault)';
comment on column analytics.freshness.missing_because is 'What stopped it, in words';
