-- Purpose: what `perennial check --all` asks of the ledger, of the tables and of the catalogs. Nothing here writes.

-- name: list_live
-- Every live publication whose scores were not purged since, newest as_of first; `erased`: rows that erasures took from it since.
select
    publication_id, model, as_of, version, rows, scores_checksum, snapshot_checksum, manifest_hash, config_hash, query_hash,
    code_version, published_at, canary_id, canary_share, canary_version,
    (select salt from ledger.canaries where canaries.canary_id = publications.canary_id) as canary_salt,
    (
        select jsonb_object_agg(arm, jsonb_build_array(canary_arms.rows, canary_arms.mean_score, canary_arms.version))
        from ledger.canary_arms where canary_arms.publication_id = publications.publication_id
    ) as arms,
    coalesce((
        select sum(erased_days.rows)
        from ledger.erased_days
        join ledger.erasures using (erasure_id)
        where erased_days.model = publications.model and erased_days.as_of = publications.as_of and kind = 'scores'
            and erasures.recorded_at > publications.published_at
    ), 0)::bigint as erased
from ledger.publications
where status = 'live' and not exists (
    select from ledger.purges
    where purges.model = publications.model and purges.as_of = publications.as_of and purges.kind = 'scores'
        and purges.recorded_at > publications.published_at
)
order by model, as_of desc;

-- name: list_days
-- Every day that was ever to be published, with its live publications, and whether scores of it were ever out.
select model, as_of, count(*) filter (where status = 'live') as live, bool_or(published_at is not null) as was_live
from ledger.publications
group by model, as_of
order by model, as_of;

-- name: list_versions
-- Every version that the ledger knows, with the manifest of its files.
select
    model, version, manifest, mlflow_run_id,
    exists (
        select from ledger.purges
        where purges.model = versions.model and purges.version = versions.version and purges.kind = 'files'
    ) as is_purged
from ledger.versions;

-- name: list_snapshots
-- Features and labels of every day, newest first, with the columns that the checksum covers; `is_erased`: rows were taken from it;
-- `is_unrejected`: who was rejected from it is not known any more.
select
    model, as_of, kind, rows, checksum, query_hash, status, recorded_at,
    array(select item.value ->> 'name' from jsonb_array_elements(columns) with ordinality item order by item.ordinality) as columns,
    exists (
        select from ledger.erased_days
        where erased_days.model = snapshots.model and erased_days.as_of = snapshots.as_of and erased_days.kind = snapshots.kind
    ) as is_erased,
    exists (
        select from ledger.purges
        where purges.model = snapshots.model and purges.as_of = snapshots.as_of and purges.kind = 'quarantine'
    ) as is_unrejected
from ledger.snapshots
order by model, as_of desc;

-- name: list_movements
-- Every applied movement of every champion, oldest first, beside the version that the one before it left.
select
    model, version, previous_version,
    lag(version) over (partition by model order by promotion_id) as left_by_the_one_before
from ledger.promotions
where status = 'applied'
order by model, promotion_id;

-- name: champions
-- The champion of every model that has one.
select distinct on (model) model, version from ledger.promotions where status = 'applied' order by model, promotion_id desc;

-- name: open_movements
-- Movements that were begun and not ended, whose lock nobody holds: ('promotion', model).
with held as (
    select (classid::bigint << 32) | objid::bigint as lock
    from pg_locks
    where locktype = 'advisory' and objsubid = 1 and granted
        and database = (select oid from pg_database where datname = current_database())
)
select model, version
from ledger.promotions
where status = 'intended' and hashtextextended('promotion' || chr(31) || model, 0) not in (select lock from held)
order by model;

-- name: deliveries
-- Mails and cards that wait: how often they were tried, what stood in the way, and since when.
select model, 'mail' as kind, event as what, attempts, last_error, recorded_at from ledger.outbox where sent_at is null
union all
select deliveries.model, 'model card', 'version ' || deliveries.version, attempts, last_error, events.recorded_at
from ledger.deliveries
join ledger.events using (event_id)
where delivered_at is null
order by 1, 2, 6;

-- name: count_deliveries
-- How many went out.
select
    (select count(*) from ledger.outbox where sent_at is not null) as mails,
    (select count(*) from ledger.deliveries where delivered_at is not null) as cards;

-- name: left_shards
-- Tables of scores that wait for a publication which will never come, and tables in our schemas that nothing of ours is called like.
select
    format('%s.%I', relnamespace::regnamespace, relname) as name, model,
    starts_with(relname, 'shard$') and publication_id is not null as is_shard
from pg_class
left join ledger.publications
    on starts_with(relname, 'shard$') and publication_id::text = split_part(split_part(relname, '$', 2), '_', 1)
where relnamespace in ('features'::regnamespace, 'labels'::regnamespace, 'scores'::regnamespace)
    and relkind in ('r', 'p') and not relispartition and position('$' in relname) > 0
    and relname not like '%$recipes' and publications.status is distinct from 'building'
order by 1;

-- name: count_tables
-- How many tables these schemas hold, partitions apart.
select count(*) as number
from pg_class
where relnamespace in ('features'::regnamespace, 'labels'::regnamespace, 'scores'::regnamespace)
    and relkind in ('r', 'p') and not relispartition;

-- name: mighty_roles
-- Roles of ours that may do more than any of them needs.
select rolname as role, array_to_string(array_remove(array[
    case when rolsuper then 'superuser' end, case when rolcreaterole then 'createrole' end,
    case when rolcreatedb then 'createdb' end, case when rolbypassrls then 'bypassrls' end,
    case when rolreplication then 'replication' end
], null), ' ') as attributes
from pg_roles
where rolname in ('owner', 'loader', 'pipeline', 'analyst', 'watcher')
    and (rolsuper or rolcreaterole or rolcreatedb or rolbypassrls or rolreplication)
order by 1;

-- name: count_rights
-- How many tables and views of ours there are.
select count(*) as number
from pg_class
where relkind in ('r', 'p', 'v', 'm')
    and relnamespace in (
        select oid from pg_namespace
        where nspname in ('features', 'labels', 'scores', 'ledger', 'tuning', 'history', 'analytics')
    );
