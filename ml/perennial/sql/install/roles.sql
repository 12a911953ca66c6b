-- Purpose: the roles of the warehouse, made once by a superuser (the embedded stack and the compose file run it).
-- Everything after it needs no superuser. Passwords are set apart (alter role ... password), never written in a file.
do $$
declare
    wanted text;
begin
    foreach wanted in array array['owner', 'loader', 'pipeline', 'analyst', 'watcher', 'recorder', 'airflow', 'mlflow'] loop
        if not exists (select from pg_roles where rolname = wanted) then
            execute format('create role %I login', wanted);
        end if;
    end loop;
end
$$;

-- The migrations, run as owner, set default privileges for what these two will create.
grant loader, pipeline to owner;
