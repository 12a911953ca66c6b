-- Purpose: from a scored row back to data, configuration, code and verdict.
-- Grain: one row per live publication. Made by `perennial sync` as pipeline, whose rights on the ledger it lends; no parameters.
create or replace view analytics.{model}_lineage as
with movements as (
    select publications.publication_id, promotions.promotion_id, promotions.kind, promotions.effective_at, promotions.evaluation_id
    from ledger.publications
    join ledger.promotions
        on promotions.model = publications.model and promotions.version = publications.version
        and promotions.status = 'applied' and promotions.effective_at <= publications.effective_at
    where publications.model = '{model}'
),

newest_movements as (
    select distinct on (publication_id) publication_id, kind, effective_at
    from movements
    order by publication_id, promotion_id desc
),

-- A rollback has none of its own: the one that once let the version in stands behind it.
newest_verdicts as (
    select distinct on (movements.publication_id) movements.publication_id, evaluations.verdict, evaluations.evaluation_id
    from movements
    join ledger.evaluations using (evaluation_id)
    order by movements.publication_id, movements.promotion_id desc
)

select
    publication_id,
    publications.as_of,
    publications.attempt,
    publications.version,
    publications.manifest_hash as artifact_hash,
    publications.snapshot_checksum,
    publications.config_hash,
    publications.query_hash,
    publications.code_version,
    publications.purpose,
    publications.effective_at as scored_at,
    publications.published_at,
    publications.rows,
    publications.mean_score,
    versions.recipe,
    versions.algorithm,
    versions.mlflow_run_id,
    versions.data_hash as training_data_hash,
    versions.training_as_ofs,
    versions.holdout_as_ofs,
    versions.config_hash as training_config_hash,
    versions.query_hash as training_query_hash,
    versions.code_version as training_code_version,
    newest_verdicts.verdict,
    newest_verdicts.evaluation_id,
    newest_movements.kind as promoted_by,
    newest_movements.effective_at as promoted_at,
    publications.canary_id,
    publications.canary_share,
    publications.canary_version
from ledger.publications
left join ledger.versions using (model, version)
left join newest_movements using (publication_id)
left join newest_verdicts using (publication_id)
where publications.model = '{model}' and publications.status = 'live';

comment on view analytics.{model}_lineage is 'What every scored row came from, one row per live publication';
comment on column analytics.{model}_lineage.publication_id is 'Stands in every scored row';
comment on column analytics.{model}_lineage.as_of is 'The day pretended to be: only facts known before its start count';
comment on column analytics.{model}_lineage.attempt is 'How often this day was published or tried before, and this time';
comment on column analytics.{model}_lineage.version is 'Model version that scored; with a canary all but its share';
comment on column analytics.{model}_lineage.artifact_hash is 'SHA-256 over the manifest of the model files: their names and SHA-256, as JSON with sorted keys';
comment on column analytics.{model}_lineage.snapshot_checksum is 'Checksum of the feature rows that were scored';
comment on column analytics.{model}_lineage.config_hash is 'SHA-256 of the model file''s settings when it was scored';
comment on column analytics.{model}_lineage.query_hash is 'SHA-256 of features.sql and labels.sql when it was scored';
comment on column analytics.{model}_lineage.code_version is 'Version of the program that scored';
comment on column analytics.{model}_lineage.purpose is 'live, simulation or backfill';
comment on column analytics.{model}_lineage.scored_at is 'The clock of the run that scored';
comment on column analytics.{model}_lineage.published_at is 'The wall''s time of the publication';
comment on column analytics.{model}_lineage.rows is 'Scored entities';
comment on column analytics.{model}_lineage.mean_score is 'Mean of their scores';
comment on column analytics.{model}_lineage.recipe is 'Recipe that the version is a fit of';
comment on column analytics.{model}_lineage.algorithm is 'xgboost, lightgbm, logistic, ridge or single_feature';
comment on column analytics.{model}_lineage.mlflow_run_id is 'The training in MLflow';
comment on column analytics.{model}_lineage.training_data_hash is 'SHA-256 over the checksums of the snapshots and labels it was trained on';
comment on column analytics.{model}_lineage.training_as_ofs is 'Days it was trained on';
comment on column analytics.{model}_lineage.holdout_as_ofs is 'Newest matured days, scored by fits of its recipe that had not seen them';
comment on column analytics.{model}_lineage.training_config_hash is 'SHA-256 of the settings when it was trained';
comment on column analytics.{model}_lineage.training_query_hash is 'SHA-256 of the SQL when it was trained';
comment on column analytics.{model}_lineage.training_code_version is 'Version of the program that trained it';
comment on column analytics.{model}_lineage.verdict is 'The newest verdict that let the version become champion; null when only people ever moved the alias to it';
comment on column analytics.{model}_lineage.evaluation_id is 'The comparison behind that verdict';
comment on column analytics.{model}_lineage.promoted_by is 'promote, refresh, rollback, manual or forced';
comment on column analytics.{model}_lineage.promoted_at is 'The clock of the run that promoted it';
comment on column analytics.{model}_lineage.canary_id is 'The canary of the day; null where version scored everybody';
comment on column analytics.{model}_lineage.canary_share is 'Share of the entities that the canary scored';
comment on column analytics.{model}_lineage.canary_version is 'Model version that scored them';
