-- name: read_server
-- The version of the server, for people and as a number to compare.
select current_setting('server_version') as version, current_setting('server_version_num')::int as number;

-- name: read_roles
-- Names of the roles that exist and may log in.
select rolname from pg_roles where rolcanlogin;

-- name: may_analysts_lock
-- May an analyst hold up stages with the locks by which they wait for each other?
select has_function_privilege('analyst', 'pg_advisory_lock(bigint)', 'execute');
