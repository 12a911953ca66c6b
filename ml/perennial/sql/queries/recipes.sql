-- Purpose: recipes by their numbers, and their fits; columns are those of `perennial.records.RecipeEntry` and `Version`.

-- name: recipes
-- The recipes of a model, oldest first; one only, when its number is given.
select model, recipe as number, origin, chosen_on, because,
    jsonb_build_object(
        'algorithm', algorithm, 'parameters', parameters, 'features', to_jsonb(features), 'rulings', rulings
    ) as recipe
from ledger.recipes
where model = :model and recipe = coalesce(:number, recipe)
order by recipes.recipe;

-- name: enter_recipe
-- A new recipe gets the next number.
insert into ledger.recipes (
    model, recipe, algorithm, parameters, features, rulings, origin, chosen_on, because, purpose, effective_at
)
select :model, coalesce(max(recipe), 0) + 1, :algorithm, cast(:content as jsonb) -> 'parameters',
    cast(:features as text[]), cast(:content as jsonb) -> 'rulings', :origin, :chosen_on, :because, :purpose, :effective_at
from ledger.recipes
where model = :model
returning recipe;

-- name: newest_fit
-- The newest version of a recipe that was fitted for a day up to the given one.
select *
from ledger.versions
where model = :model and recipe = :recipe and trained_for <= :until
order by trained_for desc, version desc
limit 1;

-- name: chosen_fit
-- The newest version of a recipe whose training chose it among others.
select *
from ledger.versions
where model = :model and recipe = :recipe and choice is not null
order by trained_for desc, version desc
limit 1;

-- name: published_by
-- The newest attempt of each of some as_ofs that was published, or else stopped, where its version is a fit of the recipe. One with a
-- canary counts as stopped: its version scored not everybody, and whoever asks has it score the day again.
select as_of, status, version
from (
    select distinct on (as_of) as_of, case when canary_id is null then status else 'blocked' end as status, version
    from ledger.publications
    where model = :model and as_of = any(cast(:as_ofs as date[])) and status in ('live', 'blocked')
    order by as_of, publications.status = 'live' desc, attempt desc
) as newest
where ledger.recipe_of(:model, version) = :recipe;
