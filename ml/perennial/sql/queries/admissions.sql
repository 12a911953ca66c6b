-- Purpose: what may teach: which as_ofs were admitted, rest or were rejected, and by which fit each was scored.

-- name: record_entry
-- What became of one as_of.
insert into ledger.admissions (
    model, as_of, event, reason, evidence, snapshot_checksum, labels_checksum, rests_until, actor, purpose, effective_at
)
values (
    :model, :as_of, :event, :reason, cast(:evidence as jsonb), :snapshot_checksum, :labels_checksum, :rests_until, :actor,
    :purpose, :effective_at
);

-- name: entries
-- The row that holds for each as_of of a model since a day, oldest as_of first. What was looked at, or said by a person, holds
-- on every clock; a release only from its own on, so that a rerun of an older day finds the as_of resting as it was. Rows that
-- were erased since are no reason to look again: the checksums are those that what was looked at has without them.
select distinct on (as_of)
    model, as_of, event, reason, ledger.after_erasures(model, as_of, 'features', snapshot_checksum) as snapshot_checksum,
    ledger.after_erasures(model, as_of, 'labels', labels_checksum) as labels_checksum, rests_until, actor, purpose, effective_at
from ledger.admissions
where model = :model and as_of >= :since and not (event = 'release' and effective_at > :clock)
order by as_of, admission_id desc;

-- name: set_aside
-- Why each of some as_ofs was set aside last, oldest first.
select distinct on (as_of)
    model, as_of, event, reason, snapshot_checksum, labels_checksum, rests_until, actor, purpose, effective_at
from ledger.admissions
where model = :model and as_of = any(cast(:as_ofs as date[])) and event in ('rest', 'reject')
order by as_of, admission_id desc;

-- name: checksums
-- What stands in features.<model> and labels.<model> for each as_of since a day; no labels: null.
select features.as_of, features.checksum as snapshot_checksum, labels.checksum as labels_checksum
from ledger.snapshots as features
left join ledger.snapshots as labels
    on labels.model = features.model and labels.as_of = features.as_of and labels.kind = 'labels'
where features.model = :model and features.kind = 'features' and features.as_of >= :since
order by features.as_of;

-- name: fit_of_that_time
-- The version whose scores of a day count: what was published, else what was stopped, else the champion at the instant from
-- which the day could be scored; null before the first champion.
select coalesce(
    (select version from ledger.publications where model = :model and as_of = :as_of and status = 'live'),
    (
        select version from ledger.publications
        where model = :model and as_of = :as_of and status = 'blocked'
        order by attempt desc
        limit 1
    ),
    analytics.champion_at(:model, :instant)
);
