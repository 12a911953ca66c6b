-- Purpose: the ledger's side of a publication: attempts, their fence, and which scores are live.

-- name: read_isolated
-- Everything that this transaction reads is of one moment. Must be its first statement.
set transaction isolation level repeatable read, read only;

-- name: find_snapshot
-- The snapshot of a day as the ledger knows it.
select rows, checksum, status
from ledger.snapshots
where model = :model and as_of = :as_of and kind = 'features';

-- name: former_mean
-- The newest live scores of an earlier day: when, their mean, and who gave them.
select as_of, mean_score, version
from ledger.publications
where model = :model and as_of < :as_of and status = 'live'
order by as_of desc
limit 1;

-- name: fence_off_attempts
-- Earlier attempts that died, or still live, may no longer publish.
update ledger.publications
set status = 'replaced', message = 'A later attempt took over before this one had published.'
where model = :model and as_of = :as_of and status = 'building';

-- name: open_attempt
-- The next attempt to publish a day.
insert into ledger.publications (
    model, as_of, version, attempt, snapshot_checksum, manifest_hash, config_hash, query_hash, code_version, purpose,
    effective_at, shards
)
select :model, :as_of, :version, coalesce(max(attempt), 0) + 1, :snapshot_checksum, :manifest_hash, :config_hash, :query_hash,
    :code_version, :purpose, :effective_at, :shards
from ledger.publications
where model = :model and as_of = :as_of
returning publication_id, attempt;

-- name: pass_fence
-- Touches one row as long as no later attempt took over; the row stays locked until the end of the transaction.
update ledger.publications set snapshot_checksum = :snapshot_checksum
where publication_id = :publication_id and attempt = :attempt and status = 'building';

-- name: replace_live
-- The scores that were live until now.
update ledger.publications set status = 'replaced' where model = :model and as_of = :as_of and status = 'live';

-- name: make_live
-- The scores that are live from the commit on.
update ledger.publications
set status = 'live', rows = :rows, mean_score = :mean_score, scores_checksum = :scores_checksum, published_at = clock_timestamp()
where publication_id = :publication_id and attempt = :attempt and status = 'building'
returning extract(epoch from published_at - recorded_at)::double precision as seconds;

-- name: block_attempt
-- A check failed: nothing of this attempt can be read, and the ledger says why.
update ledger.publications set status = 'blocked', message = :message, mean_score = :mean_score
where publication_id = :publication_id and attempt = :attempt and status = 'building';

-- name: find_attempt
-- An attempt to publish a day, as a process that works for it finds it.
select publication_id, attempt, version, status, shards, snapshot_checksum, rows, mean_score, canary_id, canary_share,
    canary_version,
    extract(epoch from published_at - recorded_at)::double precision as seconds
from ledger.publications
where model = :model and as_of = :as_of and attempt = :attempt;

-- name: pass_shard_fence
-- One row as long as the attempt may still publish and its snapshot is what it was; both stay so until the end of the transaction.
select publications.publication_id
from ledger.publications
join ledger.snapshots using (model, as_of)
where publication_id = :publication_id and publications.status = 'building'
    and kind = 'features' and snapshots.status = 'valid' and checksum = snapshot_checksum
for share;

-- name: list_shards
-- The tables in which scores of a model wait, by name: those of attempts that have ended, or began before an instant.
select format('scores.%I', relname) as shard
from pg_class
join ledger.publications on publication_id = split_part(split_part(relname, '$', 2), '_', 1)::bigint
where relnamespace = 'scores'::regnamespace and relkind = 'r' and starts_with(relname, 'shard$') and model = :model
    and (status <> 'building' or recorded_at < :before)
order by relname;

-- name: record_arm
-- What one arm of a publication was given.
insert into ledger.canary_arms (publication_id, arm, version, rows, mean_score)
values (:publication_id, :arm, :version, :rows, :mean_score);

-- name: enter_publication
-- The publication has a canary: known before its rows are.
update ledger.publications set canary_id = :canary_id, canary_share = :share, canary_version = :version
where publication_id = :publication_id and status = 'building';
