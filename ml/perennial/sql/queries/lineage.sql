-- Purpose: what PostgreSQL understood of the open query of a user, and what the ledger says that an attempt of a stage left.

-- name: read_trees
-- user_query and the temporary views that it reads, as pg_depend knows them. Columns: number of the relation; the tree as text.
with recursive reached (relation) as (
    select 'pg_temp.user_query'::regclass::oid
    union
    select refobjid
    from reached
    join pg_rewrite on ev_class = relation
    join pg_depend on pg_depend.classid = 'pg_rewrite'::regclass and pg_depend.objid = pg_rewrite.oid
    join pg_class on refclassid = 'pg_class'::regclass and pg_class.oid = refobjid
    where relkind = 'v' and relnamespace = pg_my_temp_schema()
)

select relation::int8 as number, relation = 'pg_temp.user_query'::regclass as is_query, ev_action::text as tree
from reached
join pg_rewrite on ev_class = relation;

-- name: read_columns
-- Columns of relations by their numbers. Columns: relation, schema, table, position, column.
select
    attrelid::int8 as relation,
    nspname as schema,
    relname as table,
    attnum as position,
    attname as column
from pg_attribute
join pg_class on pg_class.oid = attrelid
join pg_namespace on pg_namespace.oid = relnamespace
where attrelid = any(cast(:relations as oid[])) and attnum > 0 and not attisdropped
order by attrelid, attnum;

-- name: find_attempt
-- The newest attempt of a stage that an Airflow run made for a day.
select run_id, stage, status, purpose, actor, effective_at, recorded_at, finished_at
from ledger.runs
where model = :model and stage = :stage and as_of = :as_of and dag_run_id = :dag_run_id
order by run_id desc
limit 1;

-- name: find_building
-- What the scores of a publication were made of.
select publication_id, snapshot_checksum, manifest_hash, config_hash, query_hash, code_version, canary_id, canary_share,
    canary_version
from ledger.publications
where publication_id = :publication_id;

-- name: days_built
-- What stands in features.<model> or labels.<model> for some days, oldest first.
select as_of, rows, checksum
from ledger.snapshots
where model = :model and kind = :kind and as_of = any(cast(:days as date[])) and status <> 'purged'
order by as_of;

-- name: labelled_during
-- The days whose labels were written under a clock and between two instants of the wall's time, oldest first.
select as_of, rows, checksum
from ledger.snapshots
where model = :model and kind = 'labels' and effective_at = :clock and recorded_at between :begun and :ended
order by as_of;
