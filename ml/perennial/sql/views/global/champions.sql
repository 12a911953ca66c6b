-- Purpose: who serves now, and which files it is made of: what `perennial serve` reads.
-- Grain: one row per model that has a champion. Made by `perennial sync` as pipeline, whose rights on the ledger it lends; no parameters.
create or replace view analytics.champions as
select distinct on (promotions.model)
    promotions.model,
    versions.version,
    versions.recipe,
    versions.algorithm,
    versions.mlflow_run_id,
    versions.manifest,
    versions.data_hash,
    versions.training_as_ofs,
    versions.holdout_as_ofs,
    versions.trained_for,
    versions.effective_at as fitted_at,
    promotions.kind,
    promotions.effective_at as champion_from,
    promotions.promotion_id
from ledger.promotions
join ledger.versions using (model, version)
where promotions.status = 'applied'
order by promotions.model, promotions.promotion_id desc;

comment on view analytics.champions is 'The champion of each model, one row per model that has one';
comment on column analytics.champions.model is 'The model, as in models/<name>.toml';
comment on column analytics.champions.version is 'Model version that serves';
comment on column analytics.champions.recipe is 'Recipe that the version is a fit of';
comment on column analytics.champions.algorithm is 'xgboost, lightgbm, logistic, ridge or single_feature';
comment on column analytics.champions.mlflow_run_id is 'The training in MLflow, which keeps its files';
comment on column analytics.champions.manifest is 'Its files by name, with the SHA-256 of each';
comment on column analytics.champions.data_hash is 'SHA-256 over the checksums of the snapshots and labels it was trained on';
comment on column analytics.champions.training_as_ofs is 'Days it was trained on';
comment on column analytics.champions.holdout_as_ofs is 'Newest matured days, scored by fits of its recipe that had not seen them';
comment on column analytics.champions.trained_for is 'The as_of that the training was started for';
comment on column analytics.champions.fitted_at is 'The clock of the run that fitted it';
comment on column analytics.champions.kind is 'promote (by a verdict), refresh (the newest fit of its recipe), rollback, manual (the alias was moved by hand) or forced';
comment on column analytics.champions.champion_from is 'The clock of the run that moved the alias to it';
comment on column analytics.champions.promotion_id is 'The movement; grows with each';
