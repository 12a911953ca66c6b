-- Purpose: what Airflow's pages show of a model and of a run; read only, few rows.

-- name: has_begun
-- Whether anything was ever synced: the views are made by the first `perennial sync`.
select to_regclass('analytics.freshness') is not null;

-- name: freshness
-- The scores that are read now, and what stands in the way of newer ones.
select scored_as_of, version, rows, newest_as_of, missing_as_of, missing_kind, missing_because
from analytics.freshness
where model = :model;

-- name: champions
-- Movements of the champion, newest first.
select version, recipe, algorithm, kind, reason, verdict, champion_from, newest_training_as_of, actor
from analytics.model_history
where model = :model
order by applied_at desc
limit :limit;

-- name: decisions
-- Decisions, newest first; of several for one day the newest.
select as_of, choice, rule, sentence, mails.events as mail
from (
    select distinct on (as_of) as_of, choice, rule, sentence, decision_id
    from ledger.decisions
    where model = :model
    order by as_of desc, decision_id desc
) as newest
left join lateral (
    select string_agg(event, ', ' order by event) as events
    from ledger.outbox
    where model = :model and outbox.as_of = newest.as_of and sent_at is not null
) as mails on true
order by as_of desc
limit :limit;

-- name: verdicts
-- Comparisons, newest first.
select
    as_of, challenger_version, champion_version, verdict,
    (evidence -> 'reasons') || coalesce(evidence -> 'warnings', '[]') as reasons, evidence -> 'doubts' as doubts
from ledger.evaluations
where model = :model
order by evaluation_id desc
limit :limit;

-- name: shadows
-- Challengers under test now, oldest first.
select challenger_recipe, champion_recipe, opened_for, looks, as_ofs, estimate, lower_bound, alpha, drawn_in_365_days
from analytics.challengers
where model = :model and status = 'open'
order by opened_for, challenger_recipe;

-- name: canaries
-- Canaries with the rows of their arms, the newest look at either question, and how they ended; newest first.
with given as (
    select canary_id, count(distinct as_of) as days,
        coalesce(sum(canary_arms.rows) filter (where arm = 'canary'), 0)::bigint as canary_rows,
        coalesce(sum(canary_arms.rows) filter (where arm = 'champion'), 0)::bigint as champion_rows
    from ledger.publications
    join ledger.canary_arms using (publication_id)
    where model = :model and status = 'live'
    group by canary_id
),

newest_looks as (
    select distinct on (canary_id, side) canary_id, side, cardinality(as_ofs) as as_ofs, estimate,
        estimate - boundary * standard_error as lower_bound, arms
    from ledger.canary_looks
    order by canary_id, side, cardinality(as_ofs) desc
)

select canaries.canary_id, challenger_recipe, champion_recipe, started_for, coalesce(days, 0) as days,
    coalesce(canary_rows, 0) as canary_rows, coalesce(champion_rows, 0) as champion_rows,
    gain.as_ofs, coalesce(gain.arms, harm.arms) as arms, gain.estimate as gain, gain.lower_bound as gain_lower, harm.estimate as loss, harm.lower_bound as loss_lower,
    coalesce(kind, 'runs') as state, canary_ends.reason as because
from ledger.canaries
left join ledger.canary_ends using (canary_id)
left join given using (canary_id)
left join newest_looks as gain on gain.canary_id = canaries.canary_id and gain.side = 'gain'
left join newest_looks as harm on harm.canary_id = canaries.canary_id and harm.side = 'harm'
where model = :model
order by canaries.canary_id desc
limit :limit;

-- name: aside
-- As_ofs that may not teach now: they rest, or a person rejected them; newest first.
select as_of, event, reason, rests_until, actor
from analytics.admissions
where model = :model and is_newest and event in ('rest', 'reject')
order by as_of desc
limit :limit;

-- name: weeks
-- Published days with their drift and, once labels have matured, the realised headline and whether they are set aside; newest first.
select
    publications.as_of,
    publications.version,
    publications.rows,
    publications.mean_score,
    drift_daily.drifted_share,
    drift_daily.prediction_shift,
    drift_daily.report,
    headline.metric,
    nullif(headline.value, 'NaN') as realised,
    headline.low as realised_low,
    headline.high as realised_high,
    outcomes.base_rate,
    coalesce(looked_at.event in ('rest', 'reject'), false) as is_aside
from ledger.publications
left join ledger.outcomes using (publication_id)
left join ledger.outcome_metrics as headline on headline.publication_id = publications.publication_id and position = 1
left join lateral (
    -- A day between two training as_ofs goes with the former.
    select event
    from analytics.admissions
    where admissions.model = publications.model and is_newest
        and admissions.as_of between publications.as_of - 6 and publications.as_of
    order by admissions.as_of desc
    limit 1
) as looked_at on true
left join analytics.drift_daily
    on drift_daily.model = publications.model and drift_daily.as_of = publications.as_of
where publications.model = :model and publications.status = 'live'
order by publications.as_of desc
limit :limit;

-- name: waiting
-- Mail that has not been sent, and what MLflow has not been told, oldest first.
select as_of, event, notice ->> 'headline' as headline, attempts, last_error, recorded_at
from ledger.outbox
where model = :model and sent_at is null
union all
select
    max(as_of), destination,
    case destination when 'card' then 'The model card of version ' else 'In MLflow the verdict on version ' end || deliveries.version,
    max(attempts)::integer, max(last_error), min(recorded_at)
from ledger.deliveries
join ledger.events using (event_id)
where deliveries.model = :model and delivered_at is null
group by destination, deliveries.version
order by recorded_at;

-- name: stages
-- What the stages of one run in Airflow left in the ledger, oldest first.
select
    run_id, as_of, stage, status, message, purpose, recorded_at,
    extract(epoch from finished_at - recorded_at)::double precision as seconds
from ledger.runs
where model = :model and dag_run_id = :dag_run_id
order by run_id;

-- name: decision_of_day
-- The newest decision on a day.
select as_of, choice, rule, sentence
from ledger.decisions
where model = :model and as_of = :as_of
order by decision_id desc
limit 1;

-- name: verdict_of_day
-- The newest comparison for a day.
select as_of, challenger_version, champion_version, verdict,
    (evidence -> 'reasons') || coalesce(evidence -> 'warnings', '[]') as reasons
from ledger.evaluations
where model = :model and as_of = :as_of
order by evaluation_id desc
limit 1;

-- name: report_of_day
-- The MLflow run that keeps the drift report of a day.
select versions.mlflow_run_id
from ledger.drift_checks
join ledger.versions using (model, version)
where model = :model and as_of = :as_of;

-- name: parts_of_pages
-- Parts that pages share, by their SHA-256.
select digest, content
from ledger.page_parts
where digest = any(:digests);

-- name: run_of_version
-- The MLflow run that keeps a version and its card.
select mlflow_run_id
from ledger.versions
where model = :model and version = :version;

-- name: notices_of_day
-- The mail about a day.
select event, notice ->> 'headline' as headline, recipient, sent_at, last_error
from ledger.outbox
where model = :model and as_of = :as_of
order by recorded_at;
