-- Purpose: what a model card says of one version that no other page asks for; read only.

-- name: verdicts_on
-- Every comparison of the recipe of a version as challenger, oldest first.
select evaluation_id, effective_at, evidence as verdict
from ledger.evaluations
where model = :model
    and coalesce(cast(evidence ->> 'challenger_recipe' as integer), ledger.recipe_of(model, challenger_version))
        = ledger.recipe_of(:model, :version)
order by evaluation_id;

-- name: verdicts_against
-- Every comparison in which it was the champion's, oldest first.
select evaluation_id, effective_at, evidence as verdict
from ledger.evaluations
where model = :model
    and coalesce(cast(evidence ->> 'champion_recipe' as integer), ledger.recipe_of(model, champion_version))
        = ledger.recipe_of(:model, :version)
order by evaluation_id;

-- name: contests_of
-- Every sequential test in which the recipe of a version stood on either side, oldest first; their looks stand in the verdicts.
select contest_id, model, challenger_recipe, champion_recipe, alpha, last_look, overlap, status, opened_for, effective_at
from ledger.contests
where model = :model and side = 'superiority' and ledger.recipe_of(:model, :version) in (challenger_recipe, champion_recipe)
order by contest_id;

-- name: questions_about
-- What people were asked about a version, and what they said, oldest first.
select effective_at, because, status, answered_by, remark, answered_effective_at
from ledger.approvals
where model = :model and version = :version
order by question_id;

-- name: built_days
-- The snapshots of some days, oldest first, with the entities that the suites rejected.
select
    snapshots.as_of,
    snapshots.rows,
    snapshots.purpose,
    snapshots.known_rule,
    (
        select count(distinct quarantine.entity_id)
        from ledger.quarantine
        where quarantine.model = snapshots.model and quarantine.as_of = snapshots.as_of and quarantine.source is null
    ) as quarantined
from ledger.snapshots
where snapshots.model = :model and snapshots.kind = 'features' and snapshots.as_of = any(cast(:as_ofs as date[]))
order by snapshots.as_of;

-- name: served
-- The matured outcomes of what the fits of a version's recipe published and analysts still see, oldest as_of first.
select
    outcomes.publication_id, outcomes.model, outcomes.as_of, outcomes.version, outcomes.rows, positives, log_loss,
    outcomes.mean_score, base_rate,
    jsonb_build_object('estimate', auc, 'low', auc_low, 'high', auc_high, 'standard_error', auc_standard_error) as auc
from ledger.outcomes
join ledger.publications using (publication_id)
where outcomes.model = :model and publications.status = 'live'
    and ledger.recipe_of(outcomes.model, outcomes.version) = ledger.recipe_of(:model, :version)
order by outcomes.as_of;

-- name: checks_of
-- The newest drift checks of what a version scored, newest first.
select evidence
from ledger.drift_checks
where model = :model and version = :version
order by as_of desc
limit :limit;
