-- Purpose: quarantine keeps facts of sources too, which have no entity to be known by.
-- Run by `perennial migrate` as role owner.
alter table ledger.quarantine drop constraint quarantine_pkey;
alter table ledger.quarantine alter column entity_id drop not null;
alter table ledger.quarantine add column source text;
alter table ledger.quarantine add column fact text;
alter table ledger.quarantine add constraint quarantine_names_its_row check (
    case when source is null then entity_id is not null and fact is null else fact is not null end
);
create unique index quarantine_rows on ledger.quarantine (model, as_of, entity_id, rule) where source is null;
create unique index quarantine_facts on ledger.quarantine (model, source, fact) where source is not null;

comment on table ledger.quarantine is
    'One row per rejected snapshot row and rule, and one per fact of a source without a time or a key; the row itself is kept whole';
comment on column ledger.quarantine.source is 'The declared source of a fact; null: a row of the snapshot';
comment on column ledger.quarantine.fact is 'md5 of the fact and its number among equal ones: each is kept once, with the first as_of that met it';
comment on column ledger.quarantine.entity_id is 'Of a fact: what its column entity.key holds, null where it has none';
