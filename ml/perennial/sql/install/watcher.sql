-- Purpose: what the role watcher may read: the figures that `perennial metrics` shows, and no text that people or stages wrote.
-- Run as owner at the end of every `perennial migrate`, so that it is what this release wants; without the role it only makes the
-- view. No parameters.
drop view if exists ledger.watched_decisions;
create view ledger.watched_decisions as
select
    decision_id,
    model,
    as_of,
    choice,
    rule,
    (evidence ->> 'auc_loss')::double precision as loss_points,
    (evidence ->> 'loss_rise')::double precision as loss_share,
    coalesce(jsonb_typeof(evidence -> 'calibration') = 'object', false) as is_calibration_off
from ledger.decisions;
comment on view ledger.watched_decisions is 'Every decision with the figures of its evidence that are watched: without a sentence, and without what stopped a day';
comment on column ledger.watched_decisions.loss_points is 'How far the realised headline lies below what was promised, doubt taken off; null where it is measured as a share, or not yet';
comment on column ledger.watched_decisions.loss_share is 'The same as a share of what was promised';
comment on column ledger.watched_decisions.is_calibration_off is 'Scores do not mean what they say, beyond chance';

do $$
begin
    if not exists (select from pg_roles where rolname = 'watcher') then
        return;
    end if;
    revoke all on all tables in schema ledger from watcher;
    grant usage on schema ledger to watcher;
    grant select on ledger.watched_decisions to watcher;
    grant select (number) on ledger.migrations to watcher;
    grant select (run_id, model, stage, purpose, status, effective_at, recorded_at, finished_at) on ledger.runs to watcher;
    grant select (model, as_of, kind, rows) on ledger.snapshots to watcher;
    grant select (validation_id, model, as_of, passed, quarantined) on ledger.validations to watcher;
    grant select (publication_id, model, as_of, version, attempt, status, rows, mean_score, published_at, canary_share)
        on ledger.publications to watcher;
    grant select (promotion_id, model, version, kind, status, applied_at) on ledger.promotions to watcher;
    grant select (model, version, recipe, algorithm, training_as_ofs, trained_for, holdout_auc, effective_at)
        on ledger.versions to watcher;
    grant select (publication_id, model, as_of, version, mean_score, base_rate) on ledger.outcomes to watcher;
    grant select (publication_id, metric, position, value, low, high) on ledger.outcome_metrics to watcher;
    grant select (model, as_of, drifted_share, prediction_shift, is_drifted) on ledger.drift_checks to watcher;
    grant select (admission_id, model, as_of, event) on ledger.admissions to watcher;
    grant select (model, status, deadline) on ledger.approvals to watcher;
    grant select (model, recorded_at, sent_at, attempts) on ledger.outbox to watcher;
    grant select (event_id, destination, model, delivered_at) on ledger.deliveries to watcher;
    grant select (event_id, model, kind, recorded_at) on ledger.events to watcher;
    grant select (model, challenger_recipe, champion_recipe, side, alpha, status, effective_at)
        on ledger.contests to watcher;
    grant select (model, alpha, effective_at) on ledger.canaries to watcher;
    grant select (model, as_of, challenger_version, champion_version, verdict) on ledger.evaluations to watcher;
    grant select (model, kind, rows, bytes) on ledger.purges to watcher;
end
$$;
