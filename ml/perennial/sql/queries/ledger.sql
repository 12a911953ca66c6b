-- Purpose: what was built, decided, promoted, published and mailed: written once, read by whoever has to know why.
-- `effective_at` is the clock of the run; the wall's time stands beside it for people and decides nothing.

-- name: start_run
-- One row for an attempt of a stage.
insert into ledger.runs (model, stage, as_of, purpose, actor, dag_run_id, effective_at)
values (:model, :stage, :as_of, :purpose, :actor, :dag_run_id, :effective_at)
returning run_id;

-- name: finish_run
-- The attempt ended, well or not.
update ledger.runs set status = :status, message = :message, finished_at = clock_timestamp() where run_id = :run_id;

-- name: is_overtaken
-- Has a later attempt of a stage ended well?
select exists (
    select from ledger.runs
    where model = :model and stage = :stage and as_of = :as_of and run_id > :attempt and status = 'ok'
);

-- name: find_snapshot
-- What the ledger knows of the snapshot (or the labels) of a day; of one whose rows were purged, nothing.
select model, as_of, kind, rows, checksum, query_hash, config_hash, columns, status
from ledger.snapshots
where model = :model and as_of = :as_of and kind = :kind and status <> 'purged';

-- name: newest_snapshot
-- What the ledger knows of the features of the newest day that was built.
select model, as_of, kind, rows, checksum, query_hash, config_hash, columns, status
from ledger.snapshots
where model = :model and kind = 'features'
order by as_of desc
limit 1;

-- name: mark_snapshot
-- The suites have spoken about the features of a day.
update ledger.snapshots set status = :status where model = :model and as_of = :as_of and kind = 'features';

-- name: former_rows
-- Row counts of the valid snapshots before a day, and since another one if a level was accepted then, newest first; from a
-- cohort that was empty nothing follows.
select rows
from ledger.snapshots
where model = :model and kind = 'features' and status = 'valid' and rows > 0 and as_of < :as_of
    and (cast(:since as date) is null or as_of >= :since)
order by as_of desc
limit :limit;

-- name: valid_days
-- The as_ofs in [first, last] whose features are valid and not empty, oldest first, with what built them.
select as_of, query_hash
from ledger.snapshots
where model = :model and kind = 'features' and status = 'valid' and rows > 0 and as_of between :first and :last
order by as_of;

-- name: is_empty
-- Has a day a valid snapshot of nobody?
select exists (
    select from ledger.snapshots
    where model = :model and as_of = :as_of and kind = 'features' and status = 'valid' and rows = 0
);

-- name: record_validation
-- One validation of a snapshot.
insert into ledger.validations (model, as_of, passed, rows, quarantined, results, effective_at)
values (:model, :as_of, :passed, :rows, :quarantined, cast(:evidence as jsonb) -> 'results', :effective_at);

-- name: find_validation
-- The newest validation of a day.
select model, as_of, passed, rows, quarantined, results
from ledger.validations
where model = :model and as_of = :as_of
order by validation_id desc
limit 1;

-- name: record_version
-- A registered version; the same version, or the same training, is recorded once.
insert into ledger.versions (
    model, version, recipe, algorithm, mlflow_run_id, manifest, baselines, data_hash, training_as_ofs, holdout_as_ofs,
    trained_for, parameters, holdout_mean_score, holdout_auc, newest_mean_score, distance, config_hash, query_hash, code_version,
    origin, tuning, choice, rested, effective_at
)
values (
    :model, :version, :recipe, :algorithm, :mlflow_run_id, cast(:evidence as jsonb) -> 'manifest',
    cast(:evidence as jsonb) -> 'baselines', :data_hash,
    cast(:training_as_ofs as date[]), cast(:holdout_as_ofs as date[]), :trained_for,
    cast(:evidence as jsonb) -> 'parameters', :holdout_mean_score, :holdout_headline, :newest_mean_score,
    nullif(cast(:evidence as jsonb) -> 'distance', 'null'), :config_hash, :query_hash, :code_version, :origin,
    nullif(cast(:evidence as jsonb) -> 'tuning', 'null'), nullif(cast(:evidence as jsonb) -> 'choice', 'null'),
    cast(:rested as date[]), :effective_at
)
on conflict do nothing;

