-- Purpose: what is older than a model keeps it, why some of that stays all the same, and what went.

-- name: lived_until
-- The newest clock of the runs of a model, backfills aside; null before the first.
select ledger.lived_until(:model);

-- name: wall
-- PostgreSQL's clock, beyond which the owner's functions count no ages.
select clock_timestamp();

-- name: find_items
-- One row per thing that is older than the model keeps it: a day of a kind, or the files or one report of a version; `why` says
-- what it stays for, and is null of what goes. Columns: those of `perennial.records.purges.PurgeItem`; bytes where rows tell them.
-- Parameters: <kind>_before, the first day (of files and runs the instant) that stays by its age; outcomes_before, the first day whose
-- outcome is still waited for; needed, as_ofs of which the next training, comparison or score may read rows; ways_back, versions
-- that a rollback leads to.
with tested (recipe) as (
    select challenger_recipe from ledger.contests where model = :model and status = 'open'
    union
    select champion_recipe from ledger.contests where model = :model and status = 'open'
    union
    select recipe from ledger.versions where model = :model and version = any(cast(:ways_back as integer[]))
),

purged as (
    select version from ledger.purges where model = :model and kind = 'files'
),

reasons (version, place, why) as (
    select unnest(cast(:ways_back as integer[])), 1, 'it serves, or a rollback leads to it'
    union all
    select version, 2, 'it served within this time'
    from (
        select version, lead(effective_at) over (order by promotion_id) as until
        from ledger.promotions where model = :model and status = 'applied'
    ) as reigns
    where until is null or until >= :files_before
    union all
    (
        select distinct on (recipe) version, 3, 'it is the newest fit of a recipe that serves, served before or is under test'
        from ledger.versions join tested using (recipe)
        where model = :model
        order by recipe, trained_for desc, version desc
    )
    union all
    select version, 4, 'a recipe that serves, served before or is under test was chosen by it'
    from ledger.versions join tested using (recipe)
    where model = :model and choice is not null
    union all
    select version, 5, 'by it a recipe that serves, served before or is under test began to serve'
    from ledger.promotions
    where model = :model and ledger.recipe_of(:model, version) in (select recipe from tested)
        and ledger.recipe_of(:model, version) is distinct from ledger.recipe_of(:model, previous_version)
    union all
    select version, 6, 'scores that it published are kept'
    from ledger.publications where model = :model and status in ('building', 'live') and as_of >= :scores_before
    union all
    select canary_version, 6, 'scores that it published are kept'
    from ledger.publications
    where model = :model and status in ('building', 'live') and as_of >= :scores_before and canary_version is not null
    union all
    select unnest(array[version, champion_version]), 7, 'a person is asked about it'
    from ledger.approvals where model = :model and status = 'open'
    union all
    select version, 8, 'a movement to it was begun' from ledger.promotions where model = :model and status = 'intended'
    union all
    select version, 9, 'its card waits to be written' from ledger.deliveries where model = :model and delivered_at is null
    union all
    select version, 10, 'pages of its drift checks are kept'
    from ledger.drift_checks where model = :model and report is not null and as_of >= :reports_before
),

held as (
    select distinct on (version) version, why from reasons order by version, place
),

files as (
    select version, trained_for as as_of, held.why
    from ledger.versions left join held using (version)
    where model = :model and effective_at < :files_before and version not in (select version from purged)
),

-- The run of a version goes with its files or after them.
runs as (
    select
        version, trained_for as as_of,
        coalesce(
            held.why,
            case
                when version not in (select version from purged) and version not in (select version from files where why is null)
                    then 'its files are kept'
            end
        ) as why
    from ledger.versions left join held using (version)
    where model = :model and effective_at < :runs_before and not exists (
        select from ledger.purges
        where purges.model = :model and purges.kind = 'runs' and purges.version = versions.version
    )
),

-- What the pages want that stay; of a page from before that was kept nobody knows it, and every part stays with it.
pages as (
    select parts from ledger.drift_checks
    where report is not null and not (model = :model and as_of < :reports_before)
),

-- Versions whose files stay, by their age or for a reason: what they learned from and were assessed on stays with them.
staying as (
    select version, training_as_ofs, holdout_as_ofs
    from ledger.versions
    where model = :model and version not in (select version from purged)
        and version not in (select version from files where why is null)
),

learned (as_of, why) as (
    select unnest(training_as_ofs || holdout_as_ofs), 'version ' || max(version) || ' learned from it or was assessed on it'
    from staying group by 1
),

assessed (as_of, why) as (
    select unnest(holdout_as_ofs), 'version ' || max(version) || ' was assessed on it' from staying group by 1
),

looked_at (as_of) as (
    select unnest(as_ofs) from ledger.looks join ledger.contests using (contest_id) where model = :model and status = 'open'
),

published as (
    select
        as_of, publications.rows, as_of = max(as_of) over () as is_newest,
        outcomes.publication_id is null and as_of >= :outcomes_before as is_unmeasured
    from ledger.publications left join ledger.outcomes using (publication_id, model, as_of)
    where model = :model and status = 'live'
),

