-- Purpose: how long two versions took to score the same rows in turns, measured once for a pair: whoever compares them again, on
-- whatever machine, assesses the same figures. Run by `perennial migrate` as role owner.

create table ledger.timings (
    model text not null,
    challenger_manifest text not null,
    champion_manifest text not null,
    challenger_seconds double precision[] not null,
    champion_seconds double precision[] not null,
    recorded_at timestamptz not null default clock_timestamp(),
    primary key (model, challenger_manifest, champion_manifest),
    check (cardinality(challenger_seconds) > 0 and cardinality(challenger_seconds) = cardinality(champion_seconds))
);
comment on table ledger.timings is 'One row per pair of versions that were timed beside each other; the first measurement stands';
comment on column ledger.timings.challenger_manifest is 'Hash of the files of the challenger''s version';
comment on column ledger.timings.champion_manifest is 'Hash of the files of the champion''s version';
comment on column ledger.timings.challenger_seconds is 'Seconds per 1,000 rows, a repetition each';
comment on column ledger.timings.champion_seconds is 'The same of the champion, the n-th taken right beside the n-th of the challenger';

create trigger facts_stay before update or delete or truncate on ledger.timings
    for each statement execute function ledger.refuse_change();

grant select, insert on ledger.timings to pipeline;