-- name: runs_of_versions
-- Which run of MLflow each version is.
select version, mlflow_run_id from ledger.versions where model = :model;

-- name: find_version
-- One version.
select * from ledger.versions where model = :model and version = :version;

-- name: fits_of_day
-- Every version that was fitted for a day, oldest first.
select * from ledger.versions where model = :model and trained_for = :trained_for order by version;

-- name: last_training
-- The newest training for a day before the given one; a rerun of a day does not see its own.
select *
from ledger.versions
where model = :model and trained_for < :before and origin = 'training'
order by trained_for desc, version desc
limit 1;

-- name: last_search
-- The newest training for a day before the given one that searched for its parameters.
select *
from ledger.versions
where model = :model and trained_for < :before and origin = 'training' and cast(tuning ->> 'is_searched' as boolean)
order by trained_for desc, version desc
limit 1;

-- name: trained_on_day
-- The newest version that was fitted for this very day: the first of its recipe, or a later one.
select *
from ledger.versions
where model = :model and trained_for = :trained_for and origin = :origin
order by version desc
limit 1;

-- name: record_evaluation
-- One comparison, with the whole verdict.
insert into ledger.evaluations (
    model, as_of, challenger_version, champion_version, verdict, evidence, purpose, effective_at
)
values (
    :model, :as_of, :challenger_version, :champion_version, :verdict, cast(:evidence as jsonb), :purpose, :effective_at
)
returning evaluation_id;

-- name: latest_evaluation
-- The newest comparison of a challenger.
select evaluation_id, evidence as verdict
from ledger.evaluations
where model = :model and challenger_version = :challenger_version
order by evaluation_id desc
limit 1;

-- name: latest_evaluation_of_recipe
-- The newest comparison of the recipe that a version is a fit of, by whichever of its fits.
select evaluation_id, evidence as verdict
from ledger.evaluations
where model = :model and ledger.recipe_of(model, challenger_version) = ledger.recipe_of(:model, :version)
order by evaluation_id desc
limit 1;

-- name: live_publication
-- The live scores of a day.
select publication_id, model, as_of, version, attempt, status, rows, mean_score,
    extract(epoch from published_at - recorded_at)::double precision as seconds
from ledger.publications
where model = :model and as_of = :as_of and status = 'live';

-- name: blocked_because
-- Why a day has no scores of its own: its newest finished attempt was blocked, or its snapshot is invalid.
with newest_attempt as (
    select status, message
    from ledger.publications
    where model = :model and as_of = :as_of and status <> 'building'
    order by attempt desc
    limit 1
),

newest_validation as (
    select validations.results
    from ledger.snapshots
    join ledger.validations using (model, as_of)
    where model = :model and as_of = :as_of and kind = 'features' and status = 'invalid' and not passed
    order by validation_id desc
    limit 1
)

select string_agg(result ->> 'sentence', ' ' order by position) as reason
from newest_validation, jsonb_array_elements(results) with ordinality as found (result, position)
where not (result ->> 'passed')::boolean
having count(*) > 0
union all
select coalesce(message, 'The publication was blocked.') from newest_attempt where status = 'blocked'
limit 1;

-- name: without_outcome
-- Live publications up to a day that no outcome measures by the snapshot and the labels as they stand, oldest first; without
-- those of which rows went as too old.
select publication_id, model, as_of, version, attempt, status, rows, mean_score,
    extract(epoch from published_at - recorded_at)::double precision as seconds
