-- Purpose: what ml/perennial/stores/warehouse asks of PostgreSQL. Grain and parameters stand with each query.

-- name: create_ledger_schema
-- The schema that remembers migrations must exist before the first of them.
create schema if not exists ledger;

-- name: create_migrations
-- One row per applied migration.
create table if not exists ledger.migrations (
    number integer primary key,
    name text not null,
    checksum text not null,
    recorded_at timestamptz not null default clock_timestamp()
);

-- name: has_migrations
-- Was anything migrated here?
select to_regclass('ledger.migrations') is not null;

-- name: read_migrations
-- Every applied migration: number, name, checksum.
select number, name, checksum from ledger.migrations order by number;

-- name: record_migration
-- Remember one applied migration.
insert into ledger.migrations (number, name, checksum) values (:number, :name, :checksum);

-- name: see_temporary_schema_only
-- Until see_default_schemas, names mean temporary views (and what pg_catalog holds) and nothing else.
set local search_path = pg_temp;

-- name: see_default_schemas
-- Names mean what they meant when the session began.
set local search_path to default;

-- name: read_source_columns
-- Columns of one table in their order, by its quoted name; none if there is no such table.
select attname as name, format_type(atttypid, null) as type
from pg_attribute
where attrelid = to_regclass(:table) and attnum > 0 and not attisdropped
order by attnum;

-- name: read_table_columns
-- Columns of one table, view or materialized view in their order, by the bare names of schema and table; none if there is none.
select attname as name, format_type(atttypid, null) as type
from pg_attribute
join pg_class on pg_class.oid = attrelid
join pg_namespace on pg_namespace.oid = relnamespace
where nspname = :schema and relname = :table and attnum > 0 and not attisdropped
order by attnum;

-- name: read_access
-- One row: may the role of this session enter the schema of a table, and read the table? No row if there is no such table.
select
    current_user::text as role,
    has_schema_privilege(pg_namespace.oid, 'usage') as may_enter,
    has_table_privilege(pg_class.oid, 'select') as may_read
from pg_class
join pg_namespace on pg_namespace.oid = relnamespace
where nspname = :schema and relname = :table and relkind in ('r', 'p', 'v', 'm', 'f');

-- name: read_primary_key
-- Columns of the primary key of one table, by its quoted name.
select attname
from pg_index
join pg_attribute on attrelid = indrelid and attnum = any(indkey)
where indrelid = to_regclass(:table) and indisprimary;

-- name: find_tables_like
-- Tables and views of a name, whatever its schema and capitals, as table of a source would name them.
select nspname || '.' || relname
from pg_class
join pg_namespace on pg_namespace.oid = relnamespace
where
    lower(relname) = lower(:name)
    and relkind in ('r', 'p', 'v', 'm', 'f')
    and nspname not in ('pg_catalog', 'information_schema', 'features', 'labels', 'scores', 'ledger', 'analytics')
    and nspname !~ '^pg_t'
order by nspname, relname;

-- name: read_entity_column
-- Type and comment of the column entity_id of a table, by its quoted name; no row if there is no such table.
select format_type(atttypid, null) as type, col_description(attrelid, attnum) as comment
from pg_attribute
where attrelid = to_regclass(:table) and attname = 'entity_id';

-- name: read_exact_types
-- Columns of one table by its quoted name, with the length or precision of each type, as a cast names it.
select attname as name, format_type(atttypid, atttypmod) as type
from pg_attribute
where attrelid = to_regclass(:table) and attnum > 0 and not attisdropped
order by attnum;

-- name: read_nullable_columns
-- Columns of one table or view, by its quoted name, in which null may stand.
select attname
from pg_attribute
where attrelid = to_regclass(:table) and attnum > 0 and not attisdropped and not attnotnull;

-- name: read_plain_types
-- Columns of one table in their order, by its quoted name: the bare name of the type, and what shows a domain as one that it is of.
select
    attname as name,
    format_type(coalesce(nullif(typbasetype, 0), atttypid), null) as type,
    case when typtype = 'd' then format_type(typbasetype, typtypmod) end as base
from pg_attribute
join pg_type on pg_type.oid = atttypid
where attrelid = to_regclass(:table) and attnum > 0 and not attisdropped
order by attnum;

-- name: read_sortable_columns
-- Columns of one table, by its quoted name, whose type has an ordering operator of its own.
select attname as name
from pg_attribute
join pg_type on pg_type.oid = atttypid
where
    attrelid = to_regclass(:table)
    and attnum > 0
    and not attisdropped
    and (
        typtype in ('e', 'r', 'm')
        or exists (
            select
            from pg_opclass
            join pg_am on pg_am.oid = opcmethod
            where amname = 'btree' and opcdefault and opcintype = coalesce(nullif(typbasetype, 0), pg_type.oid)
        )
    );

