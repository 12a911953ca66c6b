-- Purpose: what is erased of entities at their request, and how the ledger stays true without them.

-- name: is_named
-- Does a text hold a word?
select :said ~ :word;

-- name: checksums
-- The checksum of every day of some models, by kind.
select model, as_of, kind, checksum from ledger.snapshots where model = any(:models);

-- name: columns_of_labels
-- What a day of labels was built with, the label first: its checksum covers that.
select recorded.value ->> 'name'
from ledger.snapshots days cross join lateral jsonb_array_elements(days.columns) with ordinality recorded
where days.model = :model and days.as_of = :as_of and days.kind = 'labels'
order by recorded.ordinality;

-- name: record_what_is_left
-- The ledger's row of a day after rows were erased from it; when it was built stays as it was.
update ledger.snapshots set rows = :rows, checksum = :checksum where model = :model and as_of = :as_of and kind = :kind;

-- name: versions_learned_from
-- The versions among whose training days is one of some as_ofs, oldest first.
select * from ledger.versions
where model = :model and training_as_ofs && cast(:as_ofs as date[])
order by version;

-- name: strike_texts
-- Strike a pattern out of what the ledger says to people; how many rows said it.
select ledger.strike_texts(cast(:models as text[]), :pattern);

-- name: record_erasure
-- One erasure.
insert into ledger.erasures (models, rows, reason, actor, effective_at)
values (cast(:models as text[]), cast(:rows as jsonb), :reason, :actor, :effective_at)
returning erasure_id;

-- name: follow_checksum
-- Former erasures of the day lead to what stands there after this one.
update ledger.erased_days set checksum = :checksum
where model = :model and as_of = :as_of and kind = :kind and checksum = :former_checksum;

-- name: record_day
-- One day that lost rows.
insert into ledger.erased_days (erasure_id, model, as_of, kind, rows, former_checksum, checksum)
values (:erasure_id, :model, :as_of, :kind, :rows, :former_checksum, :checksum);

-- name: record_version
-- One version that had learned from the entity.
insert into ledger.erased_versions (erasure_id, model, version, data_hash) values (:erasure_id, :model, :version, :data_hash);

-- name: data_hashes_without
-- Hashes of the training days of a version as they stood after each erasure.
select data_hash from ledger.erased_versions where model = :model and version = :version and data_hash is not null;
