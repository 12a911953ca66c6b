-- name: read_server
-- The version of the server, for people and as a number to compare.
select current_setting('server_version') as version, current_setting('server_version_num')::int as number;

-- name: read_roles
-- Names of the roles that exist and may log in.
select rolname from pg_roles where rolcanlogin;
