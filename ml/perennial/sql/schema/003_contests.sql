-- Purpose: the weekly decision over years: challengers under test, their looks, and the account of errors.
-- A contest draws its alpha when it is opened; what was drawn in the last 365 days is the balance of the account.

create table ledger.contests (
    contest_id bigint generated always as identity primary key,
    model text not null,
    challenger_version integer not null,
    champion_version integer not null,
    side text not null check (side in ('superiority', 'renewal')),
    alpha double precision not null check (alpha > 0 and alpha < 1),
    last_look integer not null check (last_look > 0),
    overlap integer not null check (overlap > 0),
    status text not null default 'open' check (status in ('open', 'promoted', 'rejected', 'exhausted', 'displaced', 'ended')),
    opened_for date not null,
    reason text,
    purpose text not null,
    effective_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    unique (model, challenger_version, champion_version, side),
    check ((status = 'open') = (ended_at is null))
);
create index contests_of_a_model on ledger.contests (model, status);
comment on table ledger.contests is 'One row per challenger against one champion; alpha was drawn from the account of errors when it was opened';

comment on column ledger.contests.last_look is 'As_ofs of the last look, fixed when the contest was opened';
comment on column ledger.contests.overlap is 'From this distance in as_ofs on label periods do not overlap, fixed when the contest was opened';

create table ledger.looks (
    contest_id bigint not null references ledger.contests,
    as_ofs date[] not null,
    estimate double precision not null,
    standard_error double precision not null,
    information double precision not null check (information > 0 and information <= 1),
    spent double precision not null check (spent >= 0),
    boundary double precision not null,
    effective_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp(),
    primary key (contest_id, as_ofs)
);
comment on table ledger.looks is 'One row per look of the sequential test, on all as_ofs judged so far';

alter table ledger.versions drop constraint versions_origin_check;
alter table ledger.versions add constraint versions_origin_check check (origin in ('training', 'renewal', 'manual'));
alter table ledger.versions drop constraint versions_model_trained_for_data_hash_key;
alter table ledger.versions add constraint one_version_of_a_training unique (model, trained_for, data_hash, origin);
comment on column ledger.versions.origin is 'training: tuned for the day; renewal: the champion''s recipe refitted for the day; manual: registered by hand';

alter table ledger.versions add column tuning jsonb;
comment on column ledger.versions.tuning is 'How the booster of the training came by its parameters: searched or not, why, which, and their gain in AUC on the regularised default with its interval; null without a booster';

alter table ledger.promotions drop constraint promotions_kind_check;
alter table ledger.promotions add constraint promotions_kind_check
    check (kind in ('promote', 'renewal', 'rollback', 'manual', 'forced'));

grant select, insert on ledger.contests, ledger.looks to pipeline;
grant update on ledger.contests to pipeline;
