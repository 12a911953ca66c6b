-- Purpose: an attempt whose process is gone is `lost`, and a publication says what its scores come to, so that a check finds rows
-- that were changed since. Run by `perennial migrate` as role owner.

alter table ledger.runs drop constraint runs_status_check;
alter table ledger.runs add constraint runs_status_check check (status in ('running', 'ok', 'failed', 'refused', 'lost'));
comment on table ledger.runs is 'One row per attempt of a stage; one that died stays at running until somebody finds that nobody holds its lock: lost';
comment on column ledger.runs.status is 'running, ok, failed (a fault), refused (a rule said no) or lost (its process is gone)';

alter table ledger.publications add column scores_checksum text;
comment on column ledger.publications.scores_checksum is 'Sum of the 64-bit hashes of the rows, as published; null of a publication from before migration 023';
