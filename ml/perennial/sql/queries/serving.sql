-- Purpose: what `perennial serve` reads, as a role that sees views and nothing else.

-- name: champions
-- The champion of each of these models; columns are those of `perennial.records.Version`.
select
    model, version, recipe, algorithm, mlflow_run_id, manifest, data_hash, training_as_ofs, holdout_as_ofs, trained_for,
    fitted_at as effective_at
from analytics.champions
where model = any(:models);

-- name: canaries
-- The canary in force of each of these models, with its version; columns as above beside those of the canary.
select
    canary_id, salt, started_for, champion_recipe,
    model, version, recipe, algorithm, mlflow_run_id, manifest, data_hash, training_as_ofs, holdout_as_ofs, trained_for,
    fitted_at as effective_at
from analytics.canaries
where model = any(:models);

-- name: can_write
-- Whether this role may write scores or the ledger: one that serves should not.
select coalesce(has_schema_privilege('scores', 'create'), false) or coalesce(has_schema_privilege('ledger', 'usage'), false);
