-- Purpose: the scores to act on: those of the newest as_of that has live ones.
-- Grain: one row per entity. Made by `perennial sync` as pipeline, whose rights on the ledger it lends; no parameters.
create or replace view analytics.{model}_scores_latest as
select as_of, entity_id,{published_columns} score, rank, decile, reason_1, reason_2, reason_3{key_columns}
from scores.{model}
where as_of = (select max(as_of) from ledger.publications where model = '{model}' and status = 'live');

comment on view analytics.{model}_scores_latest is 'Scores of the newest as_of with a live publication (not of the newest write), one row per entity';
comment on column analytics.{model}_scores_latest.as_of is 'The day pretended to be: only facts known before its start count';
comment on column analytics.{model}_scores_latest.entity_id is 'What got the score; of a key of several columns their values as the text of a JSON array, as json_build_array(...)::text writes it: a filter on it finds a row by the index';
comment on column analytics.{model}_scores_latest.{published} is '{meaning}';
comment on column analytics.{model}_scores_latest.score is '{score}';
comment on column analytics.{model}_scores_latest.rank is '1 is the highest score of the as_of; equal scores in the order of entity_id';
comment on column analytics.{model}_scores_latest.decile is 'Tenth by rank: 1 holds the highest scores';
comment on column analytics.{model}_scores_latest.reason_1 is 'The strongest reason: + raises the score, - lowers it, then feature = value';
comment on column analytics.{model}_scores_latest.reason_2 is 'The second strongest reason';
comment on column analytics.{model}_scores_latest.reason_3 is 'The third strongest reason';
comment on column analytics.{model}_scores_latest.{key} is 'A column of entity.key, in its own type';
