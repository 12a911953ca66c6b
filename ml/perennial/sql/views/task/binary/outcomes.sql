-- Purpose: how good published scores turned out to be.
-- Grain: one row per as_of whose labels have matured. Made by `perennial sync` as pipeline, whose rights on the ledger it lends; no parameters.
create or replace view analytics.{model}_outcomes as
select
    outcomes.as_of,
    outcomes.version,
    outcomes.rows,
    outcomes.positives,
    outcomes.base_rate,
    outcomes.mean_score,
    auc.value as auc,
    auc.low as auc_low,
    auc.high as auc_high,
    log_loss.value as log_loss,
{outcomes}
left join ledger.outcome_metrics as auc on auc.publication_id = outcomes.publication_id and auc.metric = 'auc'
left join ledger.outcome_metrics as log_loss
    on log_loss.publication_id = outcomes.publication_id and log_loss.metric = 'log_loss'
where outcomes.model = '{model}' and publications.status = 'live';

comment on view analytics.{model}_outcomes is 'Metrics of the live scores of each as_of once its labels have matured';
comment on column analytics.{model}_outcomes.as_of is 'The day pretended to be: only facts known before its start count';
comment on column analytics.{model}_outcomes.version is 'Model version that scored';
comment on column analytics.{model}_outcomes.rows is 'Scored entities with a label';
comment on column analytics.{model}_outcomes.positives is 'Those whose label is 1';
comment on column analytics.{model}_outcomes.base_rate is 'Share of positives, weighted by label.weight if there is one';
comment on column analytics.{model}_outcomes.mean_score is 'Mean score; equals base_rate when calibrated';
comment on column analytics.{model}_outcomes.auc is 'Area under the ROC curve within the as_of';
comment on column analytics.{model}_outcomes.auc_low is 'Lower end of its interval';
comment on column analytics.{model}_outcomes.auc_high is 'Upper end of its interval';
comment on column analytics.{model}_outcomes.log_loss is 'Mean negative log-likelihood in nats; smaller is better';
comment on column analytics.{model}_outcomes.known_at is 'The clock of the run that first measured it';
comment on column analytics.{model}_outcomes.publication_id is 'The publication that was measured';
comment on column analytics.{model}_outcomes.is_set_aside is 'Whether its labels rest or were rejected (a day between two training as_ofs goes with the former): it counts for nothing';
