-- Purpose: challengers under test, their looks, and the account of errors that every test draws from.
-- `effective_at` is the clock of the run: what was drawn in the 365 days before it is the balance.

-- name: open_contest
-- A challenger enters against a champion; the same pair enters once.
insert into ledger.contests (
    model, challenger_version, champion_version, side, alpha, last_look, overlap, opened_for, purpose, effective_at
)
values (
    :model, :challenger_version, :champion_version, :side, :alpha, :last_look, :overlap, :opened_for, :purpose, :effective_at
)
on conflict do nothing;

-- name: contests
-- The contests of a model with their looks, oldest first; one pair, one side or one status only, where these are given.
select contest_id, model, challenger_version, champion_version, side, alpha, last_look, overlap, status, opened_for, effective_at,
    (
        select coalesce(jsonb_agg(to_jsonb(looks) order by cardinality(as_ofs)), '[]')
        from ledger.looks
        where looks.contest_id = contests.contest_id
    ) as looks
from ledger.contests
where model = :model
    and challenger_version = coalesce(:challenger_version, challenger_version)
    and champion_version = coalesce(:champion_version, champion_version)
    and side = coalesce(:side, side)
    and status = coalesce(:status, status)
order by contest_id;

-- name: record_look
-- One look; the same rows are looked at once.
insert into ledger.looks (contest_id, as_ofs, estimate, standard_error, information, spent, boundary, effective_at)
values (
    :contest_id, cast(:as_ofs as date[]), :estimate, :standard_error, :information, :spent, :boundary, :effective_at
)
on conflict do nothing;

-- name: end_contest
-- The challenger is no longer under test against this champion.
update ledger.contests set status = :status, reason = :reason, ended_at = clock_timestamp()
where contest_id = :contest_id and status = 'open';

-- name: draws
-- What was drawn from the account of errors after an instant of the runs' clock, oldest first; what a newer run drew counts too.
select alpha, effective_at
from ledger.contests
where model = :model and side = :side and effective_at > :since
order by effective_at, contest_id;

-- name: evaluations_of_a_day
-- The newest verdict on every challenger that was compared on a day, in the order in which they were trained.
select distinct on (challenger_version) evaluation_id, evidence as verdict
from ledger.evaluations
where model = :model and as_of = :as_of
order by challenger_version, evaluation_id desc;

-- name: trained_on_rows
-- Every version made of the same rows, oldest first.
select * from ledger.versions where model = :model and data_hash = :data_hash order by version;

-- name: is_refused
-- Did a person say no, or nothing in time, to this challenger in place of this champion?
select exists (
    select from ledger.approvals
    where model = :model and version = :challenger_version and champion_version = :champion_version
        and status in ('rejected', 'expired')
);
