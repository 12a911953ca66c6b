-- Purpose: a champion is a recipe, and its newest fit serves. Recipes get numbers, every version names its own, and contests
-- are held between recipes. Facts keep their values: what was a refit of the champion's recipe is called a refresh now, and
-- tests that compared single fits end, for their looks say nothing of weekly ones. Run by `perennial migrate` as role owner.

create table ledger.recipes (
    model text not null,
    recipe integer not null check (recipe > 0),
    algorithm text not null,
    parameters jsonb not null,
    features text[] not null default '{}',
    rulings jsonb not null default '{}',
    origin text not null check (origin in ('search', 'person', 'ruling', 'former')),
    chosen_on date,
    because text not null,
    purpose text not null check (purpose in ('live', 'simulation')),
    effective_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp(),
    primary key (model, recipe)
);
comment on table ledger.recipes is 'One row per (model, recipe): what can be fitted again; a version is one fit of it';
comment on column ledger.recipes.recipe is 'Number of the recipe among those of its model, from 1';
comment on column ledger.recipes.parameters is 'As given to the library, without the number of rounds, which every fit finds anew';
comment on column ledger.recipes.features is 'The inputs; empty: every column that is not excluded';
comment on column ledger.recipes.rulings is 'What a person had ruled about the inputs, in words';
comment on column ledger.recipes.origin is 'search, person (written by hand), ruling (the recipe before it after another ruling) or former (made before recipes were kept)';
comment on column ledger.recipes.chosen_on is 'Newest as_of that the choice looked at: as_ofs from the embargo after it on may judge it; null when it looked at none';

insert into ledger.recipes (
    model, recipe, algorithm, parameters, rulings, origin, chosen_on, because, purpose, effective_at
)
select
    model,
    row_number() over (partition by model order by min(version)),
    algorithm,
    coalesce((select jsonb_object_agg(key, value) from jsonb_each(parameters) where jsonb_typeof(value) <> 'string'), '{}'),
    coalesce((select jsonb_object_agg(key, value) from jsonb_each(parameters) where jsonb_typeof(value) = 'string'), '{}'),
    'former',
    (array_agg((select max(seen.as_of) from unnest(training_as_ofs) as seen (as_of)) order by version))[1],
    'Version ' || min(version) || ' was made by it, before recipes were kept.',
    'live',
    min(effective_at)
from ledger.versions
group by model, algorithm, parameters;

alter table ledger.versions disable trigger facts_stay;
alter table ledger.versions add column recipe integer;
update ledger.versions
set recipe = recipes.recipe
from ledger.recipes
where recipes.model = versions.model and recipes.algorithm = versions.algorithm
    and recipes.parameters || recipes.rulings = versions.parameters;
alter table ledger.versions alter column recipe set not null;
alter table ledger.versions add constraint made_by_a_recipe foreign key (model, recipe) references ledger.recipes;
alter table ledger.versions drop constraint versions_origin_check;
update ledger.versions set origin = 'refresh' where origin = 'renewal';
alter table ledger.versions add constraint versions_origin_check check (origin in ('training', 'refresh', 'manual'));
alter table ledger.versions drop constraint one_version_of_a_training;
alter table ledger.versions add constraint one_fit_of_a_recipe unique (model, trained_for, data_hash, origin, recipe);
alter table ledger.versions add column holdout_auc double precision;
alter table ledger.versions add column newest_mean_score double precision;
alter table ledger.versions add column distance jsonb;
alter table ledger.versions enable trigger facts_stay;
comment on column ledger.versions.recipe is 'What it is a fit of';
comment on column ledger.versions.origin is 'training: the first fit of a recipe under test; refresh: a later one; manual: registered by hand';
comment on column ledger.versions.holdout_as_ofs is 'Newest matured as_ofs, as scored by fits of its recipe that had not seen them; of a version from before recipes were kept: held out from it';
comment on column ledger.versions.holdout_mean_score is 'Mean of these scores';
comment on column ledger.versions.holdout_auc is 'Mean over these as_ofs of the AUC of these scores';
comment on column ledger.versions.newest_mean_score is 'Mean of its scores of the newest valid snapshot when it was fitted';
comment on column ledger.versions.distance is 'How far its scores of that snapshot lie from those of the former fit of its recipe; null for the first';

alter table ledger.promotions disable trigger movements_end_once;
alter table ledger.promotions drop constraint promotions_kind_check;
update ledger.promotions set kind = 'refresh' where kind = 'renewal';
alter table ledger.promotions add constraint promotions_kind_check
    check (kind in ('promote', 'refresh', 'rollback', 'manual', 'forced'));
alter table ledger.promotions enable trigger movements_end_once;

alter table ledger.evaluations disable trigger facts_stay;
update ledger.evaluations set evidence = evidence || '{"side": "refresh"}' where evidence ->> 'side' = 'renewal';
alter table ledger.evaluations enable trigger facts_stay;

update ledger.contests
set status = 'ended', reason = 'It compared single fits; recipes are compared by their weekly fits now.', ended_at = clock_timestamp()
where status = 'open';
alter table ledger.contests disable trigger contests_end_once;
alter table ledger.contests add column challenger_recipe integer, add column champion_recipe integer;
update ledger.contests
set challenger_recipe = challengers.recipe, champion_recipe = champions.recipe
from ledger.versions as challengers, ledger.versions as champions
where challengers.model = contests.model and challengers.version = contests.challenger_version
    and champions.model = contests.model and champions.version = contests.champion_version;
alter table ledger.contests alter column challenger_recipe set not null, alter column champion_recipe set not null;
alter table ledger.contests drop column challenger_version cascade, drop column champion_version cascade;
alter table ledger.contests enable trigger contests_end_once;
create unique index one_contest_of_a_pair on ledger.contests (model, challenger_recipe, champion_recipe, opened_for)
where side = 'superiority';
comment on table ledger.contests is 'One row per recipe under test against the champion''s; alpha was drawn from the account of errors when it was opened';

create table ledger.unpins (
    model text not null,
    promotion_id bigint not null references ledger.promotions,
    reason text not null,
    actor text not null,
    purpose text not null check (purpose in ('live', 'simulation')),
    effective_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp(),
    primary key (promotion_id)
);
comment on table ledger.unpins is 'One row per movement by hand whose pin a person took off: refreshes serve again';

create trigger facts_stay before update or delete or truncate on ledger.recipes
    for each statement execute function ledger.refuse_change();
create trigger facts_stay before update or delete or truncate on ledger.unpins
    for each statement execute function ledger.refuse_change();

create function ledger.recipe_of(model text, version integer) returns integer
language sql stable
return (
    select versions.recipe from ledger.versions where versions.model = recipe_of.model and versions.version = recipe_of.version
);
comment on function ledger.recipe_of is 'The recipe that a version is a fit of; null where the ledger does not know the version';

create function ledger.champion_recipe(model text) returns integer
language sql stable
return (
    select ledger.recipe_of(promotions.model, promotions.version)
    from ledger.promotions
    where promotions.model = champion_recipe.model and promotions.status = 'applied'
    order by promotion_id desc
    limit 1
);
comment on function ledger.champion_recipe is 'The recipe of the version that serves now; null before the first';

alter table ledger.runs drop constraint runs_stage_check;
alter table ledger.runs add constraint runs_stage_check check (stage in (
    'refresh', 'validate', 'assemble', 'refit', 'train', 'challenge', 'compare', 'promote', 'score', 'monitor', 'decide', 'rollback', 'unpin',
    'answer', 'carry_out', 'expire', 'force', 'admit', 'reject'
));

grant select, insert on ledger.recipes, ledger.unpins to pipeline;
