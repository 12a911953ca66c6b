-- Purpose: how good published scores turned out to be.
-- Grain: one row per as_of whose labels have matured. Made by `perennial sync` as pipeline, whose rights on the ledger it lends; no parameters.
create or replace view analytics.{model}_outcomes as
select
    outcomes.as_of,
    outcomes.version,
    outcomes.rows,
    outcomes.base_rate as share_right,
    outcomes.mean_score,
    headline.metric,
    headline.value,
    headline.low as value_low,
    headline.high as value_high,
    log_loss.value as log_loss,
    macro_auc.value as macro_auc,
{outcomes}
left join ledger.outcome_metrics as headline on headline.publication_id = outcomes.publication_id and headline.position = 1
left join ledger.outcome_metrics as log_loss
    on log_loss.publication_id = outcomes.publication_id and log_loss.metric = 'log_loss'
left join ledger.outcome_metrics as macro_auc
    on macro_auc.publication_id = outcomes.publication_id and macro_auc.metric = 'macro_auc'
where outcomes.model = '{model}' and publications.status = 'live';

comment on view analytics.{model}_outcomes is 'Metrics of the live scores of each as_of once its labels have matured';
comment on column analytics.{model}_outcomes.as_of is 'The day pretended to be: only facts known before its start count';
comment on column analytics.{model}_outcomes.version is 'Model version that scored';
comment on column analytics.{model}_outcomes.rows is 'Scored entities with a label';
comment on column analytics.{model}_outcomes.share_right is 'Share of the rows whose published class came';
comment on column analytics.{model}_outcomes.mean_score is 'Mean probability of the published class; equals share_right when scores are right';
comment on column analytics.{model}_outcomes.metric is 'What the model is judged by: log_loss or macro_auc';
comment on column analytics.{model}_outcomes.value is 'That metric within the as_of; NaN where the labels leave it undefined';
comment on column analytics.{model}_outcomes.value_low is 'Lower end of its interval';
comment on column analytics.{model}_outcomes.value_high is 'Upper end of its interval';
comment on column analytics.{model}_outcomes.log_loss is 'Log-loss of all probabilities, no row above 9.2; lower is better';
comment on column analytics.{model}_outcomes.macro_auc is 'AUC of each class against the others, averaged over classes that enough entities carry; NaN where none is';
comment on column analytics.{model}_outcomes.known_at is 'The clock of the run that first measured it';
comment on column analytics.{model}_outcomes.publication_id is 'The publication that was measured';
comment on column analytics.{model}_outcomes.is_set_aside is 'Whether its labels rest or were rejected (a day between two training as_ofs goes with the former): it counts for nothing';
