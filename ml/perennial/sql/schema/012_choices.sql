-- Purpose: why a version is of this recipe: what the first champion's verdict says, and what a person should look at before.
-- Run by `perennial migrate` as role owner.

alter table ledger.versions add column choice jsonb;
comment on column ledger.versions.choice is 'Log-loss out of fold of everybody that its recipe was chosen from, suspicions of a leak, and where history was too short to choose the day on which it will not be; null where a known recipe was fitted again';
