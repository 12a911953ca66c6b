-- Purpose: what `perennial capture` saw of tables that are updated in place, kept from then on.
-- Run by `perennial migrate` as role owner.
create schema history;
comment on schema history is 'One table per captured table of the warehouse: a row per new, changed or deleted row, with the instant at which it was seen';
grant usage, create on schema history to pipeline;
