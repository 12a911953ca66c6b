-- Purpose: what the role recorder may: count what requests to a canary came to, by one function, and read nothing.
-- Run as owner at the end of every `perennial migrate`, so that it is what this release wants; without the role it does nothing.
-- No parameters.
do $$
begin
    if not exists (select from pg_roles where rolname = 'recorder') then
        return;
    end if;
    grant usage on schema ledger to recorder;
    grant execute on function ledger.record_request to recorder;
end
$$;
