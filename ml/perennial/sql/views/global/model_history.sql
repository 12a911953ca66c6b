-- Purpose: who was champion from when on, and why.
-- Grain: one row per applied movement of the alias champion. Made by `perennial sync` as pipeline, whose rights on the ledger it lends; no parameters.
create or replace view analytics.model_history as
select
    promotions.model,
    promotions.effective_at as champion_from,
    lead(promotions.effective_at) over (partition by promotions.model order by promotions.promotion_id) as champion_until,
    promotions.version,
    promotions.previous_version,
    versions.recipe,
    promotions.kind,
    promotions.reason,
    promotions.actor,
    promotions.purpose,
    evaluations.verdict,
    evaluations.as_of as compared_on,
    versions.algorithm,
    versions.trained_for,
    (select max(trained.as_of) from unnest(versions.training_as_ofs) as trained (as_of)) as newest_training_as_of,
    versions.holdout_mean_score,
    promotions.applied_at
from ledger.promotions
left join ledger.evaluations using (evaluation_id)
left join ledger.versions on versions.model = promotions.model and versions.version = promotions.version
where promotions.status = 'applied';

comment on view analytics.model_history is 'Every movement of the champion, one row each';
comment on column analytics.model_history.model is 'The model, as in models/<name>.toml';
comment on column analytics.model_history.champion_from is 'The clock of the run that moved it';
comment on column analytics.model_history.champion_until is 'When the next one took its place; null while it serves';
comment on column analytics.model_history.version is 'Model version that became champion';
comment on column analytics.model_history.previous_version is 'The champion before; null for the first';
comment on column analytics.model_history.recipe is 'Recipe that the version is a fit of';
comment on column analytics.model_history.kind is 'promote (by a verdict), refresh (the newest fit of its recipe), rollback, manual (the alias was moved by hand) or forced';
comment on column analytics.model_history.reason is 'Why, in words';
comment on column analytics.model_history.actor is 'Who asked';
comment on column analytics.model_history.purpose is 'live, simulation or backfill';
comment on column analytics.model_history.verdict is 'Of the comparison that allowed it; null when a person decided';
comment on column analytics.model_history.compared_on is 'The as_of of the run that compared';
comment on column analytics.model_history.algorithm is 'xgboost, lightgbm, logistic, ridge or single_feature';
comment on column analytics.model_history.trained_for is 'The as_of that the training was started for';
comment on column analytics.model_history.newest_training_as_of is 'Newest day that it was trained on';
comment on column analytics.model_history.holdout_mean_score is 'Mean score of the newest matured days, by fits of its recipe that had not seen them';
comment on column analytics.model_history.applied_at is 'The wall''s time of the movement';
