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
-- What PostgreSQL may run when a source is read or such a read is planned, by its quoted name: the rules of a view and of the views
-- behind it; the conditions of row security, and what they read; of tables and their partitions the expressions of indexes, checks,
-- partitions and statistics, of which the planner works out whatever is constant. Columns: the relation; what it is; the tree as
-- text; whether it runs for rows that are read.
with recursive reached (relation) as (
    select to_regclass(:table)::oid
    union
    select further.relation
    from reached
    cross join lateral (
        select refobjid as relation
        from pg_class as reading
        join pg_rewrite on ev_class = reading.oid
        join pg_depend on classid = 'pg_rewrite'::regclass and objid = pg_rewrite.oid and refclassid = 'pg_class'::regclass
        where reading.oid = reached.relation and reading.relkind = 'v'
        union all
        select refobjid
        from pg_class as guarded
        join pg_policy on polrelid = guarded.oid
        join pg_depend on classid = 'pg_policy'::regclass and objid = pg_policy.oid and refclassid = 'pg_class'::regclass
        where guarded.oid = reached.relation and guarded.relrowsecurity
        union all
        select inhrelid from pg_inherits where inhparent = reached.relation
    ) as further
)

select relation::regclass::text as relation, found.what, found.tree, found.is_read
from reached
cross join lateral (
    select 'a view' as what, ev_action::text as tree, true as is_read
    from pg_class
    join pg_rewrite on ev_class = pg_class.oid
    where pg_class.oid = relation and relkind = 'v'
    union all
    select 'a table with row security', polqual::text, true
    from pg_class
    join pg_policy on polrelid = pg_class.oid
    where pg_class.oid = relation and relrowsecurity
    union all
    select 'a table with an index', index_tree.tree, false
    from pg_index
    cross join lateral (values (indexprs::text), (indpred::text)) as index_tree (tree)
    where indrelid = relation
    union all
    select 'a table with a check', conbin::text, false from pg_constraint where conrelid = relation
    union all
    select 'a table with partitions', partexprs::text, false from pg_partitioned_table where partrelid = relation
    union all
    select 'a table with statistics', stxexprs::text, false from pg_statistic_ext where stxrelid = relation
) as found
where found.tree is not null;

-- name: read_source_columns
-- Columns of a source, by its quoted name, with the numbers of their types.
select attname::text as name, atttypid::int8 as type
from pg_attribute
where attrelid = to_regclass(:table) and attnum > 0 and not attisdropped
order by attname;

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
-- or row; does reading a text as one run a check of somebody who is no superuser, as domains have them; does a cast of one, or of
-- a part of it; does making a value of one run anything of somebody who is no superuser: the function of a cast, the check of a
-- domain, the canonical form of a range.
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
),

casted (type) as (
    select side.type
    from pg_cast
    join pg_proc on pg_proc.oid = castfunc
    join pg_roles on pg_roles.oid = proowner and not rolsuper
    cross join lateral (values (castsource), (casttarget)) as side (type)
),

acting (type) as (
    select type from casted
    union
    select contypid
    from pg_constraint
    join pg_type on pg_type.oid = contypid
    join pg_roles on pg_roles.oid = typowner and not rolsuper
    join pg_depend on
        classid = 'pg_constraint'::regclass
        and objid = pg_constraint.oid
        and refclassid in ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass)
        and not (refclassid = 'pg_type'::regclass and refobjid = contypid)
    union
    select made.type
    from pg_range
    join pg_proc on pg_proc.oid = rngcanonical
    join pg_roles on pg_roles.oid = proowner and not rolsuper
    cross join lateral (values (rngtypid), (rngmultitypid)) as made (type)
)

select
    inside.number::int8 as number,
    format_type(inside.number, null) as written,
    bool_or(typcategory = 'D' and typtype = 'b') as is_instant,
    bool_or(typtype = 'd' and not rolsuper) as is_checked,
    bool_or(part in (select type from casted)) as is_cast,
    bool_or(part in (select type from acting)) as is_acting
from inside
join pg_type on pg_type.oid = part
join pg_roles on pg_roles.oid = typowner
group by inside.number;
