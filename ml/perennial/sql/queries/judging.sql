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

-- name: read_source_kind
-- What a source is, by its quoted name: r a table, p a partitioned one, v a view, m a materialised view, f a foreign table.
select relkind from pg_class where oid = to_regclass(:table);

-- name: read_source_trees
-- The rules of a source that is a view, by its quoted name, and of the views behind it; the conditions of row security wherever a
-- table has any. Columns: the relation; what it is; the tree as text.
with recursive reached (relation) as (
    select to_regclass(:table)::oid
    union
    select refobjid
    from reached
    join pg_class as reading on reading.oid = relation and reading.relkind = 'v'
    join pg_rewrite on ev_class = relation
    join pg_depend on pg_depend.classid = 'pg_rewrite'::regclass and pg_depend.objid = pg_rewrite.oid
    join pg_class on refclassid = 'pg_class'::regclass and pg_class.oid = refobjid
)

select relation::regclass::text as relation, 'a view' as what, ev_action::text as tree
from reached
join pg_class on pg_class.oid = relation and relkind = 'v'
join pg_rewrite on ev_class = relation
union all
select relation::regclass::text, 'a table with row security', polqual::text
from reached
join pg_class on pg_class.oid = relation and relrowsecurity
join pg_policy on polrelid = relation
where polqual is not null;

-- name: read_functions
-- Functions by their numbers: name, how they are written, whether they are immutable, stable or volatile (i, s, v), and whether a
-- superuser answers for them.
select
    pg_proc.oid::int8 as number,
    proname as name,
    pg_proc.oid::regprocedure::text as written,
    provolatile as volatility,
    rolsuper as is_trusted
from pg_proc
join pg_roles on pg_roles.oid = proowner
where pg_proc.oid = any(cast(:functions as oid[]));

-- name: read_types
-- Of some types by their numbers: do they hold a time of the calendar or the clock, themselves or as array, range, multirange, domain
-- or row; and does reading a text as one run a check of somebody who is no superuser, as domains have them.
with recursive inside (number, part) as (
    select type.number, type.number from unnest(cast(:types as oid[])) as type (number)
    union
    select inside.number, further.part
    from inside
    join pg_type on pg_type.oid = inside.part
    cross join lateral (
        select typelem
        union all
        select typbasetype
        union all
        select rngsubtype from pg_range where inside.part in (rngtypid, rngmultitypid)
        union all
        select atttypid from pg_attribute where typrelid <> 0 and attrelid = typrelid and attnum > 0 and not attisdropped
    ) as further (part)
    where further.part <> 0
)

select
    inside.number::int8 as number,
    format_type(inside.number, null) as written,
    bool_or(typcategory = 'D' and typtype = 'b') as is_instant,
    bool_or(typtype = 'd' and not rolsuper) as is_checked
from inside
join pg_type on pg_type.oid = part
join pg_roles on pg_roles.oid = typowner
group by inside.number;
