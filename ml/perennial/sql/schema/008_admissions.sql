-- Purpose: what may teach. A newly matured as_of is admitted or rests, and what became of it since stands in rows of its own.
-- As_ofs that taught, or on which challengers were compared, before admission was kept count as admitted. Run by
-- `perennial migrate` as role owner.

create table ledger.admissions (
    admission_id bigint generated always as identity primary key,
    model text not null,
    as_of date not null,
    event text not null check (event in ('admit', 'rest', 'release', 'reject')),
    reason text not null,
    evidence jsonb not null default '{}',
    snapshot_checksum text not null,
    labels_checksum text,
    rests_until date,
    actor text not null,
    purpose text not null check (purpose in ('live', 'simulation')),
    effective_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp(),
    check ((event = 'rest') = (rests_until is not null))
);
create index admissions_of_a_day on ledger.admissions (model, as_of);
comment on table ledger.admissions is 'One row per (model, as_of, event): whether the labels of an as_of may teach and judge; of several rows about one as_of the newest holds';
comment on column ledger.admissions.event is 'admit, rest (set aside), release (admitted by itself after its rest) or reject (by a person: never)';
comment on column ledger.admissions.evidence is 'Every statistic beside those of the as_ofs admitted before; empty where a person, or time, decided';
comment on column ledger.admissions.snapshot_checksum is 'Of the snapshot that was looked at: rebuilt as something else, the as_of is looked at again';
comment on column ledger.admissions.labels_checksum is 'Of the labels that were looked at; null when it was rejected before they were built';
comment on column ledger.admissions.rests_until is 'The local day from which a training releases it by itself';
comment on column ledger.admissions.actor is 'The person, or who ran the stage that looked';

create trigger facts_stay before update or delete or truncate on ledger.admissions
    for each statement execute function ledger.refuse_change();

insert into ledger.admissions (
    model, as_of, event, reason, snapshot_checksum, labels_checksum, actor, purpose, effective_at
)
select distinct
    features.model, features.as_of, 'admit', 'It had taught, or judged, before admission was kept.', features.checksum,
    labels.checksum, 'perennial', 'live', labels.effective_at
from ledger.versions
cross join unnest(versions.training_as_ofs || versions.holdout_as_ofs) as used (as_of)
join ledger.snapshots as features
    on features.model = versions.model and features.as_of = used.as_of and features.kind = 'features'
join ledger.snapshots as labels
    on labels.model = versions.model and labels.as_of = used.as_of and labels.kind = 'labels';

alter table ledger.versions add column rested date[] not null default '{}';
comment on column ledger.versions.rested is 'As_ofs among its training and holdout days that had been set aside when it was trained';

alter table ledger.runs drop constraint runs_stage_check;
alter table ledger.runs add constraint runs_stage_check check (stage in (
    'refresh', 'validate', 'assemble', 'train', 'compare', 'promote', 'score', 'monitor', 'decide', 'rollback',
    'answer', 'carry_out', 'expire', 'force', 'admit', 'reject'
));

grant select, insert on ledger.admissions to pipeline;
