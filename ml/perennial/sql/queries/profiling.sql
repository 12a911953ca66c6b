-- Purpose: what ml/perennial/stores/warehouse/profiling.py asks of PostgreSQL about a table that no model reads yet.

-- name: read_relation
-- One table, view or materialised view by schema and name; whether this role may read it, or even look into its schema, it says.
select
    nspname as schema,
    relname as name,
    quote_ident(nspname) || '.' || quote_ident(relname) as written,
    relkind in ('v', 'f') as is_view,
    case when reltuples >= 0 and relkind <> 'v' then cast(reltuples as bigint) end as estimated_rows,
    has_schema_privilege(pg_namespace.oid, 'usage') and has_table_privilege(pg_class.oid, 'select') as is_readable,
    exists (select from pg_get_keywords() where word = lower(relname) and catcode in ('R', 'T')) as is_reserved
from pg_class
join pg_namespace on pg_namespace.oid = relnamespace
where nspname = :schema and relname = :name and relkind in ('r', 'p', 'v', 'm', 'f');

-- name: read_columns
-- Columns of one table in their order, by its quoted name: name, as SQL writes it, type, and whether the primary key holds it.
select
    attname as name,
    quote_ident(attname) as written,
    case
        when typtype = 'e' then 'enum'
        else format_type(coalesce(nullif(typbasetype, 0), atttypid), null)
    end as type,
    coalesce(attnum = any(primary_key.places), false) as in_primary_key
from pg_attribute
join pg_type on pg_type.oid = atttypid
left join lateral (
    select cast(string_to_array(cast(indkey as text), ' ') as smallint []) as places
    from pg_index
    where indrelid = attrelid and indisprimary
) as primary_key on true
where attrelid = to_regclass(:name) and attnum > 0 and not attisdropped
order by attnum;

-- name: list_readable_tables
-- Tables and views that this role may read, ours and PostgreSQL's own left out, as `table` of a source names them.
select
    case when nspname ~ '[."]' then quote_ident(nspname) else nspname end
    || '.' || case when relname ~ '[."]' then quote_ident(relname) else relname end
from pg_class
join pg_namespace on pg_namespace.oid = relnamespace
where
    relkind in ('r', 'p', 'v', 'm', 'f')
    and not relispartition
    and nspname not in ('pg_catalog', 'information_schema', 'features', 'labels', 'scores', 'ledger', 'history', 'tuning', 'analytics')
    and nspname !~ '^pg_'
    and has_schema_privilege(pg_namespace.oid, 'usage')
    and has_table_privilege(pg_class.oid, 'select')
order by 1
limit :most;
