-- Purpose: how good published scores turned out to be; which columns and figures stand between is said by the task of the model.
-- Grain: one row per as_of whose labels have matured. Made by `perennial sync` as pipeline, whose rights on the ledger it lends; no parameters.
create or replace view analytics.{model}_outcomes as
select
    outcomes.as_of,
    outcomes.version,
    outcomes.rows,
    {outcome_part} as {outcome},
    outcomes.effective_at as known_at,
    outcomes.publication_id,
    coalesce((
        select event in ('rest', 'reject')
        from ledger.admissions
        where admissions.model = outcomes.model and admissions.as_of between outcomes.as_of - 6 and outcomes.as_of
        order by admissions.as_of desc, admission_id desc
        limit 1
    ), false) as is_set_aside
from ledger.outcomes
join ledger.publications on publications.publication_id = outcomes.publication_id
left join ledger.outcome_metrics as {figure} on {figure}.publication_id = outcomes.publication_id and {figure}.{is_figure}
where outcomes.model = '{model}' and publications.status = 'live';

comment on view analytics.{model}_outcomes is 'Metrics of the live scores of each as_of once its labels have matured';
comment on column analytics.{model}_outcomes.as_of is 'The day pretended to be: only facts known before its start count';
comment on column analytics.{model}_outcomes.version is 'Model version that scored';
comment on column analytics.{model}_outcomes.rows is 'Scored entities with a label';
comment on column analytics.{model}_outcomes.{outcome} is '{outcome_meaning}';
comment on column analytics.{model}_outcomes.known_at is 'The clock of the run that first measured it';
comment on column analytics.{model}_outcomes.publication_id is 'The publication that was measured';
comment on column analytics.{model}_outcomes.is_set_aside is 'Whether its labels rest or were rejected (a day between two training as_ofs goes with the former): it counts for nothing';
