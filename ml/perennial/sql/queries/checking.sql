-- Purpose: what the checks of a home ask of a warehouse that was made for them alone.

-- name: list_loosenings
-- Statements that free the source tables, and photographs of captured ones, of constraints and lengths, so that a changed copy may stand beside every fact.
select format('alter table %s drop constraint if exists %I cascade', conrelid::regclass, conname) as statement
from pg_constraint where contype <> 'n' and connamespace in ('source'::regnamespace, 'history'::regnamespace)
union all
select format('alter table %s alter %I type %s', attrelid::regclass, attname, format_type(atttypid, null))
from pg_attribute join pg_class on pg_class.oid = attrelid and relnamespace = 'source'::regnamespace and relkind = 'r'
where attnum > 0 and atttypmod <> -1 and atttypid in ('numeric'::regtype, 'varchar'::regtype);

-- name: list_indexes
-- Statements that drop unique indexes of the source tables that are no constraint.
select format('drop index %s', indexrelid::regclass) as statement
from pg_index join pg_class on pg_class.oid = indrelid and relnamespace = 'source'::regnamespace
where indisunique and not exists (select from pg_constraint where conindid = indexrelid);

-- name: list_temporary_loosenings
-- Statements that free the temporary copies of sources of the lengths of their columns.
select format('alter table %s alter %I type %s', attrelid::regclass, attname, format_type(atttypid, null)) as statement
from pg_attribute join pg_class on pg_class.oid = attrelid and relnamespace = pg_my_temp_schema() and relkind = 'r'
where attnum > 0 and not attisdropped and atttypmod <> -1 and atttypid in ('numeric'::regtype, 'varchar'::regtype);

-- name: read_temporary_schema
-- The name of the schema that holds this session's temporary tables.
select pg_my_temp_schema()::regnamespace::text;

-- name: read_backend
-- The number of this session's process: no other has it at the same time.
select pg_backend_pid();

-- name: limit_check
-- A check waits for no lock of others, and ends before it is a burden; both hold until the transaction ends.
select set_config('lock_timeout', :lock_timeout, true), set_config('statement_timeout', :statement_timeout, true);
