-- Purpose: a day may be scored in shards, by several processes, before one transaction publishes it. Run by `perennial migrate`
-- as role owner.

alter table ledger.publications add column shards smallint not null default 1 check (shards > 0);
comment on column ledger.publications.shards is 'In so many parts the entities were to be scored; their scores wait in tables scores.shard$... until the commit';
