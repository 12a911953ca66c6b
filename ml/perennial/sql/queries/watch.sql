-- Purpose: what `perennial metrics` shows, read as role watcher in one transaction of one moment. Every query gives at most a few rows
-- for each of the models asked for (:models, their names); columns that are no label are figures, null where there is none yet.

-- name: migration
-- The newest migration of the ledger.
select max(number) as number from ledger.migrations;

-- name: scores
-- The newest live publication, and whether a newer day was stopped.
select asked.model, live.as_of, live.version, live.rows, live.mean_score, live.published_at,
    coalesce(attempt.status = 'blocked' and attempt.as_of > coalesce(live.as_of, '-infinity'), false)
    or coalesce(decision.choice = 'BLOCK' and decision.as_of > coalesce(live.as_of, '-infinity'), false) as is_blocked
from unnest(cast(:models as text[])) as asked (model)
left join lateral (
    select as_of, version, rows, mean_score, published_at
    from ledger.publications
    where publications.model = asked.model and status = 'live'
    order by as_of desc
    limit 1
) as live on true
left join lateral (
    select as_of, status
    from ledger.publications
    where publications.model = asked.model
    order by as_of desc, attempt desc
    limit 1
) as attempt on true
left join lateral (
    select as_of, choice
    from ledger.watched_decisions
    where watched_decisions.model = asked.model
    order by as_of desc, decision_id desc
    limit 1
) as decision on true;

-- name: champions
-- The version that serves, and what it is a fit of.
select champion.model, champion.version, champion.applied_at, versions.recipe, versions.algorithm, versions.trained_for,
    versions.effective_at as fitted_at, versions.holdout_auc as promised,
    (select max(trained.as_of) from unnest(versions.training_as_ofs) as trained (as_of)) as newest_training_as_of
from (
    select distinct on (model) model, version, applied_at
    from ledger.promotions
    where model = any(cast(:models as text[])) and status = 'applied'
    order by model, promotion_id desc
) as champion
left join ledger.versions on versions.model = champion.model and versions.version = champion.version;

-- name: movements
-- Movements of the alias that were applied, by kind.
select model, kind, count(*) as number
from ledger.promotions
where model = any(cast(:models as text[])) and status = 'applied'
group by model, kind;

-- name: outcomes
-- Every metric of the newest publication of the champion's recipe that came true; one that a rested day concerns may be among them.
with champions as (
    select distinct on (promotions.model) promotions.model, versions.recipe
    from ledger.promotions
    join ledger.versions on versions.model = promotions.model and versions.version = promotions.version
    where promotions.model = any(cast(:models as text[])) and promotions.status = 'applied'
    order by promotions.model, promotion_id desc
),

newest as (
    select distinct on (outcomes.model) outcomes.model, publication_id, outcomes.as_of, outcomes.base_rate, outcomes.mean_score
    from ledger.outcomes
    join ledger.publications using (publication_id)
    join ledger.versions on versions.model = outcomes.model and versions.version = outcomes.version
    join champions on champions.model = outcomes.model and champions.recipe = versions.recipe
    where publications.status = 'live'
    order by outcomes.model, outcomes.as_of desc
)

select newest.model, newest.as_of, newest.base_rate, newest.mean_score, metric, position, value, low, high
from newest
join ledger.outcome_metrics using (publication_id)
order by newest.model, position;

-- name: drift
-- The newest check.
select distinct on (model) model, as_of, drifted_share, prediction_shift, is_drifted
from ledger.drift_checks
where model = any(cast(:models as text[]))
order by model, as_of desc;

-- name: decisions
-- How many decisions there are of each choice.
select model, choice, count(*) as number
from ledger.watched_decisions
where model = any(cast(:models as text[]))
group by model, choice;

-- name: newest_decisions
-- The newest decision with the figures of its evidence.
select distinct on (model) model, as_of, choice, rule, loss_points, loss_share, is_calibration_off
from ledger.watched_decisions
where model = any(cast(:models as text[]))
order by model, as_of desc, decision_id desc;

-- name: admissions
-- As_ofs that are set aside: those that rest, and those that a person rejected.
select model, count(*) filter (where event = 'rest') as resting, count(*) filter (where event = 'reject') as rejected
from (
    select distinct on (model, as_of) model, as_of, event
    from ledger.admissions
    where model = any(cast(:models as text[]))
    order by model, as_of, admission_id desc
) as newest
group by model;

