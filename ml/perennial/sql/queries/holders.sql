-- Purpose: attempts whose process is gone. Whoever runs one holds the advisory lock ('run', run_id) until its row says how it
-- ended: a row at `running` whose lock nobody holds belongs to nobody. A run that was begun by a release before 023 holds none.

-- name: lost_runs
-- Attempts at `running` whose lock nobody holds, oldest first. Within an older snapshot one may have ended since: look again.
with held as (
    select (classid::bigint << 32) | objid::bigint as lock
    from pg_locks
    where locktype = 'advisory' and objsubid = 1 and granted
        and database = (select oid from pg_database where datname = current_database())
)
select run_id, model, stage, as_of, recorded_at
from ledger.runs
where status = 'running' and (cast(:model as text) is null or model = :model)
    and hashtextextended('run' || chr(31) || run_id, 0) not in (select lock from held)
order by run_id;

-- name: mark_lost
-- Such attempts end as `lost`; one that has ended by itself meanwhile stays as it is.
update ledger.runs
set status = 'lost', message = 'Its process is gone: nobody holds the lock of this attempt.', finished_at = clock_timestamp()
where status = 'running' and run_id = any(:run_ids)
returning run_id, model, stage, as_of, recorded_at;

-- name: lost_attempts
-- Publications at `building` that no running attempt of the stage works for. One whose planning has ended well waits for the
-- tasks of its shards, however many, and counts only when it began before an instant.
select publication_id, model, as_of, attempt, shards, recorded_at
from ledger.publications
where status = 'building' and (cast(:model as text) is null or model = :model)
    and not exists (
        select from ledger.runs
        where runs.model = publications.model and runs.as_of = publications.as_of and stage = 'score' and status = 'running'
            and run_id <> all(:lost)
    )
    and (
        recorded_at < :before
        or 'ok' is distinct from (
            select runs.status from ledger.runs
            where runs.model = publications.model and runs.as_of = publications.as_of and stage = 'score'
                and runs.recorded_at <= publications.recorded_at
            order by run_id desc limit 1
        )
    )
order by publication_id;

-- name: end_attempts
-- Such publications may not publish any more: whoever still works for one fails at its fence.
update ledger.publications set status = 'replaced', message = 'Its process was gone before it had published.'
where status = 'building' and publication_id = any(:publication_ids)
returning model;
