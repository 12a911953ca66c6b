-- Purpose: how far a search is, and which studies are old, from the tables in which Optuna keeps its finished trials; read only,
-- they are Optuna's.

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

-- name: old_studies
-- One row per day before which no study is kept, with the names of its studies and why they stay; null of what goes. A study from
-- before it said for which day it is has the day of its newest trial.
-- Parameters: model; before, the first day that stays by its age.
with studied as (
    select studies.study_name,
        coalesce(
            (
                select cast(cast(value_json as jsonb) #>> '{}' as date) from tuning.study_user_attributes as told
                where told.study_id = studies.study_id and told.key = 'trained_for'
            ),
            (select cast(max(datetime_complete) as date) from tuning.trials where trials.study_id = studies.study_id)
        ) as as_of,
        (select count(*) from tuning.trials where trials.study_id = studies.study_id) as trials
    from tuning.studies
    where studies.study_name ~ ('^' || :model || '-[0-9a-f]{12}$')
),
days as (
    select as_of, sum(trials) as trials, array_agg(study_name order by study_name) as names
    from studied where as_of < :before group by as_of
)
select as_of, trials, names,
    case
        when exists (
            select from ledger.runs
            where runs.model = :model and runs.stage = 'train' and runs.as_of = days.as_of and runs.status = 'running'
        ) then 'a training of its day goes on'
        when not exists (
            select from ledger.runs
            where runs.model = :model and runs.stage = 'train' and runs.as_of >= days.as_of and runs.status in ('ok', 'refused')
        ) then 'its training was killed, and no later one has ended: it can be resumed'
        when exists (
            select from ledger.contests join ledger.versions on versions.model = contests.model
            where contests.model = :model and contests.status = 'open' and versions.recipe = contests.challenger_recipe
                and versions.trained_for = days.as_of and versions.origin = 'training'
        ) then 'the recipe that it found is under test'
    end as why
from days
order by as_of;
