-- Purpose: canaries, how they ended, what their arms were given, what was seen of them, and batches of requests.

-- name: start
-- A canary begins; its salt is its own.
insert into ledger.canaries (
    model, contest_id, challenger_recipe, champion_recipe, salt, alpha, harm_alpha, last_look, overlap, missing, started_for,
    reason, actor, purpose, effective_at
)
values (
    :model, :contest_id, :challenger_recipe, :champion_recipe, :salt, :alpha, :harm_alpha, :last_look, :overlap, :missing,
    :started_for, :reason, :actor, :purpose, :effective_at
)
returning canary_id;

-- name: canaries
-- Canaries of a model with their looks and their end, oldest first; one alone where its number is given.
select canaries.canary_id, model, contest_id, challenger_recipe, champion_recipe, salt, alpha, harm_alpha, last_look, overlap,
    missing, started_for, canaries.reason, canaries.actor, purpose, canaries.effective_at, canary_ends.kind as ended,
    canary_ends.reason as ended_because, canary_ends.effective_at as ended_at,
    (
        select coalesce(jsonb_agg(to_jsonb(looks) order by cardinality(as_ofs)), '[]')
        from ledger.canary_looks as looks
        where looks.canary_id = canaries.canary_id and side = 'gain'
    ) as looks,
    (
        select coalesce(jsonb_agg(to_jsonb(looks) order by cardinality(as_ofs)), '[]')
        from ledger.canary_looks as looks
        where looks.canary_id = canaries.canary_id and side = 'harm'
    ) as harm_looks,
    (
        select arms from ledger.canary_looks as looks
        where looks.canary_id = canaries.canary_id
        order by cardinality(as_ofs) desc, side
        limit 1
    ) as arms
from ledger.canaries
left join ledger.canary_ends using (canary_id)
where model = :model and canaries.canary_id = coalesce(cast(:canary_id as bigint), canaries.canary_id)
order by canaries.canary_id;

-- name: end
-- A canary is over; of two ends the first stands.
insert into ledger.canary_ends (canary_id, kind, reason, as_of, actor, effective_at)
values (:canary_id, :kind, :reason, :as_of, :actor, :effective_at)
on conflict do nothing;

-- name: draws
-- What canaries drew from the account of errors after an instant of the runs' clock, oldest first.
select alpha, effective_at
from ledger.canaries
where model = :model and effective_at > :since
order by effective_at, canary_id;

-- name: record_look
-- One look at the arms; the same rows are looked at once.
insert into ledger.canary_looks (
    canary_id, side, as_ofs, estimate, standard_error, information, spent, boundary, surplus, shock, arms, effective_at
)
values (
    :canary_id, :side, cast(:as_ofs as date[]), :estimate, :standard_error, :information, :spent, :boundary, :surplus, :shock,
    cast(:arms as jsonb), :effective_at
)
on conflict do nothing;

-- name: arms
-- What the arms of the live publications of a canary were given, newest as_of first.
select as_of, publications.publication_id, canary_share as share, arm, canary_arms.version, canary_arms.rows,
    canary_arms.mean_score
from ledger.publications
join ledger.canary_arms using (publication_id)
where canary_id = :canary_id and status = 'live'
order by as_of desc, arm desc;

-- name: published_days
-- Days with a live publication of a canary, its share and its salt; all of them without a number.
select as_of, publication_id, canary_id, canary_share as share, canary_version, salt
from ledger.publications
join ledger.canaries using (canary_id, model)
where model = :model and status = 'live' and canary_id = coalesce(cast(:canary_id as bigint), canary_id)
order by as_of;

-- name: served_shares
-- The smallest and the largest share that a canary of requests had on each day (UTC) on which it was asked.
select day, min(share) as low, max(share) as high
from ledger.requests
where model = :model and canary_id = :canary_id and share is not null
group by day
order by day;

-- name: record_request
-- What requests to one arm came to in a few seconds; as role recorder.
select ledger.record_request(
    :model, :arm, :version, :canary_id, :share, :requests, :rows, :errors, :inputs, :missing, :score_sum, :score_squares,
    :seconds, :second_squares, :effective_at
);

-- name: served_arms
-- What requests to a canary came to since a day, arm by arm.
select arm, sum(requests) as requests, sum(rows) as rows, sum(errors) as errors, sum(inputs)::bigint as inputs,
    sum(missing)::bigint as missing, sum(score_sum) as score_sum, sum(score_squares) as score_squares, sum(seconds) as seconds,
    sum(second_squares) as second_squares
from ledger.requests
where model = :model and canary_id = :canary_id and day >= :since
group by arm
order by arm desc;
