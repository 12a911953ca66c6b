-- Purpose: challengers under test, their looks, and the account of errors that every test draws from.
-- `effective_at` is the clock of the run: what was drawn in the 365 days before it is the balance.

-- name: open_contest
-- A recipe enters against that of a champion; the same pair enters once for a day.
insert into ledger.contests (
    model, challenger_recipe, champion_recipe, side, alpha, last_look, overlap, opened_for, purpose, effective_at
)
values (
    :model, :challenger_recipe, :champion_recipe, 'superiority', :alpha, :last_look, :overlap, :opened_for, :purpose,
    :effective_at
)
on conflict do nothing;

-- name: contests
-- The contests of a model with their looks, oldest first; one pair or one status only, where these are given.
select contest_id, model, challenger_recipe, champion_recipe, alpha, last_look, overlap, status, opened_for, effective_at,
    (
        select coalesce(jsonb_agg(to_jsonb(looks) order by cardinality(as_ofs)), '[]')
        from ledger.looks
        where looks.contest_id = contests.contest_id
    ) as looks
from ledger.contests
where model = :model and side = 'superiority'
    and challenger_recipe = coalesce(:challenger_recipe, challenger_recipe)
    and champion_recipe = coalesce(:champion_recipe, champion_recipe)
    and status = coalesce(:status, status)
order by contest_id;

-- name: record_look
-- One look; the same rows are looked at once.
insert into ledger.looks (
    contest_id, as_ofs, estimate, standard_error, information, spent, boundary, surplus, shock, effective_at
)
values (
    :contest_id, cast(:as_ofs as date[]), :estimate, :standard_error, :information, :spent, :boundary, :surplus, :shock,
    :effective_at
)
on conflict do nothing;

-- name: earlier_looks
-- The newest look at every pair of a model before an instant of the runs' clock, one pair left out: what is known of shocks.
select distinct on (contest_id) looks.*
from ledger.looks join ledger.contests using (contest_id)
where model = :model and contest_id is distinct from :contest_id and surplus is not null and looks.effective_at < :before
order by contest_id, cardinality(as_ofs) desc;

-- name: end_contest
-- The challenger is no longer under test against this champion.
update ledger.contests set status = :status, reason = :reason, ended_at = clock_timestamp()
where contest_id = :contest_id and status = 'open';

-- name: draws
-- What was drawn from the account of errors after an instant of the runs' clock, oldest first; what a newer run drew counts too.
select alpha, effective_at
from ledger.contests
where model = :model and side = 'superiority' and effective_at > :since
order by effective_at, contest_id;

-- name: evaluations_of_a_day
-- The newest verdict on every challenger that was compared on a day, in the order in which they were trained.
select distinct on (challenger_version) evaluation_id, evidence as verdict
from ledger.evaluations
where model = :model and as_of = :as_of
order by challenger_version, evaluation_id desc;

-- name: is_refused
-- Did a person say no, since an instant, to this recipe in the place of that one? Silence is no answer.
select exists (
    select from ledger.approvals
    where approvals.model = :model and approvals.effective_at >= :since and status = 'rejected'
        and ledger.recipe_of(model, version) = :challenger_recipe
        and ledger.recipe_of(model, champion_version) = :champion_recipe
);

-- name: record_timings
-- How long two versions took beside each other; of two measurements the first stands.
insert into ledger.timings (model, challenger_manifest, champion_manifest, challenger_seconds, champion_seconds)
values (:model, :challenger_manifest, :champion_manifest, :challenger_seconds, :champion_seconds)
on conflict do nothing;

-- name: find_timings
-- The timings of two versions by the hashes of their files.
select challenger_seconds, champion_seconds
from ledger.timings
where model = :model and challenger_manifest = :challenger_manifest and champion_manifest = :champion_manifest;
