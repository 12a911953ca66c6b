-- Purpose: levels that a person has accepted: another number of rows, or another mean score, that is here to stay. A stopped
-- publication keeps the mean that it was stopped for. Run by `perennial migrate` as role owner.

create table ledger.acceptances (
    acceptance_id bigint generated always as identity primary key,
    model text not null,
    as_of date not null,
    accepted text not null check (accepted in ('rows', 'shift')),
    level double precision not null,
    reason text not null,
    actor text not null,
    purpose text not null check (purpose in ('live', 'simulation')),
    effective_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp()
);
create index acceptances_of_a_model on ledger.acceptances (model, accepted, as_of);
comment on table ledger.acceptances is 'One row per word of a person: from this as_of on the level is a new one, and days are compared with it';
comment on column ledger.acceptances.accepted is 'rows (quality.row_count_band) or shift (scoring.publish_max_shift)';
comment on column ledger.acceptances.level is 'The number of rows, or the mean score, that was found on that day';

create trigger facts_stay before update or delete or truncate on ledger.acceptances
    for each statement execute function ledger.refuse_change();

alter table ledger.runs drop constraint runs_stage_check;
alter table ledger.runs add constraint runs_stage_check check (stage in (
    'refresh', 'validate', 'assemble', 'refit', 'train', 'challenge', 'compare', 'promote', 'score', 'monitor', 'decide', 'rollback', 'unpin',
    'answer', 'carry_out', 'expire', 'force', 'admit', 'reject', 'accept'
));

grant select, insert on ledger.acceptances to pipeline;