-- name: read_query_columns
-- Columns of the temporary view user_query, in their order.
select attname as name, format_type(atttypid, null) as type
from pg_attribute
where attrelid = 'pg_temp.user_query'::regclass and attnum > 0 and not attisdropped
order by attnum;

-- name: read_foreign_dependencies
-- Tables, views and functions outside the temporary schema that user_query depends on.
select distinct relnamespace::regnamespace || '.' || relname
from pg_rewrite
join pg_depend on pg_depend.classid = 'pg_rewrite'::regclass and pg_depend.objid = pg_rewrite.oid
join pg_class on pg_depend.refclassid = 'pg_class'::regclass and pg_depend.refobjid = pg_class.oid
where pg_rewrite.ev_class = 'pg_temp.user_query'::regclass and relnamespace <> pg_my_temp_schema()
union  -- PostgreSQL records no dependency on its own catalogs: they are found in what it understood of the query
select distinct relnamespace::regnamespace || '.' || relname
from pg_rewrite
cross join regexp_matches(ev_action::text, '\mrelid (\d+)', 'g') as reads (read)
join pg_class on pg_class.oid = read[1]::oid
where pg_rewrite.ev_class = 'pg_temp.user_query'::regclass and relnamespace <> pg_my_temp_schema()
union
select distinct pronamespace::regnamespace || '.' || proname || '()'
from pg_rewrite
join pg_depend on pg_depend.classid = 'pg_rewrite'::regclass and pg_depend.objid = pg_rewrite.oid
join pg_proc on pg_depend.refclassid = 'pg_proc'::regclass and pg_depend.refobjid = pg_proc.oid
where pg_rewrite.ev_class = 'pg_temp.user_query'::regclass and pronamespace <> 'pg_catalog'::regnamespace;

-- name: relation_exists
-- Is there a table or view of that quoted name?
select to_regclass(:name) is not null;

-- name: read_view_digest
-- Digest of one view file as it was last run.
select digest from ledger.views where name = :name;

-- name: record_view_digest
-- Remember a view file as it was run.
insert into ledger.views (name, digest) values (:name, :digest)
on conflict (name) do update set digest = excluded.digest, recorded_at = clock_timestamp();

-- name: cohort_exists
-- Does the open temporary view cohort hold anybody?
select exists (select from pg_temp.cohort);

-- name: forget_quarantine
-- A day that is built anew has rejected nothing yet; facts that were set aside stay, for other days leave them out too.
delete from ledger.quarantine where model = :model and as_of = :as_of and source is null;

-- name: record_snapshot
-- The ledger's row of one built day; a rebuilt day begins again as `built`.
insert into ledger.snapshots (
    model, as_of, kind, rows, checksum, query_hash, config_hash, columns, known_rule, status, purpose, effective_at
)
values (
    :model, :as_of, :kind, :rows, :checksum, :query_hash, :config_hash, cast(:columns as jsonb) -> 'columns',
    cast(:known_rule as jsonb), 'built', :purpose, :effective_at
)
on conflict (model, as_of, kind) do update set
    rows = excluded.rows, checksum = excluded.checksum, query_hash = excluded.query_hash, config_hash = excluded.config_hash,
    columns = excluded.columns, known_rule = excluded.known_rule, status = excluded.status, purpose = excluded.purpose,
    effective_at = excluded.effective_at, recorded_at = clock_timestamp();

-- name: record_what_is_left
-- The ledger's row of a snapshot after rows were set aside from it.
update ledger.snapshots set rows = :rows, checksum = :checksum where model = :model and as_of = :as_of and kind = 'features';

-- name: find_days
-- Checksums and rows of the days of one kind that may be used: snapshots must have passed their suites, labels need only exist.
select as_of, checksum, rows
from ledger.snapshots
where model = :model and kind = :kind and as_of = any(:as_ofs) and (kind = 'labels' and status <> 'purged' or status = 'valid');

-- name: rejected_entities
-- Whose rows of a snapshot its suites rejected, as text.
select distinct entity_id from ledger.quarantine where model = :model and as_of = :as_of and source is null;

-- name: list_all_tables
-- Every table of the database, quoted, PostgreSQL's own and the shards of attempts that run left out.
select format('%I.%I', nspname, relname)
from pg_class
join pg_namespace on pg_namespace.oid = relnamespace
where relkind = 'r' and nspname <> 'information_schema' and not starts_with(nspname, 'pg_')
    and not (nspname = 'scores' and starts_with(relname, 'shard$'))
order by 1;
