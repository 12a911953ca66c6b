-- Purpose: movements of the alias champion: who is, was and will be champion; columns are those of `perennial.records.Promotion`.

-- name: champion
-- The newest applied movement names the champion.
select version from ledger.promotions where model = :model and status = 'applied' order by promotion_id desc limit 1;

-- name: champion_at
-- The champion at an instant of the runs' clock, rollbacks included: the rule that analysts read by as well.
select analytics.champion_at(:model, :instant);

-- name: movement_at
-- The movement that made somebody champion at an instant of the runs' clock: the one behind `champion_at`.
select promotion_id, model, version, previous_version, kind, status, evaluation_id, reason, actor, effective_at,
    ledger.recipe_of(model, version) as recipe
from ledger.promotions
where model = :model and status = 'applied' and effective_at <= :instant
order by effective_at desc, promotion_id desc
limit 1;

-- name: promotions
-- Every applied movement of the alias, oldest first.
select promotion_id, model, version, previous_version, kind, status, evaluation_id, reason, actor, effective_at,
    ledger.recipe_of(model, version) as recipe
from ledger.promotions
where model = :model and status = 'applied'
order by promotion_id;

-- name: movements
-- Every movement of the alias that was begun, whatever became of it, oldest first.
select promotion_id, model, version, previous_version, kind, status, evaluation_id, reason, actor, effective_at,
    ledger.recipe_of(model, version) as recipe
from ledger.promotions
where model = :model
order by promotion_id;

-- name: fits_of_recipe
-- Every fit of the recipe of a version, itself among them when the ledger knows it.
select fits.version
from ledger.versions
join ledger.versions as fits using (model, recipe)
where versions.model = :model and versions.version = :version;

-- name: open_promotions
-- Movements that were begun and not ended; all models when :model is null.
select promotion_id, model, version, previous_version, kind, status, evaluation_id, reason, actor, effective_at,
    ledger.recipe_of(model, version) as recipe
from ledger.promotions
where status = 'intended' and model = coalesce(:model, model)
order by promotion_id;

-- name: intend_promotion
-- The movement is announced before anything moves; never before the newest on the clock, or the history would change behind it.
insert into ledger.promotions (
    model, version, previous_version, kind, evaluation_id, reason, actor, purpose, effective_at
)
values (
    :model, :version, :previous_version, :kind, :evaluation_id, :reason, :actor, :purpose,
    greatest(
        :effective_at, (select max(effective_at) from ledger.promotions where model = :model and status = 'applied')
    )
)
returning promotion_id, model, version, previous_version, kind, status, evaluation_id, reason, actor, effective_at,
    ledger.recipe_of(model, version) as recipe;

-- name: apply_promotion
-- The alias has moved: from here on the version is the champion.
update ledger.promotions set status = 'applied', applied_at = clock_timestamp()
where promotion_id = :promotion_id and status = 'intended'
returning promotion_id, model, version, previous_version, kind, status, evaluation_id, reason, actor, effective_at,
    ledger.recipe_of(model, version) as recipe;

-- name: undo_promotion
-- The movement could not be finished; the reason says why.
update ledger.promotions set status = 'undone', reason = reason || ' Undone: ' || :because
where promotion_id = :promotion_id and status = 'intended'
returning promotion_id, model, version, previous_version, kind, status, evaluation_id, reason, actor, effective_at,
    ledger.recipe_of(model, version) as recipe;

-- name: record_unpin
-- A person took off the pin that a movement by hand had set.
insert into ledger.unpins (model, promotion_id, reason, actor, purpose, effective_at)
values (:model, :promotion_id, :reason, :actor, :purpose, :effective_at)
on conflict do nothing;

-- name: is_unpinned
-- Was the pin of a movement taken off?
select exists (select from ledger.unpins where promotion_id = :promotion_id);
