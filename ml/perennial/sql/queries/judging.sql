-- name: read_trees
-- What PostgreSQL understood of user_query, and of every view behind a source that it reads. Columns: the view, null for user_query
-- itself; the tree as text.
with recursive reached (relation) as (
    select 'pg_temp.user_query'::regclass::oid
    union
    select refobjid
    from reached
    join pg_rewrite on ev_class = relation
    join pg_depend on pg_depend.classid = 'pg_rewrite'::regclass and pg_depend.objid = pg_rewrite.oid
    join pg_class on refclassid = 'pg_class'::regclass and pg_class.oid = refobjid and relkind = 'v'
)

select nullif(relation, 'pg_temp.user_query'::regclass)::regclass::text as relation, ev_action::text as tree
from reached
join pg_rewrite on ev_class = relation
order by relation nulls first;

-- name: read_functions
-- Functions by their numbers: name, how they are written, and whether they are immutable, stable or volatile (i, s, v).
select oid::int8 as number, proname as name, oid::regprocedure::text as written, provolatile as volatility
from pg_proc
where oid = any(cast(:functions as oid[]));

-- name: read_instants
-- Of some types by their numbers, those that hold a time of the calendar or the clock: such types themselves, arrays, ranges,
-- multiranges and domains of one, and every row type, for what is in it is read from the same text.
with recursive inside (number, part) as (
    select type.number, type.number from unnest(cast(:types as oid[])) as type (number)
    union
    select
        inside.number,
        unnest(array_remove(array[typelem, typbasetype, rngsubtype, (select rngtypid from pg_range where rngmultitypid = part)], 0))
    from inside
    join pg_type on pg_type.oid = part
    left join pg_range on rngtypid = part
)

select distinct inside.number::int8 as number, format_type(inside.number, null) as written
from inside
join pg_type on pg_type.oid = part
where (typcategory = 'D' and typtype = 'b') or typtype = 'c';
