-- Purpose: which as_ofs may teach, which rest, and why.
-- Grain: one row per (model, as_of, event). Made by `perennial sync` as pipeline, whose rights on the ledger it lends; no parameters.
create or replace view analytics.admissions as
select
    model,
    as_of,
    event,
    reason,
    (evidence #>> '{statistics,auc,z}')::double precision as auc_z,
    (evidence #>> '{statistics,calibration,z}')::double precision as calibration_z,
    (evidence #>> '{statistics,log_loss,z}')::double precision as log_loss_z,
    (
        select max(abs((statistic ->> 'z')::double precision))
        from jsonb_each(evidence -> 'statistics') as measured (name, statistic)
        where name not in ('auc', 'calibration', 'log_loss', 'feature')
    ) as amounts_z,
    evidence #>> '{statistics,feature,feature}' as jumped_feature,
    (evidence #>> '{statistics,feature,value}')::double precision as jumped_feature_auc,
    rests_until,
    row_number() over (partition by model, as_of order by admission_id desc) = 1 as is_newest,
    actor,
    purpose,
    effective_at,
    recorded_at
from ledger.admissions;

comment on view analytics.admissions is 'What became of every matured as_of: does it teach and judge? One row per event; the newest about an as_of holds';
comment on column analytics.admissions.model is 'The model, as in models/<name>.toml';
comment on column analytics.admissions.as_of is 'The day whose labels have matured';
comment on column analytics.admissions.event is 'admit, rest (set aside), release (admitted by itself after its rest) or reject (by a person: never)';
comment on column analytics.admissions.reason is 'Why, in words';
comment on column analytics.admissions.auc_z is 'How far the AUC of the scores of that time lies from that of the as_ofs before, in standard errors; rests below -4; null of amounts';
comment on column analytics.admissions.calibration_z is 'The same of their calibration, on the logit scale (of amounts the logarithm of what came over what was predicted); rests beyond 4 either way';
comment on column analytics.admissions.log_loss_z is 'The same of their log-loss; rests above 4; null of amounts';
comment on column analytics.admissions.amounts_z is 'Of amounts: the largest distance among what else was measured, such as the headline; null of 0 and 1';
comment on column analytics.admissions.jumped_feature is 'The feature whose AUC (of amounts: (1 + normalised Gini) / 2) by itself rose most above its own history';
comment on column analytics.admissions.jumped_feature_auc is 'That figure of that feature on this as_of';
comment on column analytics.admissions.rests_until is 'The local day from which a training releases it by itself; null unless it rests';
comment on column analytics.admissions.is_newest is 'Whether this is the newest row about the as_of, the one that holds';
comment on column analytics.admissions.actor is 'The person, or who ran the stage that looked';
comment on column analytics.admissions.purpose is 'live or simulation';
comment on column analytics.admissions.effective_at is 'The clock of the run';
comment on column analytics.admissions.recorded_at is 'The wall''s time';
