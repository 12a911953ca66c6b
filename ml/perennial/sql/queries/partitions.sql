-- Purpose: what a table of a model is, before its rows are moved into months.

-- name: kind_of
-- 'r' for a plain table, 'p' for one of months; no row where there is none.
select relkind::text from pg_class where oid = to_regclass(:table);

-- name: primary_key_name
-- The name of its primary key.
select conname::text from pg_constraint where conrelid = to_regclass(:table) and contype = 'p';

-- name: comment_on
-- Its comment; null where there is none.
select obj_description(to_regclass(:table), 'pg_class');

-- name: views_on
-- The views that read it; ours are those in analytics that this role made.
select distinct
    pg_class.oid::regclass::text as view,
    relnamespace = 'analytics'::regnamespace and relowner = current_user::regrole as is_ours
from pg_depend
join pg_rewrite on pg_depend.classid = 'pg_rewrite'::regclass and pg_depend.objid = pg_rewrite.oid
join pg_class on pg_class.oid = pg_rewrite.ev_class
where pg_depend.refclassid = 'pg_class'::regclass and pg_depend.refobjid = to_regclass(:table)
order by 1;
