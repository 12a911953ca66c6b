-- Purpose: in the warehouse nobody can hold a stage up or fill the disk by what PostgreSQL leaves open to everyone. For psql, in
-- that database, as superuser, as often as one likes. Limits that somebody has set stay: alter role analyst set ... changes them.
do $$
declare
    open_to_all record;
begin
    -- Stages wait for each other with advisory locks, whose names can be guessed; large objects belong to no schema.
    for open_to_all in
        select oid::regprocedure as name, proname like any (array['pg\_advisory%', 'pg\_try\_advisory%']) as is_lock
        from pg_proc
        where
            pronamespace = 'pg_catalog'::regnamespace
            and proname like any (array['pg\_advisory%', 'pg\_try\_advisory%', 'lo\_%', 'loread', 'lowrite'])
    loop
        execute format('revoke execute on function %s from public', open_to_all.name);
        if open_to_all.is_lock then
            execute format('grant execute on function %s to owner, pipeline', open_to_all.name);
        end if;
    end loop;

    if not exists (select from pg_db_role_setting where setrole = 'analyst'::regrole) then
        alter role analyst set statement_timeout = '30min';
        alter role analyst set idle_in_transaction_session_timeout = '1min';
        alter role analyst set temp_file_limit = '20GB';
    end if;
    if (select rolconnlimit = -1 from pg_roles where rolname = 'analyst') then
        alter role analyst connection limit 40;
    end if;
    if (select rolconnlimit = -1 from pg_roles where rolname = 'loader') then
        alter role loader connection limit 40;
    end if;
    if exists (select from pg_roles where rolname = 'watcher' and rolconnlimit = -1) then
        alter role watcher connection limit 4;
    end if;
    if exists (select from pg_roles where rolname = 'recorder' and rolconnlimit = -1) then
        alter role recorder connection limit 40;
    end if;
end
$$;

-- Every role is let into these two; whoever needs one of them is named to it by its administrator.
revoke connect on database postgres, template1 from public;
