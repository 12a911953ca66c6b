-- Purpose: every attempt of every stage.
-- Grain: one row per attempt. Made by `perennial sync` as pipeline, whose rights on the ledger it lends; no parameters.
create or replace view analytics.run_log as
select
    run_id,
    model,
    as_of,
    stage,
    status,
    message,
    purpose,
    actor,
    dag_run_id,
    effective_at,
    recorded_at as started_at,
    finished_at
from ledger.runs;

comment on view analytics.run_log is 'Every attempt of every stage; one whose process is gone is lost, once somebody has looked';
comment on column analytics.run_log.run_id is 'Number of the attempt';
comment on column analytics.run_log.model is 'The model, as in models/<name>.toml';
comment on column analytics.run_log.as_of is 'The day pretended to be: only facts known before its start count';
comment on column analytics.run_log.stage is 'refresh, validate, assemble, train, compare, promote, score, monitor, decide or rollback; of people: answer, carry_out, expire, force';
comment on column analytics.run_log.status is 'running, ok, failed (a fault), refused (a rule said no) or lost (its process is gone)';
comment on column analytics.run_log.message is 'What went wrong, in words';
comment on column analytics.run_log.purpose is 'live, simulation or backfill';
comment on column analytics.run_log.actor is 'Who asked';
comment on column analytics.run_log.dag_run_id is 'The run in Airflow; null from a shell';
comment on column analytics.run_log.effective_at is 'The clock of the run: the wall''s when live, else the simulated one';
comment on column analytics.run_log.started_at is 'The wall''s time when it began';
comment on column analytics.run_log.finished_at is 'The wall''s time when it ended';
