-- Purpose: how good published scores turned out to be.
-- Grain: one row per as_of whose labels have matured. Made by `perennial sync` as pipeline, whose rights on the ledger it lends; no parameters.
create or replace view analytics.{model}_outcomes as
select
    outcomes.as_of,
    outcomes.version,
    outcomes.rows,
    outcomes.base_rate as mean_label,
    outcomes.mean_score,
    headline.metric,
    headline.value,
    headline.low as value_low,
    headline.high as value_high,
    total_bias.value as total_bias,
{outcomes}
left join ledger.outcome_metrics as headline on headline.publication_id = outcomes.publication_id and headline.position = 1
left join ledger.outcome_metrics as total_bias
    on total_bias.publication_id = outcomes.publication_id and total_bias.metric = 'total_bias'
where outcomes.model = '{model}' and publications.status = 'live';

comment on view analytics.{model}_outcomes is 'Metrics of the live scores of each as_of once its labels have matured';
comment on column analytics.{model}_outcomes.as_of is 'The day pretended to be: only facts known before its start count';
comment on column analytics.{model}_outcomes.version is 'Model version that scored';
comment on column analytics.{model}_outcomes.rows is 'Scored entities with a label';
comment on column analytics.{model}_outcomes.mean_label is 'Mean of the labels, none above label.cap, weighted by label.weight if there is one';
comment on column analytics.{model}_outcomes.mean_score is 'Mean score; equals mean_label when the sums agree';
comment on column analytics.{model}_outcomes.metric is 'What the model is judged by: mae, mse, gini, poisson, tweedie or pinball';
comment on column analytics.{model}_outcomes.value is 'That metric within the as_of; NaN where the labels leave it undefined';
comment on column analytics.{model}_outcomes.value_low is 'Lower end of its interval';
comment on column analytics.{model}_outcomes.value_high is 'Upper end of its interval';
comment on column analytics.{model}_outcomes.total_bias is 'Sum of the scores over sum of the labels: 1.2 promised a fifth too much; NaN where the labels add up to nothing';
comment on column analytics.{model}_outcomes.known_at is 'The clock of the run that first measured it';
comment on column analytics.{model}_outcomes.publication_id is 'The publication that was measured';
comment on column analytics.{model}_outcomes.is_set_aside is 'Whether its labels rest or were rejected (a day between two training as_ofs goes with the former): it counts for nothing';