from ledger.publications
where model = :model and as_of <= :until and status = 'live'
    and not exists (
        select
        from ledger.outcomes
        where outcomes.publication_id = publications.publication_id
            and not exists (
                select
                from ledger.snapshots
                where snapshots.model = publications.model and snapshots.as_of = publications.as_of
                    and snapshots.recorded_at > outcomes.recorded_at
            )
    )
    and not exists (
        select
        from ledger.snapshots
        where snapshots.model = publications.model and snapshots.as_of = publications.as_of
            and kind = 'features' and snapshots.status = 'purged'
    )
    and not exists (
        select
        from ledger.purges
        where purges.model = publications.model and purges.as_of = publications.as_of and kind = 'scores'
            and purges.recorded_at > publications.published_at
    )
order by as_of;

-- name: record_outcome
-- How good a publication turned out to be; a second look replaces the first, and what it says was known as early: an alarm that
-- a later fit has answered stays answered after a rebuilt day.
insert into ledger.outcomes (
    model, as_of, version, publication_id, rows, positives, mean_score, base_rate, effective_at
)
values (:model, :as_of, :version, :publication_id, :rows, :positives, :mean_score, :base_rate, :effective_at)
on conflict (publication_id) do update set
    rows = excluded.rows, positives = excluded.positives, mean_score = excluded.mean_score, base_rate = excluded.base_rate,
    recorded_at = clock_timestamp();

-- name: record_outcome_metric
-- One metric of it; a second look replaces the first.
insert into ledger.outcome_metrics (publication_id, metric, position, value, low, high, standard_error)
values (:publication_id, :metric, :position, :value, :low, :high, :standard_error)
on conflict (publication_id, metric) do update set
    value = excluded.value, low = excluded.low, high = excluded.high, standard_error = excluded.standard_error;

-- name: outcomes
-- The newest outcomes of a model (of the fits of one recipe, when it is given) known before an instant, newest as_of first.
select outcomes.model, outcomes.as_of, outcomes.version, outcomes.rows, positives, outcomes.mean_score, base_rate,
    ledger.metrics_of(publication_id) as metrics
from ledger.outcomes
join ledger.publications using (publication_id)
where outcomes.model = :model and publications.status = 'live'
    and (cast(:recipe as integer) is null or ledger.recipe_of(outcomes.model, outcomes.version) = :recipe)
    and outcomes.effective_at <= :known_by
order by outcomes.as_of desc
limit :limit;

-- name: matured_rates
-- What live publications said on average and what came true, known before an instant, oldest first.
select outcomes.as_of, outcomes.rows, positives, outcomes.mean_score, base_rate,
    (outcomes.effective_at at time zone :zone)::date as known_on,
    ledger.metrics_of(publication_id) -> 'total_bias' as total_bias
from ledger.outcomes
join ledger.publications using (publication_id)
where outcomes.model = :model and publications.status = 'live' and outcomes.effective_at <= :known_by
    and outcomes.as_of >= :since
order by outcomes.as_of;

-- name: record_drift_check
-- What the check of a day found; a rerun replaces it, and leaves the page that was drawn of the same version. Did it find anything
-- that was not known?
with known as (
    select evidence - 'report' as found from ledger.drift_checks where model = :model and as_of = :as_of
)

insert into ledger.drift_checks (
    model, as_of, version, rows, drifted_share, prediction_shift, is_drifted, evidence, report, effective_at
)
values (
    :model, :as_of, :version, :rows, :drifted_share, :prediction_shift, :is_drifted, cast(:evidence as jsonb), :report,
    :effective_at
)
on conflict (model, as_of) do update set
    version = excluded.version, rows = excluded.rows, drifted_share = excluded.drifted_share,
    prediction_shift = excluded.prediction_shift, is_drifted = excluded.is_drifted,
    report = coalesce(excluded.report, case when excluded.version = drift_checks.version then drift_checks.report end),
    evidence = case
        when excluded.version = drift_checks.version and excluded.report is null and drift_checks.report is not null
            then jsonb_set(excluded.evidence, '{report}', to_jsonb(drift_checks.report))
        else excluded.evidence
    end,
    effective_at = excluded.effective_at, recorded_at = clock_timestamp()