waiting (as_of, why) as (
    select unnest(cast(:needed as date[])), 'the next training, comparison or score may read it'
    union all
    select as_of, 'a contest that is open has looked at it' from looked_at
    union all
    select as_of, 'what came true of its scores has not been measured' from published where is_unmeasured
    union all
    select as_of, 'its scores are the newest' from published where is_newest
),

built as (
    select as_of, sum(rows) as rows from ledger.snapshots
    where model = :model and as_of < :snapshots_before and status <> 'purged' group by as_of
)

select
    'snapshots' as kind, as_of, cast(null as integer) as version, rows, 0 as bytes,
    coalesce(
        (select why from waiting where waiting.as_of = built.as_of limit 1),
        (select why from learned where learned.as_of = built.as_of)
    ) as why
from built
union all
select
    'scores', as_of, null, rows, 0,
    coalesce(
        (select why from waiting where waiting.as_of = published.as_of limit 1),
        (select why from assessed where assessed.as_of = published.as_of)
    )
from published
where as_of < :scores_before and rows > 0
    and not exists (
        select from ledger.purges
        where purges.model = :model and purges.kind = 'scores' and purges.as_of = published.as_of
            and purges.recorded_at > (
                select max(published_at) from ledger.publications
                where publications.model = :model and publications.as_of = published.as_of and status = 'live'
            )
    )
union all
select
    'quarantine', as_of, null, count(*), sum(pg_column_size(quarantine.*)),
    (select why || ', and its card counts them' from learned where learned.as_of = quarantine.as_of)
from ledger.quarantine
where model = :model and as_of < :quarantine_before and source is null
group by as_of
union all
select 'findings', as_of, null, count(*), sum(pg_column_size(results)), null
from ledger.validations
where model = :model and as_of < :quarantine_before and passed and results <> '[]'
group by as_of
union all
select 'mail', as_of, null, count(*), sum(pg_column_size(notice)), case when sent_at is null then 'it was not sent' end
from ledger.outbox
where model = :model and as_of < :mail_before and not notice ? 'purged'
group by as_of, sent_at is null, case when sent_at is null then 'it was not sent' end
union all
select 'reports', as_of, version, 1, 0, null
from ledger.drift_checks
where model = :model and as_of < :reports_before and report is not null
union all
select 'requests', day, null, count(*), sum(pg_column_size(requests.*)),
    max(case when canary_ends.canary_id is null then 'its canary is still judged' end)
from ledger.requests
left join ledger.canary_ends using (canary_id)
where model = :model and day < :requests_before
group by day
union all
select 'files', as_of, version, 1, 0, why from files
union all
select 'runs', as_of, version, 1, 0, why from runs
union all
select 'parts', cast(recorded_at as date), null, count(*), sum(octet_length(content)), null
from ledger.page_parts
where not exists (select from pages where parts is null or page_parts.digest = any(parts))
group by cast(recorded_at as date)
order by kind, as_of, version;

-- name: record
-- One thing that went.
insert into ledger.purges (model, kind, as_of, version, rows, bytes, retention_days, actor, effective_at)
values (:model, :kind, :as_of, :version, :rows, :bytes, :retention_days, :actor, :effective_at);

-- name: is_recorded
-- Whether something of a kind and day of a model has gone before.
select exists (select from ledger.purges where model = :model and kind = :kind and as_of = :as_of);

-- name: purge_day
-- Rejected rows, findings, mails or requests of one day go, recorded by the function itself; how many rows.
select ledger.purge_day(:model, :kind, :as_of, :retention_days, :actor, :effective_at);

-- name: drop_parts
-- Parts that were kept on a day and that no page of any model wants any more; the bytes of each.
delete from ledger.page_parts
where cast(recorded_at as date) = :as_of and not exists (
    select from ledger.drift_checks
    where report is not null and (parts is null or page_parts.digest = any(parts))
)
returning octet_length(content) as bytes;

-- name: mark_snapshots
-- The rows of a day have gone: its row stays, for versions and publications name its checksum.
update ledger.snapshots set status = 'purged' where model = :model and as_of = any(cast(:as_ofs as date[]));

-- name: unlink_report
-- The page of a check has gone; its figures stay.
update ledger.drift_checks set report = null, parts = null, evidence = jsonb_set(evidence, '{report}', 'null')
where model = :model and as_of = :as_of;

-- name: purged_at
-- When the files, or the run, of a version were taken away; no row while they are there.
select effective_at from ledger.purges where model = :model and kind = :kind and version = :version
order by purge_id desc limit 1;

-- name: purged_days
-- Days of which rows have gone that were published or built before, and not built again since.
select as_of from ledger.snapshots where model = :model and status = 'purged'
union
select as_of from ledger.purges where model = :model and kind = 'scores';

-- name: size_of_relation
-- Room that a table takes, its indexes included; null where there is none.
select pg_total_relation_size(to_regclass(:table));
