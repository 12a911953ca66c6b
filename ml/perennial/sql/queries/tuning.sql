-- Purpose: how far a search is, from the tables in which Optuna keeps its finished trials; read only, they are Optuna's.

-- name: has_begun
-- Whether any search ever made those tables.
select to_regclass('tuning.study_user_attributes') is not null and to_regclass('tuning.trial_user_attributes') is not null;

-- name: newest_search
-- The newest study of a model that says when it will be over; one row. A trial that two attempts stored counts once.
with newest as (
    select studies.study_id, studies.study_name as study,
        cast(trials.value_json as int) as wanted, cast(limits.value_json as float8) as limit_seconds
    from tuning.studies
    join tuning.study_user_attributes as trials on trials.study_id = studies.study_id and trials.key = 'trials'
    join tuning.study_user_attributes as limits on limits.study_id = studies.study_id and limits.key = 'limit_seconds'
    where studies.study_name ~ ('^' || :model || '-[0-9a-f]{12}$')
    order by studies.study_id desc
    limit 1
),
finished as (
    select distinct on (numbers.value_json) cast(spent.value_json as float8) as seconds
    from newest
    join tuning.trials on trials.study_id = newest.study_id and cast(trials.state as text) in ('COMPLETE', 'PRUNED')
    join tuning.trial_user_attributes as numbers on numbers.trial_id = trials.trial_id and numbers.key = 'number'
    join tuning.trial_user_attributes as spent on spent.trial_id = trials.trial_id and spent.key = 'seconds'
    order by numbers.value_json, trials.trial_id
)
select study, (select count(*) from finished) as done, wanted, (select coalesce(sum(seconds), 0.0) from finished) as seconds,
    limit_seconds
from newest;
