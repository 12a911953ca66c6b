-- Purpose: what the pages of drift checks share, a library and its fonts, is kept once. Run by `perennial migrate` as role owner.

create table ledger.page_parts (
    digest text primary key check (digest ~ '^[0-9a-f]{64}$'),
    content bytea not null,
    recorded_at timestamptz not null default clock_timestamp()
);
comment on table ledger.page_parts is 'One row per part of a page that many pages share, under the SHA-256 of what it holds, compressed by gzip';
grant select, insert on ledger.page_parts to pipeline;
