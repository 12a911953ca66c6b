-- Purpose: which version is a canary now, and who is in it: what `perennial serve` reads beside the champions.
-- Grain: one row per model with a canary that runs, is still under test, and against the recipe that serves. Made by `perennial sync`
-- as pipeline, whose rights on the ledger it lends; no parameters.
create or replace view analytics.canaries as
select distinct on (canaries.model)
    canaries.model,
    canaries.canary_id,
    canaries.salt,
    canaries.started_for,
    canaries.champion_recipe,
    versions.version,
    versions.recipe,
    versions.algorithm,
    versions.mlflow_run_id,
    versions.manifest,
    versions.data_hash,
    versions.training_as_ofs,
    versions.holdout_as_ofs,
    versions.trained_for,
    versions.effective_at as fitted_at
from ledger.canaries
join ledger.contests using (contest_id)
join ledger.versions on versions.model = canaries.model and versions.recipe = canaries.challenger_recipe
where contests.status = 'open'
    and not exists (select from ledger.canary_ends where canary_ends.canary_id = canaries.canary_id)
    and canaries.champion_recipe = (
        select serving.recipe
        from ledger.promotions
        join ledger.versions as serving using (model, version)
        where promotions.model = canaries.model and promotions.status = 'applied'
        order by promotions.promotion_id desc
        limit 1
    )
order by canaries.model, versions.trained_for desc, versions.version desc;

comment on view analytics.canaries is 'The version that is a canary now, one row per model that has one in force';
comment on column analytics.canaries.model is 'The model, as in models/<name>.toml';
comment on column analytics.canaries.canary_id is 'The canary; grows with each';
comment on column analytics.canaries.salt is 'With the entity it says who is in the share of the model file';
comment on column analytics.canaries.started_for is 'The day from which it acts';
comment on column analytics.canaries.champion_recipe is 'Recipe of the champion that it is compared with';
comment on column analytics.canaries.version is 'Model version that answers for the entities in it: the newest fit of its recipe';
comment on column analytics.canaries.recipe is 'Recipe under test';
comment on column analytics.canaries.algorithm is 'xgboost, lightgbm, logistic, ridge or single_feature';
comment on column analytics.canaries.mlflow_run_id is 'The training in MLflow, which keeps its files';
comment on column analytics.canaries.manifest is 'Its files by name, with the SHA-256 of each';
comment on column analytics.canaries.data_hash is 'SHA-256 over the checksums of the snapshots and labels it was trained on';
comment on column analytics.canaries.training_as_ofs is 'Days it was trained on';
comment on column analytics.canaries.holdout_as_ofs is 'Newest matured days, scored by fits of its recipe that had not seen them';
comment on column analytics.canaries.trained_for is 'The as_of that the training was started for';
comment on column analytics.canaries.fitted_at is 'The clock of the run that fitted it';
