-- Purpose: levels that a person has accepted.

-- name: record_acceptance
-- One word of a person.
insert into ledger.acceptances (model, as_of, accepted, level, reason, actor, purpose, effective_at)
values (:model, :as_of, :accepted, :level, :reason, :actor, :purpose, :effective_at);

-- name: newest_acceptance
-- The newest word about a level that holds for a day: said of that day or of one before it.
select model, as_of, accepted, level, reason, actor, purpose, effective_at
from ledger.acceptances
where model = :model and accepted = :accepted and as_of <= :as_of
order by as_of desc, acceptance_id desc
limit 1;

-- name: stopped_mean
-- The mean score for which the newest finished attempt of a day was stopped; no row when it was not.
select mean_score
from (
    select status, mean_score
    from ledger.publications
    where model = :model and as_of = :as_of and status <> 'building'
    order by attempt desc
    limit 1
) as newest
where status = 'blocked' and mean_score is not null;
