-- Purpose: what `perennial metrics` shows, read as role watcher in one transaction of one moment. Every query gives at most a few rows
-- for each of the models asked for (:models, their names); columns that are no label are figures, null where there is none yet.

-- name: migration
-- The newest migration of the ledger.
select max(number) as number from ledger.migrations;

-- name: scores
-- The newest live publication, and whether a newer day was stopped.
select asked.model, live.as_of, live.version, live.rows, live.mean_score, live.published_at, live.canary_share,
    coalesce(attempt.status = 'blocked' and attempt.as_of > coalesce(live.as_of, '-infinity'), false)
    or coalesce(decision.choice = 'BLOCK' and decision.as_of > coalesce(live.as_of, '-infinity'), false) as is_blocked
from unnest(cast(:models as text[])) as asked (model)
left join lateral (
    select as_of, version, rows, mean_score, published_at, coalesce(canary_share, 0) as canary_share
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
select asked.model, newest.*
from unnest(cast(:models as text[])) as asked (model)
cross join lateral (
    select as_of, drifted_share, prediction_shift, is_drifted
    from ledger.drift_checks
    where drift_checks.model = asked.model
    order by as_of desc
    limit 1
) as newest;

-- name: decisions
-- How many decisions there are of each choice.
select model, choice, count(*) as number
from ledger.watched_decisions
where model = any(cast(:models as text[]))
group by model, choice;

-- name: newest_decisions
-- The newest decision with the figures of its evidence.
select asked.model, newest.*
from unnest(cast(:models as text[])) as asked (model)
cross join lateral (
    select as_of, choice, rule, loss_points, loss_share, is_calibration_off
    from ledger.watched_decisions
    where watched_decisions.model = asked.model
    order by as_of desc, decision_id desc
    limit 1
) as newest;

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
-- Attempts of every stage by how they ended, or that they are under way; of each the newest, and how long all took together. One
-- pass over ledger.runs, the longest table here.
select grouped.*, extract(epoch from newest.finished_at - newest.recorded_at) as newest_seconds
from (
    select model, stage, status, count(*) as number, max(run_id) as newest, max(finished_at) as finished_at,
        coalesce(sum(extract(epoch from finished_at - recorded_at)), 0) as seconds,
        max(effective_at) filter (where purpose <> 'backfill') as clock
    from ledger.runs
    where model = any(cast(:models as text[]))
    group by model, stage, status
) as grouped
join ledger.runs as newest on newest.run_id = grouped.newest;

-- name: draws
-- Tests of challengers and canaries, and what each drew from the account of errors; open: a challenger is under test.
select model, status = 'open' as is_open, alpha, effective_at
from ledger.contests
where model = any(cast(:models as text[])) and side = 'superiority'
union all
select model, false, alpha, effective_at
from ledger.canaries
where model = any(cast(:models as text[]));

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
select asked.model, newest.as_of, newest.rows, validation.passed, validation.quarantined
from unnest(cast(:models as text[])) as asked (model)
cross join lateral (
    select as_of, rows
    from ledger.snapshots
    where snapshots.model = asked.model and kind = 'features'
    order by as_of desc
    limit 1
) as newest
left join lateral (
    select passed, quarantined
    from ledger.validations
    where validations.model = asked.model and validations.as_of = newest.as_of
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
