-- Purpose: what people were asked about a promotion, and what they said.
-- The deadline counts on the clock of the run that asked; an answer stands for good, so a closed row cannot change.

create table ledger.approvals (
    question_id bigint generated always as identity primary key,
    model text not null,
    as_of date not null,
    version integer not null,
    champion_version integer,
    evaluation_id bigint not null unique references ledger.evaluations,
    because text[] not null,
    status text not null default 'open' check (status in ('open', 'superseded', 'approved', 'rejected', 'expired')),
    deadline timestamptz not null,
    answered_by text,
    answer_source text check (answer_source in ('airflow', 'shell')),
    remark text,
    actor text not null,
    dag_run_id text,
    purpose text not null check (purpose in ('live', 'simulation')),
    effective_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp(),
    answered_effective_at timestamptz,
    answered_at timestamptz,
    check ((status = 'open') = (answered_at is null)),
    check ((status in ('approved', 'rejected')) = (answered_by is not null)),
    check ((answered_by is null) = (answer_source is null))
);
create unique index one_open_question on ledger.approvals (model) where status = 'open';
create index questions_of_a_day on ledger.approvals (model, as_of);
comment on table ledger.approvals is 'One row per question to people: may this version become champion? At most one of a model is open';
comment on column ledger.approvals.because is 'Why a person is asked, one sentence each';
comment on column ledger.approvals.deadline is 'On the clock of the run that asked; without an answer until then nothing is promoted';
comment on column ledger.approvals.actor is 'Who ran the stage that asked; answered_by is who answered';
comment on column ledger.approvals.remark is 'What the answer adds, or why the question was closed without one';
comment on column ledger.approvals.answered_at is 'The wall''s time of the answer or of the closing; answered_effective_at is the clock of its run';

create trigger questions_end_once before update on ledger.approvals
    for each row execute function ledger.end_once(
        'open', '{status,answered_by,answer_source,remark,answered_effective_at,answered_at}'
    );
create trigger facts_stay before delete or truncate on ledger.approvals
    for each statement execute function ledger.refuse_change();

alter table ledger.runs drop constraint runs_stage_check;
alter table ledger.runs add constraint runs_stage_check check (stage in (
    'refresh', 'validate', 'train', 'compare', 'promote', 'score', 'monitor', 'decide', 'rollback',
    'answer', 'carry_out', 'expire', 'force'
));

alter table ledger.outbox drop constraint outbox_event_check;
alter table ledger.outbox add constraint outbox_event_check check (event ~ '^[a-z0-9_]+$');

grant select, insert on ledger.approvals to pipeline;
grant update (status, answered_by, answer_source, remark, answered_effective_at, answered_at) on ledger.approvals to pipeline;
