-- Purpose: who may do what in the warehouse, as PostgreSQL's catalogs say.

-- name: list_given
-- Every privilege that somebody has been given on what is ours, a row each: the kind and the name of the thing as GRANT spells it,
-- its schema, its owner, the role (public: everybody), the privilege. Owners are left out, and of roles that are not ours reading.
with things as (
    select 'schema' as kind, format('%I', nspname) as name, nspname as schema, nspname as bare, '' as part, nspowner as owner,
        coalesce(nspacl, acldefault('n', nspowner)) as given
    from pg_namespace
    union all
    select case relkind when 'S' then 'sequence' else 'table' end, format('%s.%I', relnamespace::regnamespace, relname),
        relnamespace::regnamespace::text, relname, '', relowner,
        coalesce(relacl, acldefault(case relkind when 'S' then 's' else 'r' end::"char", relowner))
    from pg_class
    where relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    union all
    select 'table', format('%s.%I', relnamespace::regnamespace, relname), relnamespace::regnamespace::text, relname,
        format('%I', attname), relowner, attacl
    from pg_attribute
    join pg_class on pg_class.oid = attrelid
    where attacl is not null and not attisdropped
    union all
    select 'function', pg_proc.oid::regprocedure::text, pronamespace::regnamespace::text, proname, '', proowner,
        coalesce(proacl, acldefault('f', proowner))
    from pg_proc
    union all
    select 'default', format('for role %I in schema %I', defaclrole::regrole::text, nspname), nspname, defaclrole::regrole::text,
        case defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' when 'T' then 'types' end,
        defaclrole, defaclacl
    from pg_default_acl
    join pg_namespace on pg_namespace.oid = defaclnamespace
    union all
    select 'database', format('%I', datname), '<database>', datname, '', datdba, coalesce(datacl, acldefault('d', datdba))
    from pg_database
    where datname = current_database()
)
select things.kind, things.name, things.schema, things.bare, things.part, things.owner::regrole::text as owner,
    coalesce(pg_roles.rolname, 'public') as role,
    lower(privilege_type) as privilege, is_grantable
from things
cross join aclexplode(things.given)
left join pg_roles on pg_roles.oid = grantee
where things.schema = any(:schemas) and grantee <> things.owner
    and (grantee = 0 or pg_roles.rolname = any(:roles) or lower(privilege_type) not in ('select', 'usage', 'execute', 'connect', 'temporary'))
    and (
        things.schema <> 'source' or kind in ('schema', 'default')
        or (kind = 'table' and (grantee = 0 or pg_roles.rolname in ('pipeline', 'analyst')) and privilege_type <> 'SELECT')
    )
order by things.kind, things.name, role, privilege, things.part;

-- name: list_things
-- Every schema, table, view, sequence and function of ours, with its owner.
select 'schema' as kind, format('%I', nspname) as name, nspname as schema, nspname as bare, nspowner::regrole::text as owner
from pg_namespace
where nspname = any(:schemas)
union all
select case relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence' else 'table' end,
    format('%s.%I', relnamespace::regnamespace, relname), relnamespace::regnamespace::text, relname, relowner::regrole::text
from pg_class
where relkind in ('r', 'p', 'v', 'm', 'f', 'S') and relnamespace::regnamespace::text = any(:schemas)
union all
select 'function', pg_proc.oid::regprocedure::text, pronamespace::regnamespace::text, proname, proowner::regrole::text
from pg_proc
where pronamespace::regnamespace::text = any(:schemas)
order by 1, 2;

-- name: list_withdrawn
-- What owners have taken from themselves, your tables in source aside: a right of an owner that its thing's list does not hold.
select kind, name, owner, privilege
from (
    select case relkind when 'S' then 'sequence' else 'table' end as kind,
        format('%s.%I', relnamespace::regnamespace, relname) as name, relowner::regrole::text as owner,
        relowner, relacl, acldefault(case relkind when 'S' then 's' else 'r' end::"char", relowner) as whole
    from pg_class
    where relacl is not null and relkind in ('r', 'p', 'v', 'm', 'f', 'S') and relnamespace::regnamespace::text = any(:schemas)
        and relnamespace::regnamespace::text <> 'source'
) as things
cross join lateral (
    select lower(privilege_type) as privilege from aclexplode(whole) where grantee = relowner
    except
    select lower(privilege_type) from aclexplode(relacl) where grantee = relowner
) as lacking
order by 1, 2, 4;

-- name: list_members
-- The roles that our roles are members of.
select member::regrole::text as role, roleid::regrole::text as of_role
from pg_auth_members
where member::regrole::text = any(:roles)
order by 1, 2;

-- name: list_guards
-- What the triggers of the ledger by which facts stay refuse: the table, and delete, truncate, update.
select relname as name, tgtype & 8 > 0 as stops_delete, tgtype & 32 > 0 as stops_truncate, tgtype & 16 > 0 as stops_update
from pg_trigger
join pg_class on pg_class.oid = tgrelid
where relnamespace = 'ledger'::regnamespace and tgname = 'facts_stay' and tgfoid = 'ledger.refuse_change'::regproc
order by 1;

-- name: list_lifted
-- Triggers of the ledger that are off.
select relname as name, tgname as trigger
from pg_trigger
join pg_class on pg_class.oid = tgrelid
where relnamespace = 'ledger'::regnamespace and not tgisinternal and tgenabled not in ('O', 'A')
order by 1, 2;