returning (select found from known) is distinct from evidence - 'report' as is_new;

-- name: record_report
-- Where the page of a check stands, and which parts it wants.
update ledger.drift_checks
set report = cast(:report as text), parts = cast(:parts as text []), evidence = jsonb_set(evidence, '{report}', to_jsonb(cast(:report as text)))
where model = :model and as_of = :as_of and version = :version;

-- name: last_checks
-- The newest checks up to a day, that day's included, newest first.
select evidence from ledger.drift_checks where model = :model and as_of <= :as_of order by as_of desc limit :limit;

-- name: record_decision
-- One decision with everything it looked at.
insert into ledger.decisions (model, as_of, choice, rule, sentence, evidence, purpose, effective_at)
values (:model, :as_of, :choice, :rule, :sentence, cast(:evidence as jsonb) -> 'evidence', :purpose, :effective_at)
returning decision_id;

-- name: find_decision
-- The decision that holds for a day: its newest.
select model, as_of, choice, rule, sentence, evidence
from ledger.decisions
where model = :model and as_of = :as_of
order by decision_id desc
limit 1;

-- name: asked_trainings
-- When retraining was asked for on days in [since, before), oldest first; of several decisions on a day the newest holds.
select effective_at
from (
    select distinct on (as_of) as_of, choice, effective_at
    from ledger.decisions
    where model = :model and as_of >= :since and as_of < :before
    order by as_of, decision_id desc
) as holding
where choice = 'TRAIN'
order by as_of;

-- name: unpublished_days
-- Valid snapshots since a day without scores, although there was a champion; blocked days wait for people, empty ones for nobody.
select as_of
from ledger.snapshots
where snapshots.model = :model and kind = 'features' and status = 'valid' and rows > 0 and purpose <> 'backfill'
    and as_of >= :since
    and exists (
        select from ledger.promotions
        where promotions.model = snapshots.model and promotions.status = 'applied'
            and promotions.effective_at <= snapshots.effective_at
    )
    and not exists (
        select from ledger.publications
        where publications.model = snapshots.model and publications.as_of = snapshots.as_of
            and publications.status in ('live', 'blocked')
    )
order by as_of;

-- name: unchecked_days
-- Live scores since a day that nobody compared with the training rows, or on which nothing was decided.
select as_of
from ledger.publications
where model = :model and status = 'live' and purpose <> 'backfill' and as_of >= :since
    and not (
        exists (
            select from ledger.drift_checks
            where drift_checks.model = publications.model and drift_checks.as_of = publications.as_of
        )
        and exists (
            select from ledger.decisions
            where decisions.model = publications.model and decisions.as_of = publications.as_of
        )
    )
order by as_of;

-- name: unbuilt_days
-- Of the days that training will want, those without a snapshot, of a model that had one before and has one since the first.
select as_of
from unnest(cast(:wanted as date[])) as wanted (as_of)
where not exists (
    select from ledger.snapshots where model = :model and kind = 'features' and snapshots.as_of = wanted.as_of
)
and exists (select from ledger.snapshots where model = :model and kind = 'features' and snapshots.as_of < wanted.as_of)
and exists (select from ledger.snapshots where model = :model and kind = 'features' and snapshots.as_of >= :since)
order by as_of;

-- name: untrained_days
-- Days whose decision asks for a training that nobody followed, and since which nobody has trained. What Airflow began it
-- finishes, or shows red; what a shell began counts when it was refused or assessed.
with holding as (
    select distinct on (as_of) as_of, choice
    from ledger.decisions
    where model = :model and as_of >= :since
    order by as_of, decision_id desc
)