-- name: questions
-- Open questions to people.
select model, count(*) as number, min(deadline) as deadline
from ledger.approvals
where model = any(cast(:models as text[])) and status = 'open'
group by model;

-- name: mails
-- Mails that wait and mails that left.
select model, count(*) filter (where sent_at is null) as waiting, count(sent_at) as sent,
    min(recorded_at) filter (where sent_at is null) as oldest, max(attempts) filter (where sent_at is null) as attempts
from ledger.outbox
where model = any(cast(:models as text[]))
group by model;

-- name: deliveries
-- Cards and verdicts that wait for MLflow.
select deliveries.model, destination, count(*) as waiting, min(events.recorded_at) as oldest
from ledger.deliveries
join ledger.events using (event_id)
where deliveries.model = any(cast(:models as text[])) and delivered_at is null
group by deliveries.model, destination;

-- name: attempts
-- Attempts of every stage that have ended, by how.
select model, stage, status, count(*) as number
from ledger.runs
where model = any(cast(:models as text[])) and status <> 'running'
group by model, stage, status;

-- name: stages
-- What is under way of every stage, and how long the attempts took that did their work.
select model, stage, count(*) filter (where status = 'running') as running, count(*) filter (where status = 'ok') as done,
    coalesce(sum(extract(epoch from finished_at - recorded_at)) filter (where status = 'ok'), 0) as seconds,
    max(finished_at) filter (where status = 'ok') as succeeded_at
from ledger.runs
where model = any(cast(:models as text[]))
group by model, stage;

-- name: newest_attempts
-- How the newest attempt of every stage ended.
select distinct on (model, stage) model, stage, status in ('failed', 'lost') as is_failed,
    extract(epoch from finished_at - recorded_at) as seconds
from ledger.runs
where model = any(cast(:models as text[])) and status <> 'running'
order by model, stage, run_id desc;

-- name: clocks
-- The newest clock of the runs, backfills aside: the wall's where a model is live.
select model, max(effective_at) as clock
from ledger.runs
where model = any(cast(:models as text[])) and purpose <> 'backfill'
group by model;

-- name: account
-- Tests that are open, and what was drawn from the account of errors in the 365 days before the newest clock of the runs.
select contests.model, count(*) filter (where status = 'open') as open,
    coalesce(sum(alpha) filter (where contests.effective_at > clocks.clock - interval '365 days'), 0) as drawn
from ledger.contests
join (
    select model, max(effective_at) as clock
    from ledger.runs
    where model = any(cast(:models as text[])) and purpose <> 'backfill'
    group by model
) as clocks using (model)
where side = 'superiority'
group by contests.model;

-- name: account_queue
-- Challengers that were compared last without a test of their own, for the account of errors did not cover one.
with newest as (
    select model, max(as_of) as as_of
    from ledger.evaluations
    where model = any(cast(:models as text[]))
    group by model
)

select evaluations.model, count(distinct evaluations.challenger_version) as waiting
from ledger.evaluations
join newest using (model, as_of)
join ledger.versions as challenger
    on challenger.model = evaluations.model and challenger.version = evaluations.challenger_version
join ledger.versions as champion on champion.model = evaluations.model and champion.version = evaluations.champion_version
where evaluations.verdict = 'INCONCLUSIVE'
    and not exists (
        select from ledger.contests
        where contests.model = evaluations.model and contests.challenger_recipe = challenger.recipe
            and contests.champion_recipe = champion.recipe
    )
group by evaluations.model;

-- name: snapshots
-- The newest features, and what their validation said.
select newest.model, newest.as_of, newest.rows, validation.passed, validation.quarantined
from (
    select distinct on (model) model, as_of, rows
    from ledger.snapshots
    where model = any(cast(:models as text[])) and kind = 'features'
    order by model, as_of desc
) as newest
left join lateral (
    select passed, quarantined
    from ledger.validations
    where validations.model = newest.model and validations.as_of = newest.as_of
    order by validation_id desc
    limit 1
) as validation on true;

-- name: purges
-- What went because it was old.
select model, kind, sum(rows) as rows, sum(bytes) as bytes
from ledger.purges
where model = any(cast(:models as text[]))
group by model, kind;

-- name: events
-- What happened; the day or version at the end of a kind is left out.
select model, regexp_replace(kind, '_[0-9]+$', '') as kind, count(*) as number, max(recorded_at) as recorded_at
from ledger.events
where model = any(cast(:models as text[]))
group by 1, 2;
