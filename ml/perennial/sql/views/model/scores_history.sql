-- Purpose: every published score, with what it came from.
-- Grain: one row per (as_of, entity_id). Made by `perennial sync` as pipeline, whose rights on the ledger it lends; no parameters.
create or replace view analytics.{model}_scores_history as
select
    scores.as_of,
    scores.entity_id,{published_columns}
    scores.score,
    scores.rank,
    scores.decile,
    scores.reason_1,
    scores.reason_2,
    scores.reason_3,
    case
        when publications.canary_id is not null and ledger.place_entity(scores.entity_id::text, canaries.salt) < canary_share
            then canary_version
        else publications.version
    end as version,
    publications.effective_at as scored_at,
    publications.purpose,
    publication_id{key_columns}
from scores.{model} as scores
join ledger.publications using (publication_id)
left join ledger.canaries using (canary_id)
where publications.status = 'live';

comment on view analytics.{model}_scores_history is 'Live scores of every as_of, one row per (as_of, entity_id); join {model}_lineage on publication_id for all they came from';
comment on column analytics.{model}_scores_history.as_of is 'The day pretended to be: only facts known before its start count';
comment on column analytics.{model}_scores_history.entity_id is 'What got the score; of a key of several columns their values as the text of a JSON array, as json_build_array(...)::text writes it: a filter on it finds a row by the index';
comment on column analytics.{model}_scores_history.{published} is '{meaning}';
comment on column analytics.{model}_scores_history.score is '{score}';
comment on column analytics.{model}_scores_history.rank is '1 is the highest score of the as_of; equal scores in the order of entity_id';
comment on column analytics.{model}_scores_history.decile is 'Tenth by rank: 1 holds the highest scores';
comment on column analytics.{model}_scores_history.reason_1 is 'The strongest reason: + raises the score, - lowers it, then feature = value';
comment on column analytics.{model}_scores_history.reason_2 is 'The second strongest reason';
comment on column analytics.{model}_scores_history.reason_3 is 'The third strongest reason';
comment on column analytics.{model}_scores_history.version is 'Model version that scored this row; with a canary some rows are scored by the recipe under test';
comment on column analytics.{model}_scores_history.scored_at is 'The clock of the run that scored: the wall''s when live, else the simulated one';
comment on column analytics.{model}_scores_history.purpose is 'live, simulation or backfill';
comment on column analytics.{model}_scores_history.publication_id is 'The publication that wrote the row; key of {model}_lineage';
comment on column analytics.{model}_scores_history.{key} is 'A column of entity.key, in its own type';
