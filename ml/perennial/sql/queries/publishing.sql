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
    effective_at
)
select :model, :as_of, :version, coalesce(max(attempt), 0) + 1, :snapshot_checksum, :manifest_hash, :config_hash, :query_hash,
    :code_version, :purpose, :effective_at
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
set status = 'live', rows = :rows, mean_score = :mean_score, published_at = clock_timestamp()
where publication_id = :publication_id and attempt = :attempt and status = 'building'
returning extract(epoch from published_at - recorded_at)::double precision as seconds;

-- name: block_attempt
-- A check failed: nothing of this attempt can be read, and the ledger says why.
update ledger.publications set status = 'blocked', message = :message, mean_score = :mean_score
where publication_id = :publication_id and attempt = :attempt and status = 'building';
