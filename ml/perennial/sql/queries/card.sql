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
-- What people were asked about the recipe of a version, and what they said, oldest first.
select effective_at, because, status, answered_by, remark, answered_effective_at
from ledger.approvals
where model = :model and ledger.recipe_of(model, version) = ledger.recipe_of(:model, :version)
order by question_id;

-- name: fits
-- Every fit of the recipe of a version, oldest first, with how many as_ofs it has published that analysts still see.
select fits.version, fits.trained_for, fits.origin,
    (select max(learned) from unnest(fits.training_as_ofs) as learned) as newest_as_of,
    (
        select count(*)
        from ledger.publications
        where publications.model = fits.model and publications.version = fits.version and publications.status = 'live'
    ) as published
from ledger.versions as fits
where fits.model = :model and fits.recipe = ledger.recipe_of(:model, :version)
order by fits.trained_for, fits.version;

-- name: published
-- What a version itself has published and analysts still see, oldest first, with what came true of it.
select
    publications.as_of, publications.rows, publications.mean_score, outcomes.positives, outcomes.base_rate,
    ledger.metrics_of(publication_id) as metrics
from ledger.publications
left join ledger.outcomes using (publication_id)
where publications.model = :model and publications.version = :version and publications.status = 'live'
order by publications.as_of;

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
    publication_id, outcomes.model, outcomes.as_of, outcomes.version, outcomes.rows, positives, outcomes.mean_score,
    base_rate, ledger.metrics_of(publication_id) as metrics
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