select as_of
from holding
where choice = 'TRAIN'
    and not exists (
        select from ledger.runs
        where runs.model = :model and runs.as_of = holding.as_of
            and (
                (runs.stage in ('assemble', 'train') and (runs.dag_run_id is not null or runs.status = 'refused'))
                or (runs.stage = 'compare' and runs.status in ('ok', 'refused'))
            )
    )
    and not exists (
        select from ledger.versions
        where versions.model = :model and versions.origin = 'training' and versions.trained_for > holding.as_of
    )
order by as_of;

-- name: put_notice
-- A mail that waits, and the event that it tells of; the same event of the same day is written once.
with recorded as (
    insert into ledger.events (model, as_of, kind, effective_at)
    select :model, :as_of, :event, :effective_at
    where not exists (select from ledger.outbox where model = :model and as_of = :as_of and event = :event)
    returning event_id
)
insert into ledger.outbox (model, as_of, event, recipient, notice, message_id, effective_at, event_id)
select :model, :as_of, :event, :recipient, cast(:notice as jsonb), :message_id, :effective_at, event_id
from recorded
on conflict do nothing;

-- name: waiting_notices
-- What has not been sent yet, what was refused least often first, then the oldest; all models when :model is null.
select message_id from ledger.outbox
where sent_at is null and model = coalesce(:model, model)
order by attempts, recorded_at, message_id;

-- name: claim_notice
-- A waiting notice, locked until the transaction ends; nothing when somebody else is sending it or has sent it.
select message_id, recipient, notice, attempts, effective_at
from ledger.outbox
where message_id = :message_id and sent_at is null
for update skip locked;

-- name: mark_sent
-- The mail server took it.
update ledger.outbox set sent_at = clock_timestamp(), attempts = attempts + 1, last_error = null
where message_id = :message_id;

-- name: mark_failed
-- The mail server did not take it; it goes on waiting.
update ledger.outbox set attempts = attempts + 1, last_error = :error where message_id = :message_id;

-- name: newest_publication
-- The newest day whose scores are live: what analysts see now.
select publication_id, model, as_of, version, attempt, status, rows, mean_score,
    extract(epoch from published_at - recorded_at)::double precision as seconds
from ledger.publications
where model = :model and status = 'live'
order by as_of desc
limit 1;

-- name: labelled_days
-- Those of some days whose labels were built by the definition as it is now, from the snapshot as it is now.
select as_of
from ledger.snapshots as labels
join ledger.snapshots as features using (model, as_of)
where model = :model and as_of = any(cast(:days as date[])) and labels.kind = 'labels' and features.kind = 'features'
    and labels.query_hash = :query_hash and labels.recorded_at >= features.recorded_at
    and labels.status <> 'purged';

-- name: failure_messages
-- What the failed attempts of an Airflow run said, oldest first.
select message
from ledger.runs
where model = :model and as_of = :as_of and dag_run_id = :dag_run_id and status in ('failed', 'refused')
order by run_id;

-- name: tells_of_stop
-- Does the mail about the stop of a day tell of this failure?
select exists (
    select from ledger.outbox
    where model = :model and as_of = :as_of and event = 'blocked'
        and position(rtrim(:message, '. ') in notice ->> 'summary') > 0
);

-- name: notices_of
-- The events of a day that were mailed or wait to be.
select event from ledger.outbox where model = :model and as_of = :as_of order by recorded_at, event;

-- name: outcome_of
-- How good one publication turned out to be.
select model, as_of, version, rows, positives, mean_score, base_rate, ledger.metrics_of(publication_id) as metrics
from ledger.outcomes
where publication_id = :publication_id;

-- name: decisions_of
-- Every decision of a day, oldest first: a stopped day that was repaired has two.
select model, as_of, choice, rule, sentence, evidence
from ledger.decisions
where model = :model and as_of = :as_of
order by decision_id;

-- name: keep_page_part
-- Keep a part that pages share under its SHA-256; the same one is kept once.
insert into ledger.page_parts (digest, content) values (:digest, :content) on conflict (digest) do nothing;
