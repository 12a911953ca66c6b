-- Purpose: what the champion sees against what it was trained on, and what followed.
-- Grain: one row per (model, as_of) that was checked. Made by `perennial sync` as pipeline, whose rights on the ledger it lends; no parameters.
create or replace view analytics.drift_daily as
with decisions as (
    select distinct on (model, as_of) model, as_of, choice, rule, sentence
    from ledger.decisions
    order by model, as_of, decision_id desc
)

select
    model,
    as_of,
    drift_checks.version,
    drift_checks.rows,
    drift_checks.drifted_share,
    drift_checks.prediction_shift,
    drift_checks.is_drifted,
    array(
        select feature ->> 'column'
        from jsonb_array_elements(drift_checks.evidence -> 'features') with ordinality as features (feature, position)
        where (feature ->> 'is_drifted')::boolean
        order by position
    ) as drifted_columns,
    decisions.choice as decision,
    decisions.rule,
    decisions.sentence,
    drift_checks.report,
    drift_checks.effective_at as checked_at
from ledger.drift_checks
left join decisions using (model, as_of);

comment on view analytics.drift_daily is 'One row per checked day: how far the champion''s input and scores have moved, and the decision';
comment on column analytics.drift_daily.model is 'The model, as in models/<name>.toml';
comment on column analytics.drift_daily.as_of is 'The day pretended to be: only facts known before its start count';
comment on column analytics.drift_daily.version is 'The champion';
comment on column analytics.drift_daily.rows is 'Entities in the snapshot';
comment on column analytics.drift_daily.drifted_share is 'Share of drifted columns among those that can trigger';
comment on column analytics.drift_daily.prediction_shift is 'Relative change of the mean score against that of rows which fits of the champion''s recipe had not seen';
comment on column analytics.drift_daily.is_drifted is 'Share or shift over its limit';
comment on column analytics.drift_daily.drifted_columns is 'Columns over the limit';
comment on column analytics.drift_daily.decision is 'TRAIN, SKIP or BLOCK; null before one was taken';
comment on column analytics.drift_daily.rule is 'The rule that decided';
comment on column analytics.drift_daily.sentence is 'The decision in words';
comment on column analytics.drift_daily.report is 'Address of the full report';
comment on column analytics.drift_daily.checked_at is 'The clock of the run that checked';
