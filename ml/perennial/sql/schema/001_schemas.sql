-- Purpose: the schemas of the warehouse and who may do what in them. Run as owner of the database.
-- source is written by loader and read by pipeline; analysts see analytics and nothing else.

create schema source;
create schema features;
create schema labels;
create schema scores;
create schema if not exists ledger;
create schema tuning;
create schema analytics;

comment on schema source is 'The user''s tables: append-only facts with the time they happened and the time they became known';
comment on schema features is 'One table per model: snapshots, one row per (as_of, entity_id)';
comment on schema labels is 'One table per model: matured outcomes, one row per (as_of, entity_id)';
comment on schema scores is 'One table per model: published scores, one row per (as_of, entity_id)';
comment on schema ledger is 'What was built, decided, promoted, published and mailed, by whom and on what evidence';
comment on schema tuning is 'Optuna''s own tables';
comment on schema analytics is 'What analysts read';

grant usage, create on schema source to loader;
grant usage on schema source to pipeline;
alter default privileges for role loader in schema source grant select on tables to pipeline;
grant usage, create on schema features, labels, scores, tuning, analytics to pipeline;
grant usage on schema ledger to pipeline;
grant usage on schema analytics to analyst;
alter default privileges for role pipeline in schema analytics grant select on tables to analyst;
